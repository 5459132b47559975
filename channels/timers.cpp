#include <levada/channels/timers.hpp>

namespace levada {

timer_tick tick_receiver::take(time_point now) {
  const timer_tick result{due_, now - due_};
  due_ = time_point::max(); // should the policy throw
  due_ = policy_.next(interval_, result.scheduled, now);
  return result;
}

tick_receiver tick(duration interval, missed_tick_policy policy) {
  if (interval <= duration::zero())
    throw_error(make_error_code(errc::invalid_argument),
                "tick: the interval must be positive");
  return {saturating_add(detail::current_time(), interval), interval,
          std::move(policy)};
}

} // namespace levada
