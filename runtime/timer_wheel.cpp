#include <levada/runtime/timer_wheel.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace levada::detail {

timer_wheel::timer_wheel(time_point origin) noexcept
    : base_(static_cast<ticks>(
        std::max<duration::rep>(origin.time_since_epoch().count(), 0))) {
}

timer_wheel::ticks timer_wheel::key(const timer_node& node) const noexcept {
  const auto when
    = std::max<duration::rep>(node.when.time_since_epoch().count(), 0);
  return std::max(static_cast<ticks>(when), base_);
}

void timer_wheel::insert(timer_node& node) noexcept {
  const auto when = key(node);
  // (| 1: the base itself stands on the lowest level)
  const auto highest
    = 63U - static_cast<unsigned>(std::countl_zero((when ^ base_) | 1));
  const auto level = highest / bits;
  append(ticks{level} * digits + ((when >> (level * bits)) & (digits - 1)),
         node);
  ++size_;
}

void timer_wheel::append(std::size_t list, timer_node& node) noexcept {
  node.list = static_cast<std::uint16_t>(list);
  if (auto* first = lists_[list]) {
    node.next = first;
    node.previous = first->previous;
    first->previous->next = &node;
    first->previous = &node;
  } else {
    node.next = node.previous = &node;
    lists_[list] = &node;
    occupied_[list / digits] |= std::uint64_t{1} << (list % digits);
    occupied_levels_ |= 1U << (list / digits);
  }
}

void timer_wheel::remove(timer_node& node) noexcept {
  unlink(node);
  --size_;
}

void timer_wheel::unlink(timer_node& node) noexcept {
  const std::size_t list = node.list;
  if (node.next != &node) {
    node.previous->next = node.next;
    node.next->previous = node.previous;
    if (lists_[list] == &node)
      lists_[list] = node.next;
    return;
  }
  lists_[list] = nullptr;
  auto& level = occupied_[list / digits];
  level &= ~(std::uint64_t{1} << (list % digits));
  if (level == 0)
    occupied_levels_ &= ~(1U << (list / digits));
}

/// There is one.
std::size_t timer_wheel::first_list() const noexcept {
  const auto level
    = static_cast<std::size_t>(std::countr_zero(occupied_levels_));
  return level * digits
         + static_cast<std::size_t>(std::countr_zero(occupied_[level]));
}

/// The first deadline that belongs in `list`.
timer_wheel::ticks timer_wheel::start_of(std::size_t list) const noexcept {
  const auto shift = list / digits * bits;
  const auto above = shift + bits;
  const auto kept = above >= 64 ? 0 : base_ >> above << above;
  return kept | static_cast<ticks>(list % digits) << shift;
}

/// Moves the nodes of `list`, whose start has become the base, further down.
void timer_wheel::spread(std::size_t list) noexcept {
  auto* node = lists_[list];
  node->previous->next = nullptr;
  lists_[list] = nullptr;
  occupied_[list / digits] &= ~(std::uint64_t{1} << (list % digits));
  if (occupied_[list / digits] == 0)
    occupied_levels_ &= ~(1U << (list / digits));
  while (node != nullptr) {
    auto* const moved = std::exchange(node, node->next);
    __builtin_prefetch(node, 1);
    insert(*moved);
    --size_;
  }
}

timer_node* timer_wheel::take_due(time_point now) noexcept {
  const auto limit = static_cast<ticks>(
    std::max<duration::rep>(now.time_since_epoch().count(), 0));
  while (occupied_levels_ != 0) {
    const auto list = first_list();
    const auto start = start_of(list);
    if (start > limit)
      break;
    auto& node = *lists_[list];
    if (list < digits || (node.next == &node && key(node) <= limit)) {
      remove(node);
      if (occupied_levels_ != 0)
        __builtin_prefetch(lists_[first_list()], 1); // the next one
      return &node;
    }
    base_ = start;
    spread(list);
  }
  base_ = std::max(base_, limit);
  return nullptr;
}

time_point timer_wheel::first() const noexcept {
  return earliest(-1);
}

time_point timer_wheel::first_at_least() const noexcept {
  return earliest(few);
}

time_point timer_wheel::earliest(int looks) const noexcept {
  if (occupied_levels_ == 0)
    return time_point::max();
  const auto list = first_list();
  auto result = time_point::max();
  const auto* node = lists_[list];
  do {
    if (looks-- == 0)
      return time_point{duration{static_cast<duration::rep>(start_of(list))}};
    result = std::min(result, node->when);
    node = node->next;
  } while (node != lists_[list]);
  return result;
}

} // namespace levada::detail
