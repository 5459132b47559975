#include <levada/channels/timers.hpp>

namespace levada {

timer_tick tick_receiver::take(time_point now) noexcept {
  const auto scheduled = due_;
  const auto drift = now - scheduled;
  switch (policy_) {
    case missed_tick::trigger_all:
      due_ = saturating_add(scheduled, interval_);
      break;
    case missed_tick::skip_and_resync:
      due_ = saturating_add(now, interval_ - drift % interval_);
      break;
    case missed_tick::skip_and_drift:
      due_
        = saturating_add(drift > duration::zero() ? now : scheduled, interval_);
      break;
  }
  return {scheduled, drift};
}

tick_receiver tick(duration interval, missed_tick policy) {
  if (interval <= duration::zero())
    throw_error(make_error_code(errc::invalid_argument),
                "tick: the interval must be positive");
  return {saturating_add(detail::current_time(), interval), interval, policy};
}

} // namespace levada
