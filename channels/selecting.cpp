#include <levada/channels/selecting.hpp>

#include <algorithm>

namespace levada {
namespace detail {

loop_member* loop_core::find(const void* who) const noexcept {
  const auto found
    = std::find_if(members_.begin(), members_.end(), [who](const auto& each) {
        return !each->stopped && each->identity() == who;
      });
  return found == members_.end() ? nullptr : found->get();
}

bool loop_core::remove(const void* who) noexcept {
  auto* found = who == nullptr ? nullptr : find(who);
  if (found == nullptr)
    return false;
  found->stopped = true;
  return true;
}

std::size_t loop_core::size() const noexcept {
  return static_cast<std::size_t>(
    std::count_if(members_.begin(), members_.end(),
                  [](const auto& each) { return !each->stopped; }));
}

void loop_core::begin() {
  auto* const forgotten
    = checked_ && !std::exchange(asked_, true) ? out_ : nullptr;
  out_ = nullptr;
  if (forgotten != nullptr)
    throw unhandled_event{forgotten->index, forgotten->identity(),
                          forgotten->move_last()};
  std::erase_if(members_, [](const auto& each) { return each->stopped; });
}

void loop_core::wish(wish_list& list) {
  const auto first
    = std::find_if(members_.begin(), members_.end(), [this](const auto& each) {
        return before_ != SIZE_MAX && each->index > before_;
      });
  const auto add = [&list](const auto& each) {
    if (!each->stopped)
      each->wish(list);
  };
  std::for_each(first, members_.end(), add);
  std::for_each(members_.begin(), first, add);
}

loop_member* loop_core::settle(std::uint32_t which) {
  const auto found
    = std::find_if(members_.begin(), members_.end(),
                   [which](const auto& each) { return each->wished(which); });
  if (found == members_.end())
    return nullptr;
  // also when it dropped what came: or it would come first for ever
  before_ = (*found)->index;
  if (!(*found)->look(which))
    return nullptr;
  out_ = found->get();
  asked_ = false;
  return out_;
}

} // namespace detail

unhandled_event::unhandled_event(std::size_t index, const void* who,
                                 std::shared_ptr<void> result)
    : unhandled_selected(
      index,
      "selecting: nobody asked for the event of receiver "
        + std::to_string(index)
        + " (counted from 0); ask with from() or is(), say ignore(), or make "
          "the loop with levada::unchecked"),
      who_(who),
      result_(std::move(result)) {
}

} // namespace levada
