// Time as the library sees it: one interface, so that tests can drive it.
//
// Every deadline is a point on the monotonic clock. Durations are taken
// saturating: `now + duration::max()` means "never", not an overflow.
#pragma once

#include <chrono>
#include <memory>

#include <levada/runtime/export.hpp>

namespace levada {

using duration = std::chrono::steady_clock::duration;
using time_point = std::chrono::steady_clock::time_point;

namespace detail {
class timer_queue;
}

/// Where a runtime reads the time.
class LEVADA_API clock {
public:
  virtual ~clock();

  /// The time now. Threads: any.
  virtual time_point now() const noexcept = 0;

  /// The process-wide monotonic clock; what a runtime uses by default.
  static clock& steady() noexcept;

private:
  friend class detail::timer_queue;
  /// True when timers are fired by the clock itself (and no thread is needed).
  virtual bool drives_timers() const noexcept;
  virtual void attach(detail::timer_queue& timers);
  virtual void detach(detail::timer_queue& timers) noexcept;
};

/// A clock that stands still until told otherwise: for tests of timed code
/// without sleeping. It must outlive the runtimes that use it.
class LEVADA_API manual_clock final : public clock {
public:
  manual_clock();
  ~manual_clock() override;

  time_point now() const noexcept override;

  /// Moves time forward, stopping at each armed deadline on the way and firing
  /// it there. Returns when all timers due have been fired; the tasks they
  /// woke may still be running. Throws channel_error(invalid_argument) for a
  /// negative duration.
  void advance(duration by);

  /// How many timers are armed: lets a test wait until a task has gone to
  /// sleep before it moves the time.
  std::size_t armed() const;

private:
  bool drives_timers() const noexcept override;
  void attach(detail::timer_queue& timers) override;
  void detach(detail::timer_queue& timers) noexcept override;

  struct state;
  std::unique_ptr<state> state_;
};

/// `from + by`, saturating at both ends.
constexpr time_point saturating_add(time_point from, duration by) noexcept {
  if (by > duration::zero() && from > time_point::max() - by)
    return time_point::max();
  if (by < duration::zero() && from < time_point::min() - by)
    return time_point::min();
  return from + by;
}

/// Any duration as the library's own, rounded up, saturating.
template <class Rep, class Period>
constexpr duration to_duration(std::chrono::duration<Rep, Period> value) {
  using wide = std::chrono::duration<long double, duration::period>;
  auto ticks = std::chrono::duration_cast<wide>(value);
  if (!(ticks < wide{duration::max()}))
    return duration::max();
  if (ticks < wide{duration::min()})
    return duration::min();
  return std::chrono::ceil<duration>(value);
}

} // namespace levada
