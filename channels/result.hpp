// What operations return: one type per operation, so that an outcome that
// cannot happen cannot be asked for. All are [[nodiscard]], convert to true on
// success, and say why not by `error()`.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include <levada/channels/outcome.hpp>

namespace levada {

/// Of `receive`: a value, or the channel is closed and drained.
template <class T>
class [[nodiscard]] receive_result : public detail::value_base<T> {
public:
  explicit receive_result(errc code,
                          detail::channel_core* where = nullptr) noexcept
      : detail::value_base<T>(code, where) {
  }
  template <class... Args>
  explicit receive_result(std::in_place_t, Args&&... args)
      : detail::value_base<T>(std::in_place, std::forward<Args>(args)...) {
  }
};

/// Of `try_receive`: as receive_result, or nothing is there right now.
template <class T>
class [[nodiscard]] try_receive_result : public detail::value_base<T> {
public:
  explicit try_receive_result(errc code,
                              detail::channel_core* where = nullptr) noexcept
      : detail::value_base<T>(code, where) {
  }
  template <class... Args>
  explicit try_receive_result(std::in_place_t, Args&&... args)
      : detail::value_base<T>(std::in_place, std::forward<Args>(args)...) {
  }

  bool empty() const noexcept {
    return this->code() == errc::empty;
  }
};

/// Of `receive_for`, `receive_until`: as receive_result, or the time passed.
template <class T>
class [[nodiscard]] timed_receive_result : public detail::value_base<T> {
public:
  explicit timed_receive_result(errc code,
                                detail::channel_core* where = nullptr) noexcept
      : detail::value_base<T>(code, where) {
  }
  template <class... Args>
  explicit timed_receive_result(std::in_place_t, Args&&... args)
      : detail::value_base<T>(std::in_place, std::forward<Args>(args)...) {
  }

  bool timed_out() const noexcept {
    return this->code() == errc::timed_out;
  }
};

/// How a send that succeeded was settled.
enum class send_status : std::uint8_t {
  failed,    ///< it did not: see error()
  delivered, ///< a receiver that waited has the value
  queued,    ///< the value is buffered
  replaced,  ///< the value is buffered; an older one was dropped for it
  dropped,   ///< the overflow policy dropped the value
};

namespace detail {

/// True, or why not together with the value.
template <class T>
class send_base : public outcome_base {
public:
  using value_type = T;

  send_status status() const noexcept {
    return status_;
  }

  /// True when the value came back.
  bool has_value() const noexcept {
    return value_.has_value();
  }

  /// True when a send_and_wait ends because the channel's policy, a closing by
  /// force or the last receiver's going dropped the item: it does not come back.
  bool dropped() const noexcept {
    return code() == errc::dropped;
  }

  /// The value that could not be sent. Only when has_value().
  T& value() & noexcept {
    return *value_;
  }
  T&& value() && noexcept {
    return std::move(*value_);
  }

  /// Moves the value out; afterwards has_value() is false.
  T take() {
    T result = std::move(*value_);
    value_.reset();
    return result;
  }

  /// Throws the exception that belongs to error(), if any.
  void check() const {
    if (!*this)
      this->fail(endpoint::sender);
  }

protected:
  explicit send_base(send_status status) noexcept : status_(status) {
  }
  send_base(errc code, send_status status, channel_core* where) noexcept
      : outcome_base(code, where),
        status_(status) {
  }
  template <class U>
  send_base(errc code, U&& back, channel_core* where)
      : outcome_base(code, where),
        value_(std::in_place, std::forward<U>(back)) {
  }

private:
  send_status status_ = send_status::failed;
  held<T> value_;
};

} // namespace detail

/// Of `send`: true, or the channel is closed (or rejects: full()) and the value
/// is handed back. Of `send_and_wait`: also dropped(), without the value.
template <class T>
class [[nodiscard]] send_result : public detail::send_base<T> {
public:
  explicit send_result(send_status status) noexcept
      : detail::send_base<T>(status) {
  }
  send_result(errc code, send_status status,
              detail::channel_core* where) noexcept
      : detail::send_base<T>(code, status, where) {
  }
  template <class U>
  send_result(errc code, U&& back, detail::channel_core* where = nullptr)
      : detail::send_base<T>(code, std::forward<U>(back), where) {
  }

  /// True when the channel was full and its policy is overflow::reject.
  bool full() const noexcept {
    return this->code() == errc::full;
  }
};

/// Of `try_send`: as send_result.
template <class T>
class [[nodiscard]] try_send_result : public detail::send_base<T> {
public:
  explicit try_send_result(send_status status) noexcept
      : detail::send_base<T>(status) {
  }
  template <class U>
  try_send_result(errc code, U&& back, detail::channel_core* where = nullptr)
      : detail::send_base<T>(code, std::forward<U>(back), where) {
  }

  bool full() const noexcept {
    return this->code() == errc::full;
  }
};

/// Of `send_for`, `send_until`: as send_result, or the time passed and the value
/// was not sent.
template <class T>
class [[nodiscard]] timed_send_result : public detail::send_base<T> {
public:
  explicit timed_send_result(send_status status) noexcept
      : detail::send_base<T>(status) {
  }
  timed_send_result(errc code, send_status status,
                    detail::channel_core* where) noexcept
      : detail::send_base<T>(code, status, where) {
  }
  template <class U>
  timed_send_result(errc code, U&& back, detail::channel_core* where = nullptr)
      : detail::send_base<T>(code, std::forward<U>(back), where) {
  }

  bool full() const noexcept {
    return this->code() == errc::full;
  }
  bool timed_out() const noexcept {
    return this->code() == errc::timed_out;
  }
};

} // namespace levada
