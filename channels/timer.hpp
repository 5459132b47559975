// timer, one_shot_timer: timers that can be stopped and reset while somebody waits.
//
//   levada::timer every{1s, levada::missed_tick::skip_and_resync};
//   while (auto tick = co_await every.receive())
//     use(tick->drift);                          // how late it is
//
//   levada::one_shot_timer deadline{30s};
//   auto chosen = co_await levada::select(rx, deadline);
//   deadline.reset(30s);
//
// Both are any_receivers of a timer_tick, and computed when they are waited for:
// nothing runs in the background, a tick nobody takes costs nothing. (Where
// nothing is to be stopped or reset, after() and tick() are cheaper.)
// Clock    the runtime's; waits of a thread go by the steady clock.
// Threads  stop() and reset() may be called on any thread, also through control();
//          who waits meanwhile is woken. Receiving: as any_receiver.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/event.hpp>
#include <levada/channels/missed_tick.hpp>

namespace levada {
namespace detail {

/// What a timer and its controls share.
class LEVADA_API timer_state {
public:
  /// `interval` of zero: ticks once. `first`: when the first tick is due, or
  /// nothing: it starts when it is first waited for.
  timer_state(engine& home, event changed, duration interval,
              missed_tick_policy policy) noexcept;

  /// True when a tick was to come, or to be taken.
  bool stop() noexcept;
  bool reset(std::optional<duration> interval, duration delay);
  /// As stop(), and a one_shot_timer has ended too.
  void close() noexcept;

  struct view {
    bool running = false;
    /// Stopped, and only reset() will make it tick again.
    bool ended = false;
    time_point due = time_point::max();
    std::uint64_t generation = 0;
  };
  view look() const noexcept;
  /// As look(), and starts one that was never started.
  view look_and_start();

  /// The tick that is due, or nothing; throws what the policy throws.
  std::optional<timer_tick> take_due();
  /// Its reader takes the tick of that generation: false when it is void.
  bool taken(std::uint64_t generation) noexcept;

  time_point now() const noexcept {
    return time_.now();
  }
  const event& changed() const noexcept {
    return changed_;
  }
  duration interval() const;

private:
  void start(duration delay);
  bool stop_locked() noexcept;
  view view_locked() const noexcept;

  const clock& time_;
  const event changed_;
  const missed_tick_policy policy_;
  const bool repeats_;
  /// Guards everything below.
  mutable std::mutex mutex_;
  duration interval_;
  bool started_ = false;
  bool running_ = false;
  bool closed_ = false;
  /// A tick came and nobody has taken it.
  bool untaken_ = false;
  time_point due_ = time_point::max();
  /// Changes with each reset, and with the stop of a one_shot_timer: a tick of an
  /// earlier generation is void.
  std::uint64_t generation_ = 0;
};

class LEVADA_API timer_source final : public source<timer_tick> {
public:
  explicit timer_source(std::shared_ptr<timer_state> state) noexcept;

  void close() noexcept override;
  bool is_closed() const noexcept override;
  bool holds_value() const noexcept override;

private:
  bool still_valid() const noexcept override;
  void do_wish(wish_list& list) override;
  bool do_look(std::uint32_t index) override;
  std::optional<receive_result<timer_tick>> do_take() override;
  timer_tick* do_peek() override;

  std::shared_ptr<timer_state> state_;
  std::optional<receive_slot<unit>> change_;
  std::optional<ready_wish> at_once_;
  std::optional<timer_tick> tick_;
  /// That of what is in hand.
  std::uint64_t generation_ = 0;
};

LEVADA_API std::shared_ptr<timer_state>
make_timer_state(runtime* home, duration interval, missed_tick_policy policy,
                 std::string name);

} // namespace detail

struct timer_options {
  /// False: it starts with the first wait, or reset().
  bool auto_start = true;
  /// Time before the first interval begins.
  duration start_delay{0};
  std::string name = "timer";
};

/// Stops and resets a timer from elsewhere; a counted handle.
class LEVADA_API timer_control {
public:
  /// No more ticks; who waits learns that it is closed. A tick that ready() has
  /// found is still there to take. False when it did not run.
  bool stop() const {
    return state_->stop();
  }
  /// Starts anew, also a stopped one: the next tick comes `delay` and one
  /// interval from now; one not taken yet is void. Throws
  /// channel_error(invalid_argument) as the constructor does.
  void reset(duration delay = duration::zero()) const {
    state_->reset({}, delay);
  }
  /// The same with another interval.
  void reset_to(duration interval, duration delay = duration::zero()) const;

  bool is_running() const {
    return state_->look().running;
  }
  duration interval() const {
    return state_->interval();
  }

protected:
  explicit timer_control(std::shared_ptr<detail::timer_state> state) noexcept
      : state_(std::move(state)) {
  }
  std::shared_ptr<detail::timer_state> state_;
};

/// Ticks every interval: first one interval (and options.start_delay) after it
/// was started, then as `policy` says. Throws channel_error(invalid_argument)
/// unless the interval is positive and the delay is not negative, or for a delay
/// without auto_start.
class LEVADA_API timer : public any_receiver<timer_tick>, public timer_control {
public:
  timer(duration interval, missed_tick_policy policy,
        const timer_options& options = {});
  timer(runtime& home, duration interval, missed_tick_policy policy,
        const timer_options& options = {});

  /// To hand around.
  timer_control control() const noexcept {
    return *this;
  }

private:
  timer(runtime* home, duration interval, missed_tick_policy policy,
        const timer_options& options);
  timer(std::shared_ptr<detail::timer_state> state,
        const timer_options& options);
};

/// Ticks once, `length` after it was made or reset. It never closes by itself:
/// after its tick, or stop(), receives wait until it is reset. No tick of before
/// is received after stop() or reset() have returned.
class LEVADA_API one_shot_timer : public any_receiver<timer_tick> {
public:
  explicit one_shot_timer(duration length);
  one_shot_timer(runtime& home, duration length);

  /// True when that prevented a tick.
  bool stop() const {
    return state_->stop();
  }
  /// True when a tick was still to come, or to be taken.
  bool reset(duration length) const {
    return state_->reset({}, length);
  }

private:
  explicit one_shot_timer(std::shared_ptr<detail::timer_state> state,
                          duration length);

  std::shared_ptr<detail::timer_state> state_;
};

} // namespace levada
