// Steps that move no item: waiting until something can be received (ready), and
// until the channel is closed (closing).
#pragma once

#include <levada/channels/waiting/thread_wait.hpp>

namespace levada::detail {

struct notice_step : wait_node {
  using result_type = bool;

  explicit notice_step(channel_core* channel) noexcept
      : wait_node(node_kind::notice),
        channel(channel) {
  }

  static bool settle_quickly() noexcept {
    return false;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }
  void abandon() noexcept {
  }

  channel_core* channel;
};

/// Ends when the channel has something to receive, or is closed and drained.
struct LEVADA_API ready_step : notice_step {
  static constexpr wait_reason reason = wait_reason::ready;
  static constexpr wait_place place = wait_place::receivers;

  using notice_step::notice_step;

  bool settle(wake_list&, stray_list*) noexcept;
  void enlist() noexcept;
  bool finish(errc why) const noexcept;
};

/// Ends when the channel is closed.
struct LEVADA_API closing_step : notice_step {
  static constexpr wait_reason reason = wait_reason::closing;
  static constexpr wait_place place = wait_place::closers;

  using notice_step::notice_step;

  bool settle(wake_list&, stray_list*) noexcept;
  void enlist();
  bool finish(errc why) const noexcept;
};

LEVADA_API bool is_closed_for_sending(channel_core& channel) noexcept;
LEVADA_API bool is_drained(channel_core& channel) noexcept;

/// `now + length` for a blocking operation; the past for zero or less, which
/// makes it a try.
template <class Rep, class Period>
time_point thread_deadline(std::chrono::duration<Rep, Period> length) {
  const auto ticks = to_duration(length);
  return ticks <= duration::zero()
           ? time_point::min()
           : saturating_add(std::chrono::steady_clock::now(), ticks);
}

} // namespace levada::detail
