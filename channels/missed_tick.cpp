#include <levada/channels/missed_tick.hpp>

#include <levada/runtime/error.hpp>

namespace levada {

time_point missed_tick_policy::next(duration interval, time_point scheduled,
                                    time_point now) const {
  if (next_)
    return next_(interval, scheduled, now);
  const auto drift = now - scheduled;
  switch (kind_) {
    case missed_tick::skip_and_resync:
      return saturating_add(now, interval - drift % interval);
    case missed_tick::skip_and_drift:
      return saturating_add(drift > tolerance_ ? now : scheduled, interval);
    case missed_tick::trigger_all:
      break;
  }
  return saturating_add(scheduled, interval);
}

skip_and_drift::skip_and_drift(duration tolerance)
    : missed_tick_policy(tolerance) {
  if (tolerance < duration::zero())
    throw_error(make_error_code(errc::invalid_argument),
                "skip_and_drift: the tolerance must not be negative");
}

} // namespace levada
