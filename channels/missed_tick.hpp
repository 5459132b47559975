// What a repeating timer does about ticks whose time has passed.
#pragma once

#include <cstdint>
#include <functional>

#include <levada/runtime/clock.hpp>

namespace levada {

enum class missed_tick : std::uint8_t {
  trigger_all,     ///< delivers each, at once, until it has caught up
  skip_and_resync, ///< drops them; the next comes on the original grid
  skip_and_drift,  ///< drops them; the next comes a full interval from now
};

/// A missed_tick, or `skip_and_drift{tolerance}`, or a function of one's own.
class missed_tick_policy {
public:
  /// When the tick after the one that was due at `scheduled` is due, if that one
  /// is taken at `now`, which is not earlier.
  using function = std::function<time_point(
    duration interval, time_point scheduled, time_point now)>;

  missed_tick_policy(missed_tick kind) noexcept // NOLINT: meant to convert
      : kind_(kind) {
  }
  /// What it throws comes out of the operation that takes the tick; the timer
  /// is stopped then.
  missed_tick_policy(function next) // NOLINT: meant to convert
      : next_(std::move(next)) {
  }

  LEVADA_API time_point next(duration interval, time_point scheduled,
                             time_point now) const;

protected:
  explicit missed_tick_policy(duration tolerance) noexcept
      : kind_(missed_tick::skip_and_drift),
        tolerance_(tolerance) {
  }

private:
  missed_tick kind_ = missed_tick::trigger_all;
  duration tolerance_{0};
  function next_;
};

/// As missed_tick::skip_and_drift, but a tick that is late by no more than
/// `tolerance` does not move those after it. Throws
/// channel_error(invalid_argument) for a negative tolerance.
class skip_and_drift : public missed_tick_policy {
public:
  LEVADA_API explicit skip_and_drift(duration tolerance);
};

} // namespace levada
