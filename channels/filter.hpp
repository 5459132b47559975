// filter: some of what a receiver gives.
//
//   auto evens = levada::filter(numbers, [](int n) { return n % 2 == 0; });
//   auto changes = levada::filter(states, levada::with_previous(std::not_equal_to{}));
//
// It takes any receiver and gives an any_receiver. The predicate runs in whoever
// receives, once for each item, when it has come; the items it is false for are
// dropped. What it throws reaches the reader, that item is gone, the next receive
// goes on. Closing, threads and cost: see any_receiver.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <levada/channels/any_receiver.hpp>

namespace levada {
namespace detail {

template <class T, class P>
class filter_source final : public source<T> {
public:
  filter_source(std::unique_ptr<source<T>> from, P accepts)
      : from_(std::move(from)),
        accepts_(std::move(accepts)) {
  }
  void close() noexcept override {
    from_->close();
  }
  bool is_closed() const noexcept override {
    return from_->is_closed();
  }
  bool holds_value() const noexcept override {
    return from_->holds_value();
  }

private:
  void do_wish(wish_list& list) override {
    from_->wish(list);
  }
  bool do_look(std::uint32_t index) override {
    if (!from_->look(index))
      return false;
    if (!from_->holds_value())
      return true; // closed
    auto* item = from_->peek();
    if (item == nullptr)
      return false; // void
    bool wanted = false;
    try {
      wanted = std::invoke(accepts_, std::as_const(*item));
    } catch (...) {
      (void)from_->take(); // or it would be asked about for ever
      throw;
    }
    if (!wanted)
      (void)from_->take();
    return wanted;
  }
  std::optional<receive_result<T>> do_take() override {
    return from_->take();
  }
  T* do_peek() override {
    return from_->peek();
  }

  std::unique_ptr<source<T>> from_;
  P accepts_;
};

/// A predicate with a memory, which needs to know what it is asked about.
template <class P, class T>
concept binds_to = requires(P p) { std::move(p).template bind<T>(); };

} // namespace detail

/// Gives the items that `accepts` is true for; the others are dropped. (May be
/// with_previous(…).)
template <receivable R, class P>
any_receiver<received_type<R>> filter(R from, P accepts) {
  using T = received_type<R>;
  if constexpr (detail::binds_to<P, T>) {
    return filter(std::move(from), std::move(accepts).template bind<T>());
  } else {
    static_assert(std::predicate<P&, const T&>,
                  "filter takes a predicate on the received items");
    return detail::source_access::make<T>(
      std::make_unique<detail::filter_source<T, P>>(
        detail::source_of(std::move(from)), std::move(accepts)));
  }
}

namespace detail {

template <class T, class P>
class previous_filter {
public:
  previous_filter(P accepts, bool first)
      : accepts_(std::move(accepts)),
        first_(first) {
  }

  bool operator()(const T& item) {
    const bool result
      = previous_ ? static_cast<bool>(std::invoke(accepts_, item, *previous_))
                  : first_;
    previous_ = item;
    return result;
  }

private:
  P accepts_;
  bool first_;
  std::optional<T> previous_;
};

} // namespace detail

/// A predicate for filter() that sees the item before, too:
/// `filter(rx, with_previous([](int now, int before) { return now != before; }))`.
/// "Before" is the last item seen, also when it was not accepted. The first item
/// has none: it is accepted if `first_is_true`. Copies each item.
template <class P>
class with_previous {
public:
  explicit with_previous(P accepts, bool first_is_true = true)
      : accepts_(std::move(accepts)),
        first_(first_is_true) {
  }

  template <class T>
    requires std::predicate<P&, const T&, const T&>
  detail::previous_filter<T, P> bind() && {
    return {std::move(accepts_), first_};
  }

private:
  P accepts_;
  bool first_;
};

} // namespace levada
