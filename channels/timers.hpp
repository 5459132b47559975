// after, tick, never: time as something to receive.
//
// They are receivers of a tick: awaited with `receive()`, or cases of a select.
// Nothing runs in the background and nothing is sent: the timer is computed when
// it is waited for, so no stale tick can be left behind, a dropped one costs
// nothing, and a select over them needs one timer whatever their number. For a
// timer to hand around like any receiver there is `timer`.
#pragma once

#include <cstdint>

#include <levada/channels/missed_tick.hpp>
#include <levada/channels/receiver.hpp>
#include <levada/runtime/pause.hpp>

namespace levada {

/// What a timer delivers.
struct timer_tick {
  time_point scheduled; ///< when it was due
  duration drift{};     ///< how much later it was taken
};

namespace detail {

LEVADA_API time_point current_time() noexcept;

/// What select and receive() need of a timer.
class timed_source {
public:
  /// When the next tick is due; time_point::max() for never again.
  time_point due() const noexcept {
    return due_;
  }

protected:
  explicit timed_source(time_point due) noexcept : due_(due) {
  }
  ~timed_source() = default;

  time_point due_;
};

/// Awaits a timer's next tick.
template <class Source>
class [[nodiscard("co_await it")]] tick_awaiter : private sleep_awaiter {
public:
  using levada_awaitable = void;

  tick_awaiter(Source& source, std::source_location line) noexcept
      : sleep_awaiter(source.due(), line),
        source_(source) {
  }

  using sleep_awaiter::await_ready;
  using sleep_awaiter::await_suspend;

  receive_result<timer_tick> await_resume() {
    if (const auto why = this->ended(); why != errc{})
      return receive_result<timer_tick>{why};
    return receive_result<timer_tick>{std::in_place,
                                      source_.take(current_time())};
  }

private:
  Source& source_;
};

} // namespace detail

/// One tick at a point in time, and then never again.
class after_receiver : public detail::timed_source {
public:
  explicit after_receiver(time_point due) noexcept : timed_source(due) {
  }

  /// `co_await a.receive()` → receive_result<timer_tick>; fails only when the
  /// task is cancelled.
  detail::tick_awaiter<after_receiver>
  receive(std::source_location line = std::source_location::current()) {
    return {*this, line};
  }

  /// The tick that is due at `now`; for select.
  timer_tick take(time_point now) noexcept {
    const auto scheduled = std::exchange(due_, time_point::max());
    return {scheduled, now - scheduled};
  }
};

/// A tick every `interval`.
class tick_receiver : public detail::timed_source {
public:
  tick_receiver(time_point first, duration interval, missed_tick_policy policy)
      : timed_source(first),
        interval_(interval),
        policy_(std::move(policy)) {
  }

  /// As after_receiver::receive.
  detail::tick_awaiter<tick_receiver>
  receive(std::source_location line = std::source_location::current()) {
    return {*this, line};
  }

  /// The tick that is due at `now`, and on to the next one.
  LEVADA_API timer_tick take(time_point now);

  duration interval() const noexcept {
    return interval_;
  }

private:
  duration interval_;
  missed_tick_policy policy_;
};

/// A tick once `length` from now has passed, by the clock of the task that asks
/// (else the steady clock). Zero or negative: due at once.
template <class Rep, class Period>
after_receiver after(std::chrono::duration<Rep, Period> length) {
  return after_receiver{
    saturating_add(detail::current_time(), to_duration(length))};
}

/// A tick at `due`.
inline after_receiver at(time_point due) noexcept {
  return after_receiver{due};
}

/// A tick every `interval`, the first one `interval` from now. Throws
/// channel_error(invalid_argument) unless the interval is positive.
LEVADA_API tick_receiver tick(duration interval,
                              missed_tick_policy policy
                              = missed_tick::skip_and_resync);

/// A receiver that never has anything: a nil handle.
template <class T>
receiver<T> never() noexcept {
  return {};
}

} // namespace levada
