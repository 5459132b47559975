// What all results share: an errc or none, and a value or none.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <levada/channels/waiting/held.hpp>
#include <levada/runtime/error.hpp>
#include <levada/runtime/export.hpp>

namespace levada::detail {

class channel_core;

/// The part all results share: an errc and the channel it is about, or neither.
/// A failed result keeps the channel's memory, but no end of it open.
class LEVADA_API outcome_base {
public:
  /// True when the operation did what it was asked to do.
  explicit operator bool() const noexcept {
    return word_ == 0;
  }

  /// Why not; an empty code on success.
  std::error_code error() const noexcept {
    return word_ == 0 ? std::error_code{} : make_error_code(code());
  }

  /// True when the channel is closed (for a receive: and drained).
  bool closed() const noexcept {
    return code() == errc::closed;
  }

  /// True when a stop token, a cancelled scope or the stopping runtime ended
  /// the wait.
  bool cancelled() const noexcept {
    return code() == errc::cancelled || code() == errc::runtime_stopped;
  }

protected:
  outcome_base() noexcept = default;
  /// `where` may be null, when there is no channel to tell of.
  explicit outcome_base(errc code, channel_core* where = nullptr) noexcept
      : word_(static_cast<std::uint64_t>(code) << code_shift) {
    if (where != nullptr)
      keep(*where);
  }
  outcome_base(outcome_base&& other) noexcept : word_(other.word_) {
    other.word_ &= ~channel_bits;
  }
  outcome_base(const outcome_base& other) noexcept : word_(other.word_) {
    if (where() != nullptr) [[unlikely]]
      keep(*where());
  }
  outcome_base& operator=(outcome_base&& other) noexcept {
    std::swap(word_, other.word_); // which releases ours
    return *this;
  }
  outcome_base& operator=(const outcome_base& other) noexcept {
    if (this != &other)
      *this = outcome_base{other};
    return *this;
  }
  ~outcome_base() {
    if (where() != nullptr) [[unlikely]]
      let_go();
  }

  /// As moving it here; `other` keeps its code.
  void take_over(outcome_base& other) noexcept {
    if (where() != nullptr) [[unlikely]]
      let_go();
    word_ = other.word_;
    other.word_ &= ~channel_bits;
  }

  errc code() const noexcept {
    return static_cast<errc>(word_ >> code_shift);
  }

  /// Throws the exception that belongs to error(), about that end.
  [[noreturn]] void fail(endpoint end) const;

private:
  static constexpr int code_shift = 56;
  static constexpr std::uint64_t channel_bits = (1ULL << code_shift) - 1;

  channel_core* where() const noexcept {
    return reinterpret_cast<channel_core*>(word_ & channel_bits);
  }
  void keep(channel_core& where) noexcept;
  void let_go() noexcept;

  /// Bits 56…63: the errc, 0 for success. The rest: the channel, of which it
  /// holds a reference, or null.
  std::uint64_t word_ = 0;
};

/// A value, or why there is none. The error says which: the value needs no flag.
template <class T, bool = needs_no_flag<T>>
class value_holder : public outcome_base {
public:
  bool has_value() const noexcept {
    return static_cast<bool>(*this);
  }

protected:
  explicit value_holder(errc code, channel_core* where) noexcept
      : outcome_base(code, where) {
  }
  template <class... Args>
  explicit value_holder(std::in_place_t, Args&&... args) {
    ::new (place()) T(std::forward<Args>(args)...);
  }
  value_holder(value_holder&& other) noexcept : outcome_base(std::move(other)) {
    if (has_value()) // NOLINTNEXTLINE(bugprone-use-after-move): its base was
      ::new (place()) T(std::move(other.value_.value));
  }
  value_holder(const value_holder& other)
    requires std::is_copy_constructible_v<T>
      : outcome_base(other) {
    if (has_value())
      ::new (place()) T(other.value_.value);
  }
  value_holder& operator=(value_holder&& other) noexcept {
    if (this == &other)
      return *this;
    if (has_value())
      value_.value.~T();
    this->take_over(other);
    if (has_value())
      ::new (place()) T(std::move(other.value_.value));
    return *this;
  }
  value_holder& operator=(const value_holder& other)
    requires std::is_copy_constructible_v<T>
  {
    if (this != &other)
      *this = value_holder{other};
    return *this;
  }
  ~value_holder() {
    if (has_value())
      value_.value.~T();
  }

  T& held_value() noexcept {
    return value_.value;
  }
  const T& held_value() const noexcept {
    return value_.value;
  }

private:
  void* place() noexcept {
    return static_cast<void*>(std::addressof(value_.value));
  }

  /// There is one when the outcome is a success.
  maybe<T> value_;
};

template <class T>
class value_holder<T, false> : public outcome_base {
public:
  bool has_value() const noexcept {
    return value_.has_value();
  }

protected:
  explicit value_holder(errc code, channel_core* where) noexcept
      : outcome_base(code, where) {
  }
  template <class... Args>
  explicit value_holder(std::in_place_t, Args&&... args)
      : value_(std::in_place, std::forward<Args>(args)...) {
  }

  T& held_value() noexcept {
    return *value_;
  }
  const T& held_value() const noexcept {
    return *value_;
  }

private:
  held<T> value_;
};

/// `End` is the end that was to give the value.
template <class T, endpoint End = endpoint::receiver>
class value_base : public value_holder<T> {
public:
  using value_type = T;

  T& operator*() & noexcept {
    return this->held_value();
  }
  const T& operator*() const& noexcept {
    return this->held_value();
  }
  T&& operator*() && noexcept {
    return std::move(this->held_value());
  }
  T* operator->() noexcept {
    return std::addressof(this->held_value());
  }
  const T* operator->() const noexcept {
    return std::addressof(this->held_value());
  }

  /// The value; throws the exception that belongs to error() if there is none.
  T& value() & {
    check();
    return this->held_value();
  }
  const T& value() const& {
    check();
    return this->held_value();
  }
  T&& value() && {
    check();
    return std::move(this->held_value());
  }

  /// The value, or `other`.
  template <class U>
  T value_or(U&& other) && {
    return this->has_value() ? std::move(this->held_value())
                             : static_cast<T>(std::forward<U>(other));
  }
  template <class U>
  T value_or(U&& other) const& {
    return this->has_value() ? this->held_value()
                             : static_cast<T>(std::forward<U>(other));
  }

protected:
  explicit value_base(errc code, channel_core* where = nullptr) noexcept
      : value_holder<T>(code, where) {
  }
  template <class... Args>
  explicit value_base(std::in_place_t, Args&&... args)
      : value_holder<T>(std::in_place, std::forward<Args>(args)...) {
  }

private:
  void check() const {
    if (!this->has_value())
      this->fail(End);
  }
};

} // namespace levada::detail
