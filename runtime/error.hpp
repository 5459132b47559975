// Errors: one code space for every operation, and the exceptions that carry it.
//
// Named operations return results that hold a `std::error_code` of this
// category. Arrows (`tx << v`), `value()` on a failed result and the registry
// throw instead. What is thrown says which channel, which end of it, and why:
//
//   std::system_error
//   └ channel_error          code(), channel_id(), channel_name(), end(),
//     │                      closing(), cause()
//     ├ channel_closed       ├ sender_closed: by a send
//     │                      └ receiver_closed: by a receive
//     ├ channel_empty, channel_not_empty, channel_not_found
//     ├ operation_timed_out, operation_cancelled
//     └ unhandled_selected   a select did what nobody reckoned with
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <levada/runtime/export.hpp>

namespace levada {

/// Why an operation did not do what it was asked to do.
enum class errc {
  closed = 1,       ///< the channel is closed (and drained, for a receive)
  empty,            ///< a try found nothing to receive
  full,             ///< a try, or a channel that rejects, found no room
  timed_out,        ///< the time given passed first
  cancelled,        ///< the task, scope or stop token asked to stop waiting
  not_empty,        ///< the end cannot close while items are buffered
  not_found,        ///< no channel of that id lives in this runtime
  invalid_argument, ///< the argument makes no sense; the message says why
  nil_channel,      ///< the handle stands for no channel
  not_ready,        ///< `consume()` without a value that is ready
  runtime_stopped,  ///< the runtime is shutting down
  wrong_thread,     ///< a blocking call from inside a task or on a worker
  type_mismatch,    ///< the channel of that id carries another type
  owner_gone,     ///< the owner of the received item is gone, the item with it
  owner_released, ///< the handle's owner is gone, or has released this end
  sender_closed,  ///< this sender was used up or given up; see its channel
  dropped,        ///< the item was dropped before anybody received it
  too_many_restarts, ///< a supervisor gave up on a child
};

/// The category behind `errc`; its name is "levada".
LEVADA_API const std::error_category& category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

LEVADA_API std::string to_string(errc code);

struct close_record;

/// The end of a channel an operation was about.
enum class endpoint : std::uint8_t { none, sender, receiver };

/// Where an error comes from.
struct error_origin {
  /// The channel's id; 0 when the error is about none.
  std::uint64_t channel = 0;
  std::string name = {};
  endpoint end = endpoint::none;
  /// How the channel was closed; null while it is open.
  std::shared_ptr<const close_record> closing = {};
  /// What close(cause) was given.
  std::exception_ptr cause = {};
};

/// Base of everything the library throws. Copies share what they tell.
class LEVADA_API channel_error : public std::system_error {
public:
  explicit channel_error(std::error_code code, const std::string& what = {},
                         error_origin from = {});

  /// The channel's id; 0 when the error is about none, or about a handle that
  /// was closed or is nil.
  std::uint64_t channel_id() const noexcept {
    return origin_ == nullptr ? 0 : origin_->channel;
  }
  /// The channel's name; empty when it has none.
  std::string channel_name() const {
    return origin_ == nullptr ? std::string{} : origin_->name;
  }
  /// The end whose operation failed.
  endpoint end() const noexcept {
    return origin_ == nullptr ? endpoint::none : origin_->end;
  }
  /// Why, by whom and when the channel was closed (include
  /// <levada/actors/close_record.hpp>); null while it is open.
  const close_record* closing() const noexcept {
    return origin_ == nullptr ? nullptr : origin_->closing.get();
  }
  /// What close(cause) was given, to be rethrown; or null.
  std::exception_ptr cause() const noexcept {
    return origin_ == nullptr ? nullptr : origin_->cause;
  }

private:
  /// Null when there is nothing to tell.
  std::shared_ptr<const error_origin> origin_;
};

/// An arrow met a closed channel, or `value()` a result that says so.
class LEVADA_API channel_closed : public channel_error {
public:
  explicit channel_closed(const std::string& what = {}, error_origin from = {})
      : channel_error(make_error_code(errc::closed), what, std::move(from)) {
  }
};

/// A send met a closed channel.
class LEVADA_API sender_closed : public channel_closed {
public:
  using channel_closed::channel_closed;
};

/// A receive met a channel that is closed and drained.
class LEVADA_API receiver_closed : public channel_closed {
public:
  using channel_closed::channel_closed;
};

/// `value()` of a try that found nothing.
class LEVADA_API channel_empty : public channel_error {
public:
  explicit channel_empty(const std::string& what = {}, error_origin from = {})
      : channel_error(make_error_code(errc::empty), what, std::move(from)) {
  }
};

/// The registry was asked to close an end while items are buffered.
class LEVADA_API channel_not_empty : public channel_error {
public:
  explicit channel_not_empty(const std::string& what = {},
                             error_origin from = {})
      : channel_error(make_error_code(errc::not_empty), what, std::move(from)) {
  }
};

/// No channel of that id lives in this runtime.
class LEVADA_API channel_not_found : public channel_error {
public:
  explicit channel_not_found(const std::string& what = {},
                             error_origin from = {})
      : channel_error(make_error_code(errc::not_found), what, std::move(from)) {
  }
};

/// `value()` of an item whose owner is gone, and the value with it.
class LEVADA_API item_owner_gone : public channel_error {
public:
  explicit item_owner_gone(const std::string& what = {})
      : channel_error(make_error_code(errc::owner_gone), what) {
  }
};

/// The time given passed before the operation could complete.
class LEVADA_API operation_timed_out : public channel_error {
public:
  explicit operation_timed_out(const std::string& what = {},
                               error_origin from = {})
      : channel_error(make_error_code(errc::timed_out), what, std::move(from)) {
  }
};

/// A wait without a result of its own (`sleep_for`, `yield`, a join) was cut
/// short: by a scope that cancels its children, or by the runtime stopping.
class LEVADA_API operation_cancelled : public channel_error {
public:
  explicit operation_cancelled(errc code = errc::cancelled,
                               const std::string& what = {},
                               error_origin from = {})
      : channel_error(make_error_code(code), what, std::move(from)) {
  }
};

/// `selected::unhandled()`: a select did what its caller has no code for.
class LEVADA_API unhandled_selected : public channel_error {
public:
  explicit unhandled_selected(std::size_t index);

  /// The case that happened, as selected::index().
  std::size_t index() const noexcept {
    return index_;
  }

protected:
  unhandled_selected(std::size_t index, const std::string& what);

private:
  std::size_t index_;
};

/// Throws the exception that belongs to `code`; for errc::closed the one of the
/// end it comes from.
[[noreturn]] LEVADA_API void throw_error(std::error_code code,
                                         const std::string& what = {},
                                         error_origin from = {});

} // namespace levada

template <>
struct std::is_error_code_enum<levada::errc> : std::true_type {};
