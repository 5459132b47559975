#include <levada/channels/timer.hpp>

#include <levada/runtime/engine.hpp>

namespace levada {
namespace detail {

timer_state::timer_state(engine& home, event changed, duration interval,
                         missed_tick_policy policy) noexcept
    : time_(home.time),
      changed_(std::move(changed)),
      policy_(std::move(policy)),
      repeats_(interval != duration::zero()),
      interval_(interval) {
}

void timer_state::start(duration delay) {
  started_ = true;
  running_ = true;
  closed_ = false;
  untaken_ = false;
  due_ = saturating_add(saturating_add(time_.now(), delay), interval_);
}

bool timer_state::stop_locked() noexcept {
  const bool was_pending = running_ || untaken_;
  if (!repeats_)
    ++generation_; // a one-shot timer's tick is void, a timer's is still to be taken
  started_ = true;
  running_ = false;
  untaken_ = false;
  due_ = time_point::max();
  return was_pending;
}

bool timer_state::stop() noexcept {
  bool was_pending = false;
  {
    const std::lock_guard guard{mutex_};
    was_pending = stop_locked();
  }
  changed_.set();
  return was_pending;
}

void timer_state::close() noexcept {
  {
    const std::lock_guard guard{mutex_};
    stop_locked();
    closed_ = true;
  }
  changed_.set();
}

bool timer_state::reset(std::optional<duration> interval, duration delay) {
  if (delay < duration::zero() && repeats_)
    throw_error(make_error_code(errc::invalid_argument),
                "timer: the delay must not be negative");
  if (interval && *interval <= duration::zero())
    throw_error(make_error_code(errc::invalid_argument),
                "timer: the interval must be positive");
  bool was_pending = false;
  {
    const std::lock_guard guard{mutex_};
    was_pending = running_ || untaken_;
    if (interval)
      interval_ = *interval;
    ++generation_;
    start(delay);
  }
  changed_.set();
  return was_pending;
}

timer_state::view timer_state::view_locked() const noexcept {
  return {running_, started_ && !running_ && (repeats_ || closed_), due_,
          generation_};
}

timer_state::view timer_state::look() const noexcept {
  const std::lock_guard guard{mutex_};
  return view_locked();
}

timer_state::view timer_state::look_and_start() {
  const std::lock_guard guard{mutex_};
  if (!started_)
    start(duration::zero());
  return view_locked();
}

std::optional<timer_tick> timer_state::take_due() {
  std::unique_lock guard{mutex_};
  const auto now = time_.now();
  if (!running_ || due_ > now)
    return std::nullopt;
  const timer_tick result{due_, now - due_};
  const auto generation = generation_;
  const auto interval = interval_;
  running_ = repeats_;
  untaken_ = true;
  due_ = time_point::max(); // should the policy throw
  if (!repeats_)
    return result;
  guard.unlock();
  const auto next = policy_.next(interval, result.scheduled, now);
  guard.lock();
  if (generation_ == generation && running_)
    due_ = next;
  return result;
}

bool timer_state::taken(std::uint64_t generation) noexcept {
  const std::lock_guard guard{mutex_};
  if (generation != generation_)
    return false;
  untaken_ = false;
  return true;
}

duration timer_state::interval() const {
  const std::lock_guard guard{mutex_};
  return interval_;
}

timer_source::timer_source(std::shared_ptr<timer_state> state) noexcept
    : state_(std::move(state)) {
}

void timer_source::close() noexcept {
  state_->close();
}

bool timer_source::is_closed() const noexcept {
  return !tick_ && state_->look().ended;
}

bool timer_source::holds_value() const noexcept {
  return tick_.has_value();
}

bool timer_source::still_valid() const noexcept {
  const auto now = state_->look();
  return tick_ ? now.generation == generation_ : now.ended;
}

void timer_source::do_wish(wish_list& list) {
  tick_.reset();
  change_.reset();
  const auto now = state_->look_and_start();
  generation_ = now.generation;
  const auto left = now.due - state_->now();
  if (now.ended || left <= duration::zero()) {
    list.add(at_once_.emplace(list.claim(), list.next()));
    return;
  }
  list.add(change_.emplace(list.claim(), list.next(), state_->changed()));
  // by the clock of whoever waits, which may be another one
  if (now.due != time_point::max())
    list.add(saturating_add(current_time(), left));
}

bool timer_source::do_look(std::uint32_t index) {
  if (change_ && index == change_->index) {
    const auto changed = change_->finish();
    if (!changed) // with its runtime
      state_->close();
    return !changed;
  }
  tick_ = state_->take_due();
  return tick_ || state_->look().ended;
}

std::optional<receive_result<timer_tick>> timer_source::do_take() {
  if (!tick_)
    return receive_result<timer_tick>{errc::closed};
  if (!state_->taken(generation_)) {
    tick_.reset();
    return std::nullopt;
  }
  return receive_result<timer_tick>{std::in_place,
                                    *std::exchange(tick_, std::nullopt)};
}

timer_tick* timer_source::do_peek() {
  return tick_ ? &*tick_ : nullptr;
}

std::shared_ptr<timer_state> make_timer_state(runtime* home, duration interval,
                                              missed_tick_policy policy,
                                              std::string name) {
  auto changed
    = home != nullptr ? event{*home, std::move(name)} : event{std::move(name)};
  auto& where = home != nullptr ? home->engine()
                                : require_current_engine("levada::timer");
  return std::make_shared<timer_state>(where, std::move(changed), interval,
                                       std::move(policy));
}

} // namespace detail

void timer_control::reset_to(duration interval, duration delay) const {
  state_->reset(interval, delay);
}

namespace {

void check_timer(duration interval, const timer_options& options) {
  const auto refuse = [](const char* why) {
    throw_error(make_error_code(errc::invalid_argument), why);
  };
  if (interval <= duration::zero())
    refuse("timer: the interval must be positive");
  if (options.start_delay < duration::zero())
    refuse("timer: the start delay must not be negative");
  if (options.start_delay != duration::zero() && !options.auto_start)
    refuse(
      "timer: a start delay is for timers that start by themselves; give "
      "it to reset() instead");
}

} // namespace

timer::timer(duration interval, missed_tick_policy policy,
             const timer_options& options)
    : timer(nullptr, interval, std::move(policy), options) {
}

timer::timer(runtime& home, duration interval, missed_tick_policy policy,
             const timer_options& options)
    : timer(&home, interval, std::move(policy), options) {
}

timer::timer(runtime* home, duration interval, missed_tick_policy policy,
             const timer_options& options)
    : timer((check_timer(interval, options),
             detail::make_timer_state(home, interval, std::move(policy),
                                      options.name)),
            options) {
}

timer::timer(std::shared_ptr<detail::timer_state> state,
             const timer_options& options)
    : any_receiver<timer_tick>(std::make_unique<detail::timer_source>(state)),
      timer_control(std::move(state)) {
  if (options.auto_start)
    state_->reset({}, options.start_delay);
}

one_shot_timer::one_shot_timer(duration length)
    : one_shot_timer(detail::make_timer_state(nullptr, duration::zero(),
                                              missed_tick::trigger_all,
                                              "one-shot timer"),
                     length) {
}

one_shot_timer::one_shot_timer(runtime& home, duration length)
    : one_shot_timer(detail::make_timer_state(&home, duration::zero(),
                                              missed_tick::trigger_all,
                                              "one-shot timer"),
                     length) {
}

one_shot_timer::one_shot_timer(std::shared_ptr<detail::timer_state> state,
                               duration length)
    : any_receiver<timer_tick>(std::make_unique<detail::timer_source>(state)),
      state_(std::move(state)) {
  state_->reset({}, length);
}

} // namespace levada
