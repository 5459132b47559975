// The ways to wait for a step: as a task or as a thread, with or without limits.
//
// The order of locking and publishing is the same in all of them:
//  1. try under the lock; most operations end here
//  2. with limits: arm the timer and register with the stop token. From here
//     they may end the wait; they find the node not enlisted yet and leave
//     their verdict in it
//  3. under the lock again: a verdict, or a second try, or enlist and park
// After parking nothing of the operation is touched: it may be over already.
#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <stop_token>

#include <levada/channels/waiting/step.hpp>
#include <levada/runtime/clock.hpp>
#include <levada/runtime/task_frame.hpp>
#include <levada/runtime/timer_node.hpp>

namespace levada::detail {

/// How long a wait may take, and what else may end it.
struct wait_limits {
  time_point deadline = time_point::max();
  std::stop_token stop = {};
};

/// A stop token's way into a wait.
struct stop_request {
  channel_core* channel;
  wait_node* node;
  wait_place place;

  void operator()() const noexcept {
    wake_list wakes;
    channel->withdraw(*node, place, outcome::cancelled, wakes);
  }
};

using stop_registration = std::optional<std::stop_callback<stop_request>>;

/// The errc of an ended wait, on the task that waited.
LEVADA_API errc errc_in_task(outcome how) noexcept;

LEVADA_API time_point now_of(task_frame& root) noexcept;
LEVADA_API void arm_timer(task_frame& root, timer_node& node);
LEVADA_API void disarm_timer(task_frame& root, timer_node& node) noexcept;

/// What awaiting a step takes, apart from limits.
template <class Step>
class step_awaiter_base {
public:
  using levada_awaitable = void;

  template <class... Args>
  explicit step_awaiter_base(std::source_location line, Args&&... args)
      : step_(std::forward<Args>(args)...) {
    step_.line = line;
  }
  step_awaiter_base(const step_awaiter_base&) = delete;
  step_awaiter_base& operator=(const step_awaiter_base&) = delete;

  bool await_ready() const noexcept {
    return false; // everything happens in await_suspend, which knows the task
  }

protected:
  ~step_awaiter_base() {
    if (step_.who == nullptr) [[likely]]
      return;
    // The frame goes away while it waits: only shutdown does that.
    step_.channel->forget(step_, Step::place);
    step_.abandon();
  }

  enum class attempt : std::uint8_t { settled, parked, undecided };

  /// One go under the lock. `park`: enlist when there is nothing to settle.
  /// `Limited`: a limit may have ended the wait already.
  template <bool Limited>
  [[gnu::always_inline]] attempt go(std::coroutine_handle<> leaf,
                                    task_frame& root, bool park) {
    auto& channel = *step_.channel;
    auto& seat = root.seat();
    channel.lock.lock(seat);
    if (Limited && step_.result != outcome::pending) [[unlikely]]
      return go_on_locked(leaf, root, park);
    if (settle_quickly(seat)) [[likely]] {
      channel.lock.unlock(seat);
      return attempt::settled;
    }
    if (auto* partner = step_.settle_with_partner()) {
      channel.lock.unlock(seat);
      wake(*partner, root.context());
      return attempt::settled;
    }
    return go_on_locked(leaf, root, park);
  }

  /// Some take locks inside, by the same seat.
  [[gnu::always_inline]] bool settle_quickly(bias_seat& seat) noexcept {
    if constexpr (requires { step_.settle_quickly(seat); })
      return step_.settle_quickly(seat);
    else
      return step_.settle_quickly();
  }

  /// The same for whatever is not an everyday send or receive; unlocks.
  [[gnu::noinline]] attempt go_on_locked(std::coroutine_handle<> leaf,
                                         task_frame& root, bool park) {
    auto& channel = *step_.channel;
    root.announce(Step::reason, channel.id);
    if constexpr (requires { step_.must_wait(); }) {
      if (park && step_.result == outcome::pending && step_.must_wait()
          && !root.cancelled()) [[likely]] {
        auto& seat = root.seat();
        step_.who = &root;
        root.park(leaf, step_.line);
        step_.enlist();
        channel.lock.unlock(seat);
        return attempt::parked;
      }
    }
    return settle_locked(leaf, root, park);
  }

