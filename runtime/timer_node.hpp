// What an operation with a deadline embeds: one entry of the timer queue.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/runtime/clock.hpp>

namespace levada::detail {

class wake_list;

struct timer_node {
  /// Called under a lock of the timer queue when `when` has come: collects wakes.
  using expiry = void (*)(timer_node& self, wake_list& wakes) noexcept;

  explicit timer_node(expiry expired) noexcept : expired(expired) {
  }
  timer_node(const timer_node&) = delete;
  timer_node& operator=(const timer_node&) = delete;

  time_point when{};
  const expiry expired;
  /// Neighbours in a circular list of the wheel.
  timer_node* next = nullptr;
  timer_node* previous = nullptr;
  /// Which of the wheel's lists that is.
  std::uint16_t list = 0;
  /// Which of the queue's parts has it; good while `armed`.
  std::uint8_t part = 0;
  /// Set by arm(); cleared under the part's lock, by disarm() or when `expired`
  /// has returned.
  std::atomic<bool> armed{false};
};

} // namespace levada::detail
