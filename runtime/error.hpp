// Errors: one code space for every operation, and the exceptions that carry it.
//
// Named operations return results that hold a `std::error_code` of this
// category. Arrows (`tx << v`), `value()` on a failed result and the registry
// throw instead; each exception derives from `channel_error`, which is a
// `std::system_error` with the same code.
#pragma once

#include <string>
#include <system_error>

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
  wrong_thread,     ///< a blocking call from inside a task
  type_mismatch,    ///< the channel of that id carries another type
  owner_gone,     ///< the owner of the received item is gone, the item with it
  owner_released, ///< the handle's owner is gone, or has released this end
  sender_closed,  ///< this sender was used up or given up; see its channel
};

/// The category behind `errc`; its name is "levada".
LEVADA_API const std::error_category& category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), category()};
}

LEVADA_API std::string to_string(errc code);

/// Base of everything the library throws.
class LEVADA_API channel_error : public std::system_error {
public:
  explicit channel_error(std::error_code code, const std::string& what = {})
      : std::system_error(code, what) {
  }
};

/// An arrow met a closed channel, or `value()` a result that says so.
class LEVADA_API channel_closed : public channel_error {
public:
  explicit channel_closed(const std::string& what = {})
      : channel_error(make_error_code(errc::closed), what) {
  }
};

/// `value()` of a try that found nothing.
class LEVADA_API channel_empty : public channel_error {
public:
  explicit channel_empty(const std::string& what = {})
      : channel_error(make_error_code(errc::empty), what) {
  }
};

/// The registry was asked to close an end while items are buffered.
class LEVADA_API channel_not_empty : public channel_error {
public:
  explicit channel_not_empty(const std::string& what = {})
      : channel_error(make_error_code(errc::not_empty), what) {
  }
};

/// No channel of that id lives in this runtime.
class LEVADA_API channel_not_found : public channel_error {
public:
  explicit channel_not_found(const std::string& what = {})
      : channel_error(make_error_code(errc::not_found), what) {
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
  explicit operation_timed_out(const std::string& what = {})
      : channel_error(make_error_code(errc::timed_out), what) {
  }
};

/// A wait without a result of its own (`sleep_for`, `yield`, a join) was cut
/// short: by a scope that cancels its children, or by the runtime stopping.
class LEVADA_API operation_cancelled : public channel_error {
public:
  explicit operation_cancelled(errc code = errc::cancelled,
                               const std::string& what = {})
      : channel_error(make_error_code(code), what) {
  }
};

/// Throws the exception that belongs to `code`.
[[noreturn]] LEVADA_API void throw_error(std::error_code code,
                                         const std::string& what = {});

} // namespace levada

template <>
struct std::is_error_code_enum<levada::errc> : std::true_type {};
