// All the deadlines of a runtime, and who sees to it that they are kept.
//
// The queue has parts, each a wheel under a lock of its own; a thread always arms
// in the same one. So arming and disarming are O(1) and allocate nothing, and
// workers that arm do not meet each other, or whoever fires far from what they
// arm.
//
// Who fires is one of three: the clock itself, when it drives its timers
// (manual_clock); the workers of a pool, when one keeps the time (keep_by()); else
// a thread of the queue's own, which the first node armed starts.
//
// Invariants
//  - A node is in a wheel exactly while it is `armed` and its `expired` does not
//    run.
//  - `expired` is called under its part's lock. It may take channel locks and
//    must only collect wakes: no user code, no arming.
//  - `armed` is cleared after `expired`. Hence after disarm() returned, `expired`
//    does not run and will not run: the node's memory is the owner's again. Never
//    call disarm() while holding a lock that an `expired` takes.
//  - No deadline is slept through: who arms writes the part's `next` (seq_cst), then
//    looks until when the sleeper means to sleep; the sleeper writes that (seq_cst),
//    then looks at every `next`. `next` is never after the part's first deadline.
//  - Nothing fires early. A timer may fire up to `slack` late on purpose, when the
//    queue has fired within the last `spacing`: a sleep costs as much as a hundred
//    expiries, so deadlines that come densely are served in groups. One that stands
//    alone is served at its time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/timer_node.hpp>
#include <levada/runtime/timer_wheel.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

class worker_pool;

class timer_queue {
public:
  static constexpr std::chrono::microseconds slack{190};
  static constexpr std::chrono::microseconds spacing{190};
  static constexpr std::size_t most_parts = 16;

  /// One of `parts` parts is good for each thread that arms.
  explicit timer_queue(clock& source, std::size_t parts = 1);
  ~timer_queue();
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  /// From now on the workers of `pool` call fire_due(), unless the clock does.
  /// Before they start, and before the first arm().
  void keep_by(worker_pool& pool) noexcept;

  /// Puts `node` in; a deadline that has passed fires at once, but never from
  /// here, except with a clock that drives its timers. May throw system_error when
  /// a thread is needed and cannot be had; then nothing is armed.
  void arm(timer_node& node);

  /// Takes `node` out; false when it had fired (or was never armed).
  bool disarm(timer_node& node) noexcept {
    // acquire: pairs with the release after `expired`
    return node.armed.load(std::memory_order_acquire) && take_out(node);
  }

  /// How many nodes are armed.
  std::size_t size() const;

  /// True while nodes have been taken out and whom they wake is not yet woken.
  /// When size() gives 0 and this false, in this order, all who waited here are
  /// awake.
  bool firing() const noexcept {
    // acquire: pairs with ~fire_mark(); the wakes are visible
    return firing_.load(std::memory_order_acquire) != 0;
  }

  /// The earliest deadline, or time_point::max(). O(n) at worst.
  time_point next_deadline() const;

  /// When to call fire_due() next, or time_point::max().
  time_point next_look() const noexcept;

  /// True when `look`, which next_look() gave, is now or was.
  bool has_come(time_point look) const noexcept {
    return look != time_point::max() && look <= clock_.now();
  }

  /// True when it is time to call fire_due().
  bool is_due() const noexcept {
    return has_come(next_look());
  }

  /// Fires everything that is due by the clock.
  void fire_due();

  /// Ends the thread; later arms only fill the queue. Idempotent.
  void stop() noexcept;

private:
  struct alignas(64) part {
    /// Guards `wheel`.
    mutable std::mutex mutex;
    /// Not after the first deadline; max() when there is none. Written under the
    /// mutex.
    std::atomic<duration::rep> next{duration::max().count()};
    timer_wheel wheel{time_point{}};
  };

  class fire_mark;

  bool take_out(timer_node& node) noexcept;
  time_point paced(time_point when) const noexcept;
  bool fire_some(part& from, time_point now);
  void announce(time_point when);
  void start_thread();
  void run();

  clock& clock_;
  const std::size_t parts_count_;
  const std::unique_ptr<part[]> parts_;
  /// Whose workers fire, or null.
  worker_pool* pool_ = nullptr;
  /// True once stop() was called.
  std::atomic<bool> stopping_{false};
  /// How many threads have taken nodes out and not yet fired the wakes.
  std::atomic<std::uint32_t> firing_{0};
  /// When something was fired last.
  std::atomic<duration::rep> fired_{0};

  // -- the thread
  /// Until when it sleeps.
  std::atomic<duration::rep> sleeps_until_{duration::max().count()};
  /// Counts changes the thread must look at; it sleeps on this word.
  std::atomic<std::uint32_t> alarm_{0};
  /// Guards `thread_`.
  std::mutex thread_mutex_;
  std::thread thread_;
  /// True when it need not be started (again).
  std::atomic<bool> started_{false};
};

} // namespace levada::detail
