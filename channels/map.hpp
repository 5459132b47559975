// map, filter_map, filter_as: what a receiver gives, made into something else.
//
//   auto lengths = levada::map(lines, [](const std::string& s) { return s.size(); });
//   auto texts = levada::filter_as<std::string>(variants);
//
// They take any receiver and give an any_receiver. The function runs in whoever
// receives, for one item at a time; nothing runs in the background. map calls it
// when the value is taken (not by ready()), filter_map when an item has come.
// What it throws reaches the reader, that item is gone, the next receive goes on.
// Closing, threads and cost: see any_receiver.
#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include <levada/channels/any_receiver.hpp>

namespace levada {
namespace detail {

template <class U, class T, class F>
class filter_map_source final : public source<U> {
public:
  filter_map_source(std::unique_ptr<source<T>> from, F f)
      : from_(std::move(from)),
        f_(std::move(f)) {
  }
  void close() noexcept override {
    made_.reset();
    from_->close();
  }
  bool is_closed() const noexcept override {
    return !made_ && from_->is_closed();
  }
  bool holds_value() const noexcept override {
    return made_.has_value();
  }

private:
  void do_wish(wish_list& list) override {
    from_->wish(list);
  }
  bool do_look(std::uint32_t index) override {
    if (!from_->look(index))
      return false;
    auto got = from_->take();
    if (!got)
      return false;
    if (!*got)
      return true; // closed
    made_ = std::invoke(f_, **std::move(got));
    return made_.has_value();
  }
  std::optional<receive_result<U>> do_take() override {
    if (!made_)
      return receive_result<U>{errc::closed};
    return receive_result<U>{std::in_place,
                             *std::exchange(made_, std::nullopt)};
  }
  U* do_peek() override {
    return made_ ? &*made_ : nullptr;
  }

  std::unique_ptr<source<T>> from_;
  F f_;
  std::optional<U> made_;
};

template <class U>
struct is_variant : std::false_type {};
template <class... Ts>
struct is_variant<std::variant<Ts...>> : std::true_type {};

template <class U, class T>
std::optional<U> narrowed(T&& item) {
  using plain = std::remove_cvref_t<T>;
  if constexpr (is_variant<plain>::value) {
    if (auto* found = std::get_if<U>(&item))
      return std::move(*found);
    return std::nullopt;
  } else {
    static_assert(std::is_pointer_v<plain> && std::is_pointer_v<U>,
                  "filter_as narrows a variant to one of its types, or a "
                  "pointer to a derived class; else use filter_map");
    if (auto* found = dynamic_cast<U>(item))
      return found;
    return std::nullopt;
  }
}

} // namespace detail

/// Gives f(item) for each item.
template <receivable R, class F>
  requires std::invocable<F&, received_type<R>>
auto map(R from, F f) {
  using T = received_type<R>;
  using U = std::decay_t<std::invoke_result_t<F&, T>>;
  return detail::source_access::make<U>(
    std::make_unique<detail::map_source<U, T, F>>(
      detail::source_of(std::move(from)), std::move(f)));
}

/// f(item) is an optional: gives what is in it, and drops the item when nothing.
template <receivable R, class F>
  requires std::invocable<F&, received_type<R>>
auto filter_map(R from, F f) {
  using T = received_type<R>;
  using U = typename std::decay_t<std::invoke_result_t<F&, T>>::value_type;
  return detail::source_access::make<U>(
    std::make_unique<detail::filter_map_source<U, T, F>>(
      detail::source_of(std::move(from)), std::move(f)));
}

/// Gives the items that are a U: one alternative of a variant, or pointers that
/// dynamic_cast to U.
template <class U, receivable R>
any_receiver<U> filter_as(R from) {
  return filter_map(std::move(from), [](received_type<R> item) {
    return detail::narrowed<U>(std::move(item));
  });
}

} // namespace levada