  /// The general case.
  [[gnu::noinline]] attempt settle_locked(std::coroutine_handle<> leaf,
                                          task_frame& root, bool park) {
    auto& channel = *step_.channel;
    auto& seat = root.seat();
    bool ended = false;
    {
      stray_list strays{channel.type};
      wake_list wakes;
      adopted_seat_guard guard{channel.lock, seat};
      if (step_.result != outcome::pending) {
        // a limit was faster
      } else if (step_.settle(wakes, &strays)) {
        ended = !channel.is_open();
      } else if (root.cancelled()) [[unlikely]] {
        step_.result = outcome::cancelled;
      } else if (park) {
        step_.who = &root;
        const auto line = step_.line; // which enlisting overwrites
        enlist(step_, wakes, strays); // may throw: nobody waits then
        root.park(leaf, line);
        return attempt::parked;
      } else {
        return attempt::undecided;
      }
    }
    if (ended) [[unlikely]]
      channel.end_if_drained();
    return attempt::settled;
  }

  /// After an operation that did not wait; what await_suspend returns.
  template <class Promise>
  static bool gone_on(std::coroutine_handle<Promise> leaf,
                      task_frame& root) noexcept {
    if (!root.spend()) [[likely]]
      return false;
    root.yield_after(leaf);
    return true;
  }

  auto finish() {
    step_.who = nullptr;
    const auto how = step_.result;
    return step_.finish(how == outcome::done ? errc{} : errc_in_task(how));
  }

  Step step_;
};

/// Awaits a step for as long as it takes.
template <class Step>
class [[nodiscard("co_await it")]] step_awaiter
    : public step_awaiter_base<Step> {
  using base = step_awaiter_base<Step>;

public:
  using base::base;

  template <class Promise>
  [[gnu::always_inline]] bool
  await_suspend(std::coroutine_handle<Promise> leaf) {
    auto& root = leaf.promise().root();
    if (this->template go<false>(leaf, root, true) == base::attempt::parked)
      return true;
    return this->gone_on(leaf, root);
  }

  auto await_resume() {
    return this->finish();
  }
};

/// Awaits a step within limits.
template <class Step>
class [[nodiscard("co_await it")]] limited_step_awaiter
    : public step_awaiter_base<Step>,
      private timer_node {
  using base = step_awaiter_base<Step>;

public:
  /// `length` counts from the moment of awaiting.
  template <class... Args>
  limited_step_awaiter(std::source_location line, duration length,
                       std::stop_token stop, Args&&... args)
      : base(line, std::forward<Args>(args)...),
        timer_node(&limited_step_awaiter::expire),
        token_(std::move(stop)),
        length_(length) {
    when = time_point::max();
  }
  template <class... Args>
  limited_step_awaiter(std::source_location line, time_point deadline,
                       std::stop_token stop, Args&&... args)
      : base(line, std::forward<Args>(args)...),
        timer_node(&limited_step_awaiter::expire),
        token_(std::move(stop)),
        length_(duration::max()) {
    when = deadline;
  }
  ~limited_step_awaiter() {
    lift_limits();
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    auto& root = leaf.promise().root();
    if (this->template go<false>(leaf, root, false) == base::attempt::settled)
      return this->gone_on(leaf, root);
    if (!set_limits(root))
      return false;
    return this->template go<true>(leaf, root, true) == base::attempt::parked;
  }

  auto await_resume() {
    lift_limits();
    return this->finish();
  }

private:
  bool set_limits(task_frame& root) {
    const auto now = now_of(root);
    if (length_ != duration::max())
      when = saturating_add(now, length_);
    if (when <= now) {
      this->step_.result = outcome::timed_out;
      return false;
    }
    root_ = &root;
    this->step_.who = &root;
    if (when != time_point::max())
      arm_timer(root, *this);
    if (token_.stop_possible())
      stop_.emplace(
        token_, stop_request{this->step_.channel, &this->step_, Step::place});
    return true;
  }

  void lift_limits() noexcept {
    if (root_ == nullptr)
      return;
    // Both wait for a verdict that is being given right now.
    stop_.reset();
    if (when != time_point::max())
      disarm_timer(*root_, *this);
    root_ = nullptr;
  }

  static void expire(timer_node& node, wake_list& wakes) noexcept {
    auto& self = static_cast<limited_step_awaiter&>(node);
    self.step_.channel->withdraw(self.step_, Step::place, outcome::timed_out,
                                 wakes);
  }

  task_frame* root_ = nullptr;
  std::stop_token token_;
  stop_registration stop_;
  duration length_;
};

} // namespace levada::detail
