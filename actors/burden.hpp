// What makes taking an item out of a channel more than moving it.
#pragma once

#include <cstdint>

namespace levada::detail {

/// Bits of channel_core::burdens; most channels never have one.
struct burden {
  /// Some queued item has a receipt to give (then see the extras).
  static constexpr std::uint8_t receipts = 1;
  /// The first items in the buffer have been lent before: see lease.hpp.
  static constexpr std::uint8_t returned = 2;
  /// More is buffered than fits, because items came back.
  static constexpr std::uint8_t overfull = 4;
  /// Items are lent, and may come back: closed, but not drained.
  static constexpr std::uint8_t lent = 8;
  /// Closed by force, or without receivers: what comes back is a dead letter.
  static constexpr std::uint8_t dropping = 16;
};

} // namespace levada::detail
