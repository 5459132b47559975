// What an operation with a deadline embeds: one entry of the timer queue.
#pragma once

#include <cstdint>

#include <levada/runtime/clock.hpp>

namespace levada::detail {

class wake_list;

struct timer_node {
  static constexpr std::uint32_t idle = UINT32_MAX;

  /// Called under the timer queue's mutex when `when` has come: collects wakes.
  using expiry = void (*)(timer_node& self, wake_list& wakes) noexcept;

  explicit timer_node(expiry expired) noexcept : expired(expired) {
  }
  timer_node(const timer_node&) = delete;
  timer_node& operator=(const timer_node&) = delete;

  time_point when{};
  const expiry expired;
  /// Place in the heap, `idle` while not armed; the queue's mutex guards it.
  std::uint32_t index = idle;
};

} // namespace levada::detail
