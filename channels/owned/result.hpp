// What receiving from an owned channel returns: a value; or what is left of one
// whose owner is gone, which is no end of the channel, so the result is true:
//
//   while (auto got = co_await rx.receive()) {  // ends when closed and drained
//     if (got.has_value())
//       use(*got);
//     else if (got.is_unbound())
//       …                                       // replaced: owner_gone::replace
//     else
//       …                                       // owner_gone::error
//   }
//
// `*got` and value() throw item_owner_gone when there is no value, instead of
// giving nonsense to who forgets to ask.
#pragma once

#include <utility>

#include <levada/actors/owner_table.hpp>
#include <levada/channels/outcome.hpp>

namespace levada {
namespace detail {

template <class T>
class owned_base {
public:
  using value_type = T;

  explicit owned_base(errc code) noexcept : code_(code) {
  }
  explicit owned_base(owned_kind kind) noexcept
      : code_(kind == owned_kind::error ? errc::owner_gone : errc{}) {
  }
  owned_base(std::in_place_t, T&& value)
      : value_(std::in_place, std::move(value)) {
  }

  /// False only when nothing was received: closed, released, cancelled, …
  explicit operator bool() const noexcept {
    return code_ == errc{} || code_ == errc::owner_gone;
  }

  bool has_value() const noexcept {
    return value_.has_value();
  }

  /// A value was here, its owner is gone, and it was sent with
  /// owner_gone::replace. No error: error() is empty.
  bool is_unbound() const noexcept {
    return code_ == errc{} && !has_value();
  }

  /// The same, sent with owner_gone::error: error() is errc::owner_gone. Said of
  /// this one item, once.
  bool is_owner_gone() const noexcept {
    return code_ == errc::owner_gone;
  }

  /// Why there is no value; empty for a value or an unbound item.
  std::error_code error() const noexcept {
    return code_ == errc{} ? std::error_code{} : make_error_code(code_);
  }

  /// True when receiving will fail for ever: the channel is closed and drained,
  /// or the handle's owner may not receive any more (errc::owner_released).
  bool closed() const noexcept {
    return code_ == errc::closed || code_ == errc::owner_released;
  }

  /// True when a stop token, a cancelled scope or the stopping runtime ended
  /// the wait.
  bool cancelled() const noexcept {
    return code_ == errc::cancelled || code_ == errc::runtime_stopped;
  }

  /// The value; throws item_owner_gone when the item has none any more, and the
  /// exception that belongs to error() when nothing was received.
  T& value() & {
    check();
    return *value_;
  }
  const T& value() const& {
    check();
    return *value_;
  }
  T&& value() && {
    check();
    return std::move(*value_);
  }
  T& operator*() & {
    return value();
  }
  const T& operator*() const& {
    return value();
  }
  T&& operator*() && {
    return std::move(*this).value();
  }
  T* operator->() {
    return &value();
  }
  const T* operator->() const {
    return &value();
  }

  /// The value, or `other`.
  template <class U>
  T value_or(U&& other) && {
    return has_value() ? std::move(*value_)
                       : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? *value_ : static_cast<T>(std::forward<U>(other));
  }

protected:
  errc code_{};

private:
  void check() const {
    if (has_value())
      return;
    if (*this)
      throw item_owner_gone("value of a received item: ask has_value() first");
    throw_error(error());
  }

  held<T> value_;
};

} // namespace detail

/// Of `receive`.
template <class T>
class [[nodiscard]] owned_result : public detail::owned_base<T> {
public:
  using detail::owned_base<T>::owned_base;
};

/// Of `try_receive`: as owned_result, or nothing is there right now.
template <class T>
class [[nodiscard]] try_owned_result : public detail::owned_base<T> {
public:
  using detail::owned_base<T>::owned_base;

  bool empty() const noexcept {
    return this->code_ == errc::empty;
  }
};

/// Of `receive_for`, `receive_until`: as owned_result, or the time passed.
template <class T>
class [[nodiscard]] timed_owned_result : public detail::owned_base<T> {
public:
  using detail::owned_base<T>::owned_base;

  bool timed_out() const noexcept {
    return this->code_ == errc::timed_out;
  }
};

} // namespace levada
