// What a channel is told when somebody closes it, and what it answers.
#pragma once

#include <cstdint>
#include <exception>

#include <levada/actors/close_record.hpp>

namespace levada::detail {

/// A closing that somebody asks for.
struct closing {
  close_reason reason;
  std::exception_ptr cause = nullptr;
  /// Buffered items are dead-lettered instead of left to be received.
  bool drop_buffered = false;
  /// Nothing happens when items are buffered.
  bool only_if_empty = false;
};

/// What became of it.
enum class close_outcome : std::uint8_t { done, was_closed, not_empty };

} // namespace levada::detail
