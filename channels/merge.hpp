// merge: several receivers as one.
//
//   auto all = levada::merge(rx_a, rx_b, levada::map(rx_c, to_same_type));
//   while (auto v = co_await all.receive()) …
//
// Items come as they arrive; among receivers that have something each time one
// is chosen by chance, so none is starved. Nothing is taken ahead of a receive.
// An input that ends is left out; the merge ends when all have ended.
// Closing, threads and cost: see any_receiver.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include <levada/channels/any_receiver.hpp>

namespace levada {
namespace detail {

template <class T>
class merge_source final : public source<T> {
public:
  explicit merge_source(std::vector<std::unique_ptr<source<T>>> inputs) noexcept
      : inputs_(std::move(inputs)) {
  }

  void close() noexcept override {
    for (auto& each : inputs_)
      each->close();
  }
  bool is_closed() const noexcept override {
    return std::all_of(inputs_.begin(), inputs_.end(),
                       [](auto& each) { return each->is_closed(); });
  }
  bool holds_value() const noexcept override {
    return found_ != nullptr && found_->holds_value();
  }

private:
  void do_wish(wish_list& list) override {
    for (auto& each : inputs_)
      each->wish(list);
    if (inputs_.empty())
      list.add(over_.emplace(list.claim(), list.next()));
  }
  bool do_look(std::uint32_t index) override {
    found_ = nullptr;
    const auto which
      = std::find_if(inputs_.begin(), inputs_.end(),
                     [index](auto& each) { return each->wished(index); });
    if (which == inputs_.end())
      return true; // all have ended
    if (!(*which)->look(index))
      return false;
    if ((*which)->holds_value()) {
      found_ = which->get();
      return true;
    }
    inputs_.erase(which);
    return inputs_.empty();
  }
  std::optional<receive_result<T>> do_take() override {
    if (found_ == nullptr)
      return receive_result<T>{errc::closed};
    return std::exchange(found_, nullptr)->take();
  }
  T* do_peek() override {
    return found_ == nullptr ? nullptr : found_->peek();
  }

  std::vector<std::unique_ptr<source<T>>> inputs_;
  /// The input that has something in hand.
  source<T>* found_ = nullptr;
  std::optional<ready_wish> over_;
};

} // namespace detail

/// One receiver of all that the given ones give, which must have a common type.
template <receivable... Rs>
auto merge(Rs... from) {
  static_assert(sizeof...(Rs) > 0, "merge: of at least one receiver");
  using T = std::common_type_t<received_type<Rs>...>;
  std::vector<std::unique_ptr<detail::source<T>>> inputs;
  (inputs.push_back(
     detail::source_access::take(any_receiver<T>{std::move(from)})),
   ...);
  return detail::source_access::make<T>(
    std::make_unique<detail::merge_source<T>>(std::move(inputs)));
}

/// The same for as many as there are. Throws channel_error(invalid_argument) for
/// none.
template <receivable R>
any_receiver<received_type<R>> merge(std::vector<R> from) {
  using T = received_type<R>;
  if (from.empty())
    throw_error(make_error_code(errc::invalid_argument),
                "merge: at least one receiver is needed");
  std::vector<std::unique_ptr<detail::source<T>>> inputs;
  for (auto& each : from)
    inputs.push_back(detail::source_of(std::move(each)));
  return detail::source_access::make<T>(
    std::make_unique<detail::merge_source<T>>(std::move(inputs)));
}

} // namespace levada
