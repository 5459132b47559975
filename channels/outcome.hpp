// What all results share: an errc or none, and a value or none.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <levada/runtime/error.hpp>

namespace levada::detail {

/// An optional for types that must not lie in a coroutine frame (g++ 12 does not
/// align frames beyond 16 bytes) or are too large for a stack.
template <class T>
class boxed_optional {
public:
  boxed_optional() noexcept = default;
  template <class... Args>
  explicit boxed_optional(std::in_place_t, Args&&... args)
      : value_(std::make_unique<T>(std::forward<Args>(args)...)) {
  }

  bool has_value() const noexcept {
    return value_ != nullptr;
  }
  explicit operator bool() const noexcept {
    return has_value();
  }
  T& operator*() const noexcept {
    return *value_;
  }
  void reset() noexcept {
    value_.reset();
  }

private:
  std::unique_ptr<T> value_;
};

template <class T>
using held = std::conditional_t<(alignof(T) > 16 || sizeof(T) > 1024),
                                boxed_optional<T>, std::optional<T>>;

/// The part all results share: an errc, or none.
class outcome_base {
public:
  /// True when the operation did what it was asked to do.
  explicit operator bool() const noexcept {
    return code_ == errc{};
  }

  /// Why not; an empty code on success.
  std::error_code error() const noexcept {
    return code_ == errc{} ? std::error_code{} : make_error_code(code_);
  }

  /// True when the channel is closed (for a receive: and drained).
  bool closed() const noexcept {
    return code_ == errc::closed;
  }

  /// True when a stop token, a cancelled scope or the stopping runtime ended
  /// the wait.
  bool cancelled() const noexcept {
    return code_ == errc::cancelled || code_ == errc::runtime_stopped;
  }

protected:
  outcome_base() noexcept = default;
  explicit outcome_base(errc code) noexcept : code_(code) {
  }

  errc code_{};
};

/// A value, or why there is none.
template <class T>
class value_base : public outcome_base {
public:
  using value_type = T;

  bool has_value() const noexcept {
    return value_.has_value();
  }

  T& operator*() & noexcept {
    return *value_;
  }
  const T& operator*() const& noexcept {
    return *value_;
  }
  T&& operator*() && noexcept {
    return std::move(*value_);
  }
  T* operator->() noexcept {
    return &*value_;
  }
  const T* operator->() const noexcept {
    return &*value_;
  }

  /// The value; throws the exception that belongs to error() if there is none.
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

  /// The value, or `other`.
  template <class U>
  T value_or(U&& other) && {
    return value_ ? std::move(*value_) : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) const& {
    return value_ ? *value_ : static_cast<T>(std::forward<U>(other));
  }

protected:
  value_base() = default;
  explicit value_base(errc code) noexcept : outcome_base(code) {
  }
  template <class... Args>
  explicit value_base(std::in_place_t, Args&&... args)
      : value_(std::in_place, std::forward<Args>(args)...) {
  }

private:
  void check() const {
    if (!value_)
      throw_error(make_error_code(code_));
  }

  held<T> value_;
};

} // namespace levada::detail
