// Why a channel closed: readable at both ends, for ever after.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <string>

#include <levada/runtime/export.hpp>

namespace levada {

/// What ended a channel. Only ever grows.
enum class close_reason : std::uint8_t {
  open,            ///< it has not closed
  finished,        ///< the last sender went
  closed,          ///< close() was called
  failed,          ///< close(cause) was called
  no_receivers,    ///< the last receiver went
  killed,          ///< an exit message or destroy() ended the actor
  runtime_stopped, ///< the runtime stopped
  owner_gone,      ///< the last owner that used it is gone, or let go of it
};

LEVADA_API const char* to_string(close_reason reason) noexcept;

/// The facts about a closing.
struct close_record {
  close_reason reason = close_reason::open;
  /// What close(cause) was given, or null.
  std::exception_ptr cause;
  /// The task function that closed it; empty for a plain thread.
  std::string who;
  std::chrono::system_clock::time_point when;
  /// Items nobody received, so far: dead-lettered or handed back by the closing.
  std::uint64_t undelivered = 0;

  /// True when the channel has closed.
  explicit operator bool() const noexcept {
    return reason != close_reason::open;
  }
};

/// One sentence for people.
LEVADA_API std::string to_string(const close_record& record);

/// Why an item was destroyed without being received.
enum class dead_letter_reason : std::uint8_t {
  overflow,     ///< the channel was full and its policy drops
  no_receivers, ///< buffered when the last receiver went
  killed,       ///< buffered when the channel was closed by force or destroyed
  abandoned,    ///< delivered to a task that was destroyed before it resumed
  owner_gone,   ///< its owner is gone, or the last owner of the channel
  nack_limit,   ///< leased as often as the channel allows, or rejected
};

LEVADA_API const char* to_string(dead_letter_reason reason) noexcept;

/// About an item that goes with dead_letter_reason::nack_limit.
struct poison_info {
  /// How often it was leased.
  std::uint32_t deliveries = 0;
  /// What the last nack or reject said.
  std::string reason;
};

} // namespace levada
