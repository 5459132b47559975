// The watch: what wakes nobody is not forgotten.
//
// Invariants
//  - While some worker is busy and another idle, one idle worker keeps watch. It takes
//    a run-next job whose owner has not dispatched between two looks, half of a ring
//    none of whose jobs has left it between two, and a global queue likewise. So no job
//    that is ready waits much longer than two periods beside an idle worker. (Where all
//    slept at the last look the next comes after two periods, and the one after that
//    comes half a period later should it find somebody busy: that is not much longer.)
//  - Who keeps watch stands in `idle_` all the while, and is woken as any other. It
//    takes a job for its own only after it has left that list itself.
//  - Who was woken to watch does it even when the others have fallen asleep meanwhile:
//    they work by fits, and are not to wake it each time. The watch ends soon after the
//    last worker went idle: an idle pool sleeps.
//  - No gap between two watches: who ends one clears `watched_`, then lets a
//    process_barrier() pass, then looks at what is queued and wakes a successor if
//    there is anything. Who pushes to its own slot or ring stores the job, then looks at
//    `watched_` without a fence: before the barrier it is seen here, after it it sees
//    that nobody watches.
//  - A run-next slot is robbed as worker_pool.hpp says.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include <levada/runtime/futex.hpp>
#include <levada/runtime/pause_point.hpp>
#include <levada/runtime/timer_queue.hpp>

namespace levada::detail {

namespace {

/// What the watch sees of a worker in passing.
struct glance {
  std::uint32_t dispatches = 0;
  bool slot = false;
  std::uint32_t head = 0;
  std::uint32_t tail = 0;

  bool is_stuck_since(const glance& then) const noexcept {
    return slot && then.slot && dispatches == then.dispatches;
  }
  /// The last job of then has not left the ring (indices wrap around).
  bool has_its_last_job_since(const glance& then) const noexcept {
    return then.head != then.tail
           && static_cast<std::int32_t>(head - then.tail) < 0;
  }
};

// relaxed: it only compares one look with the next
glance glance_at(const worker& other) noexcept {
  return {other.dispatches.load(std::memory_order_relaxed),
          other.run_next.load(std::memory_order_relaxed) != 0,
          other.head.load(std::memory_order_relaxed),
          other.tail.load(std::memory_order_relaxed)};
}

} // namespace

bool worker_pool::claim_watch() noexcept {
  bool expected = false;
  return watched_.compare_exchange_strong(expected, true);
}

bool worker_pool::anything_next_but(const worker& self) const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& each) {
    return each.get() != &self
           && each->run_next.load(std::memory_order_seq_cst) != 0;
  });
}

/// For whoever keeps watch: sleeps, for a period at most, and says whether timers are
/// overdue then. `alone`: no busy worker looks at them.
bool worker_pool::sleep_on_watch(worker& self, bool alone,
                                 std::chrono::microseconds period) noexcept {
  auto until = std::chrono::steady_clock::now() + period;
  if (timers == nullptr) {
    futex_wait_until(self.signal, 0, until);
    return false;
  }
  auto patience = std::chrono::steady_clock::duration{overdue};
  auto look = time_point::max();
  if (alone || idle_count_.load(std::memory_order_relaxed) == size()) {
    look = keep_time(self);
    if (look != time_point::max())
      patience = patience.zero();
  } else {
    leave_time(self);
    if (const auto next = timers->next_look();
        next < cover_.load(std::memory_order_relaxed))
      look = next + patience;
  }
  until = std::min(until, look);
  futex_wait_until(self.signal, 0, until);
  const auto next = timers->next_look();
  return next <= std::chrono::steady_clock::now() - patience;
}

job worker_pool::rob(worker& victim) noexcept {
  if (!has_process_barrier())
    return victim.run_next.exchange(0, std::memory_order_acq_rel);
  victim.guarded.store(true, std::memory_order_relaxed);
  process_barrier();
  job taken = 0;
  // acquire: pairs with the release in swap_next(), and shows the slot
  if (!victim.swapping.load(std::memory_order_acquire))
    taken = victim.run_next.exchange(0, std::memory_order_acq_rel);
  // release: the owner sees the empty slot
  victim.guarded.store(false, std::memory_order_release);
  return taken;
}

/// `left`: it is no longer idle, with the job it found, or 0 to fire timers.
job worker_pool::keep_watch(worker& self, bool& left) {
  // While in here we stand in idle_, so that a push can wake us as any other.
  std::vector<glance> before(workers_.size());
  std::uint32_t visits = 0;
  bool queued = false;
  std::uint32_t calm = 0;
  bool all_slept = false;
  auto dispatched = ~std::uint64_t{0};
  const auto at_first = jobs_done();
  while (calm < watch_linger
         && self.signal.load(std::memory_order_acquire) == 0) {
    // Who is busy and dispatches looks at the timers; who is stuck does not.
    const auto before_that = std::exchange(dispatched, dispatches());
    const bool all_sleep
      = idle_count_.load(std::memory_order_relaxed) == workers_.size();
    const auto period = all_sleep   ? 2 * watch_period
                        : all_slept ? watch_period / 2
                                    : watch_period;
    all_slept = all_sleep;
    if (sleep_on_watch(self, dispatched == before_that, period)
        && fire_timers(self)) {
      left = true;
      return 0;
    }
    pause_at(pause_point::slept_on_watch, self);
    // (Where nothing has run since, as when the pool begins, nothing comes back soon;
    // and each look would take a core from somebody.)
    if (idle_count_.load(std::memory_order_relaxed) != workers_.size())
      calm = 0;
    else
      calm = jobs_done() == at_first ? watch_linger : calm + 1;
    if (const auto rest = reserve_.load(std::memory_order_relaxed))
      reserve_.store(rest - 1, std::memory_order_relaxed);
    const bool waits
      = global_size_.load(std::memory_order_relaxed) != 0 && queued
        && visits == global_visits_.load(std::memory_order_relaxed);
    queued = global_size_.load(std::memory_order_relaxed) != 0;
    visits = global_visits_.load(std::memory_order_relaxed);
    if (waits) {
      left = remove_idle(self); // else somebody woke us for other work
      return left ? take_global(self, true) : 0;
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      auto& other = *workers_[i];
      if (&other == &self)
        continue;
      const auto then = std::exchange(before[i], glance_at(other));
      const bool behind = before[i].has_its_last_job_since(then);
      if (!behind && !before[i].is_stuck_since(then))
        continue;
      left = remove_idle(self);
      if (!left)
        return 0; // somebody woke us for other work
      return behind ? steal_from(self, other) : rob(other);
    }
  }
  return 0;
}

/// Whoever pushes a job after the look below sees that nobody watches, and wakes
/// somebody. `left`: the watcher is no longer idle.
void worker_pool::end_watch(worker& self, bool left) noexcept {
  watched_.store(false, std::memory_order_seq_cst);
  // (Where nobody else is idle there is nobody to wake, and the next worker that goes
  // to sleep sees that nobody watches.)
  if (idle_count_.load(std::memory_order_seq_cst) == 0)
    return;
  process_barrier();
  // (What is in the global queue is what this one was woken for, or brings it to wake
  // another when it takes some.)
  if (idle_count_.load(std::memory_order_seq_cst) != 0
      && (anything_next_but(self)
          || (left ? anything_queued() : anything_in_rings())))
    wake_idle(false); // to keep the watch instead
}

} // namespace levada::detail
