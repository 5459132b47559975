// What a worker measures of its own work, and how it gives it up when that is mostly
// traffic between processors.
//
// A worker looks at the clock every few jobs. It then knows how long its jobs run, and
// what its crossings (locks that another worker held last, see biased_lock.hpp, and
// rounds of waiting for locks) have cost it: the debt is that, less a part of its time
// that is tolerable. With too much debt, while others are awake, it *withdraws*: its
// jobs go to the global queue, it goes idle, and a reserve begins (see help.cpp). So a
// crowd around one channel gathers on one core.
//
// Invariants
//  - No job is lost: it is in the global queue before its worker is idle, and a worker
//    that falls asleep looks there after it has registered as idle. So if this one is
//    the last that is awake, it either sees the others idle under `idle_lock_` and
//    stays, or one of them is on its way to that look.
//  - Only a worker between two jobs withdraws: it is inside no lock, biased or not,
//    and holds none for anybody else. What is biased to it stays so until somebody
//    wants it and ends that (biased_lock.hpp), which needs nothing of a sleeper.
//  - It claims the watch before it is seen as idle: else a push that sees an idle
//    worker and no watch wakes this one, which would take those jobs again.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>
#include <utility>

#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/pause_point.hpp>

namespace levada::detail {

void worker_pool::look_at_clock_now(worker& self) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (self.taken != 0) {
    // Half of it is new: one long job does not make all jobs long.
    const auto each = std::min<std::chrono::nanoseconds::rep>(
      std::chrono::nanoseconds{now - self.now}.count() / self.taken,
      1'000'000'000);
    self.job_ns.store((self.job_ns.load(std::memory_order_relaxed)
                       + static_cast<std::uint32_t>(each))
                        / 2,
                      std::memory_order_relaxed);
  }
  self.taken = 0;
  self.now = now;
  self.news |= worker::rested;
}

/// After sleep, which says nothing of how long jobs run, nor of peace.
void worker_pool::begin_anew(worker& self) noexcept {
  self.taken = 0;
  look_at_clock_now(self);
  self.debt = {};
  self.weighed = self.now;
  self.at_peace_since = self.now;
}

bool worker_pool::should_withdraw(worker& self) noexcept {
  const auto so_far = this_seat().crossings + waits_for_locks;
  const auto crossings = so_far - std::exchange(self.crossings, so_far);
  const auto passed = self.now - std::exchange(self.weighed, self.now);
  if (idle_count_.load(std::memory_order_relaxed) + 1 >= workers_.size()) {
    self.debt = {};
    self.at_peace_since = self.now;
    return false;
  }
  self.debt += crossings * crossing_cost - passed / tolerable_part;
  if (self.debt <= self.debt.zero())
    self.debt = {};
  else
    self.at_peace_since = self.now;
  if (self.now - self.at_peace_since > forgiven_after)
    next_reserve_.store(1, std::memory_order_relaxed);
  return self.debt > most_debt;
}

/// Another worker is awake, and finds what is put into the global queue here: it
/// looks there before it falls asleep. If it did so before, this one stays.
job worker_pool::withdraw(worker& self) {
  pause_at(pause_point::withdraws, self);
  {
    spin_guard guard{global_lock_};
    while (const job each = pop_ring(self))
      outside_.append({&each, 1});
    if (const job each = swap_next(self, 0))
      outside_.append({&each, 1});
    count_global();
  }
  // First the watch: else a push that sees an idle worker and no watch wakes this
  // one, which would take those jobs again.
  const bool watching = claim_watch();
  pause_at(pause_point::gave_its_jobs_up, self);
  {
    spin_guard guard{idle_lock_};
    if (idle_.size() + 1 >= workers_.size()) {
      if (watching)
        watched_.store(false, std::memory_order_seq_cst);
      return 0;
    }
    add_idle(self);
  }
  begin_reserve();
  self.woken = {};
  return sleep(self, watching);
}

} // namespace levada::detail
