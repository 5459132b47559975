// Deadlines in the order of their coming: insert and remove in O(1), without
// memory of its own. Not thread-safe.
//
// A wheel of wheels (Varghese and Lauck), down to the nanosecond, so that it is
// exact: a radix heap. A deadline is a number of eleven digits of six bits. It
// stands on the level of the first digit in which it differs from `base_`, in the
// list of that digit. When the base comes to a list, its nodes move to lower
// levels, at most ten times in all; a list of one stays and is fired from where it
// stands.
//
// Invariants
//  - No node's deadline is before `base_` (what is late counts as due at the base
//    it was inserted at).
//  - Hence everything on a level comes before everything on the levels above, and
//    the lists of a level come in the order of their digits.
//  - A bit of `occupied_` is set exactly while its list is not empty.
//  - The base only grows, and never beyond the time that take_due() was told.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <levada/runtime/timer_node.hpp>

namespace levada::detail {

class timer_wheel {
public:
  /// `origin`: not after any time that take_due() will be told.
  explicit timer_wheel(time_point origin) noexcept;
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  void insert(timer_node& node) noexcept;
  void remove(timer_node& node) noexcept;

  /// Takes out and returns the first of those whose time has come, or null.
  timer_node* take_due(time_point now) noexcept;

  /// The first deadline, or max(). O(n) when many are close to each other.
  time_point first() const noexcept;

  /// The first deadline or a time before it, or max(). O(1).
  time_point first_at_least() const noexcept;

  std::size_t size() const noexcept {
    return size_;
  }

private:
  using ticks = std::uint64_t;

  static constexpr unsigned bits = 6;
  static constexpr unsigned digits = 1U << bits;
  static constexpr unsigned levels = 11;
  /// First_at_least() looks at so many nodes.
  static constexpr int few = 16;

  ticks key(const timer_node& node) const noexcept;
  void append(std::size_t list, timer_node& node) noexcept;
  void unlink(timer_node& node) noexcept;
  std::size_t first_list() const noexcept;
  ticks start_of(std::size_t list) const noexcept;
  void spread(std::size_t list) noexcept;
  time_point earliest(int looks) const noexcept;

  ticks base_;
  std::size_t size_ = 0;
  /// Which levels, and which lists of each, hold anything.
  std::uint32_t occupied_levels_ = 0;
  std::array<std::uint64_t, levels> occupied_{};
  std::array<timer_node*, std::size_t{levels} * digits> lists_{};
};

} // namespace levada::detail
