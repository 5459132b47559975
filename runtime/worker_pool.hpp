// How the runtime's workers share what is ready to run.
//
// Each worker owns a run-next slot (who was just woken, so that a hand-off
// stays on one core) and a FIFO ring of 256 jobs; what does not fit, and what
// comes from outside, goes through one global queue. Of what did not fit, the
// newest is taken first. Idle workers sleep on a futex and are woken one at
// a time, when there is work for them. The shape is Go's scheduler
// (src/runtime/proc.go), plugged into CAF by caf_port.cpp.
//
// Each idea has a file, and its invariants at the head of that:
//  - worker_pool.cpp: what runs next, and who must not starve
//  - workers/help.cpp: when another's jobs are taken, and a sleeper is woken for it
//  - workers/withdraw.cpp: when a worker gives its jobs up and sleeps
//  - workers/watch.cpp: what nobody was woken for is not forgotten
//  - workers/time.cpp: who looks at the timers
//  - workers/sleep.cpp: sleeping and waking, and why no wake is lost
//
// Invariants
//  - Only the owner pushes to its ring; owner and thieves pop by advancing
//    `head` with a compare-and-swap.
//  - Only the owner fills its run-next slot; the owner and the watch empty it. The
//    owner does so without an atomic exchange: it sets `swapping`, looks at
//    `guarded`, empties the slot and clears `swapping`. The watch sets `guarded`,
//    calls process_barrier() and takes the job unless it sees `swapping`. If the
//    barrier finds the owner before its look at `guarded`, the owner sees that and
//    uses an exchange, as the watch does; if after, the watch sees `swapping` and
//    leaves the job alone, or sees the slot as the owner left it. Where there is no
//    process barrier `guarded` is always set.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <levada/runtime/job_queue.hpp>
#include <levada/runtime/process_barrier.hpp>
#include <levada/runtime/spin_lock.hpp>
#include <levada/runtime/worker.hpp>

namespace levada::detail {

class engine;
class timer_queue;

/// What the last worker that fell asleep does when all stays quiet.
struct quiet_watch {
  /// True when it has judged; false: call it again when that long has passed.
  /// Null: nothing is done.
  bool (*call)(engine&) = nullptr;
  engine* argument = nullptr;
  std::chrono::milliseconds after{0};
};

class worker_pool {
public:
  static constexpr std::uint32_t turn = 64;
  /// So many jobs at most move between a ring and the global queue at once.
  static constexpr std::uint32_t most_moved = worker::ring_size / 2;
  /// The owner looks at the clock after one of so many jobs that did not come from
  /// the run-next slot.
  static constexpr std::uint32_t look_at_clock = 8;
  static constexpr std::chrono::microseconds watch_period{400};
  static constexpr std::uint32_t watch_linger = 25;
  /// A ring is helped with when its last job would wait so long otherwise.
  static constexpr std::chrono::microseconds worth_stealing{1};
  static constexpr std::chrono::microseconds worth_waking{5};
  /// A worker that was awake for less than this was woken in vain.
  static constexpr std::chrono::microseconds awake_in_vain{100};
  static constexpr std::uint32_t most_reluctance = 6;
  /// Who took another's jobs and has no more to do after less than this helped in
  /// vain.
  static constexpr std::chrono::microseconds helped_in_vain{2};
  /// Half as often in a row, and nobody helps for a while.
  static constexpr std::uint32_t most_vain = 16;
  /// About what a crossing costs.
  static constexpr std::chrono::nanoseconds crossing_cost{100};
  /// A worker withdraws when crossings have cost it so much more than one part in
  /// eight of its time. (Tasks that just moved to it cross once each.)
  static constexpr int tolerable_part = 8;
  static constexpr std::chrono::microseconds most_debt{60};
  /// Nobody helps for at most so many looks of the watch.
  static constexpr std::uint32_t longest_reserve = 256;
  /// So long without debt, and the next withdrawal counts as the first.
  static constexpr std::chrono::milliseconds forgiven_after{5};
  /// So late, and it is left no longer to who woke up to fire it.
  static constexpr std::chrono::microseconds overdue{200};

  explicit worker_pool(std::size_t workers);
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;

  /// Called once by each worker thread: its place in the pool.
  worker& enlist();

  /// The next job for `self`; sleeps while there is none.
  job next(worker& self) {
    const auto count = self.dispatches.load(std::memory_order_relaxed) + 1;
    // relaxed: a progress mark for the watch, it publishes nothing
    self.dispatches.store(count, std::memory_order_relaxed);
    if (count % turn != 0) [[likely]] {
      if (job found = take_next(self)) [[likely]]
        return found;
    }
    return next_slowly(self, count);
  }

  /// Makes `ready` the next to run on `self`; who stood there goes to the ring.
  /// Owner only.
  void push_next(worker& self, job ready) noexcept {
    if (self.run_next.load(std::memory_order_relaxed) == 0) [[likely]] {
      // Nobody else fills an empty slot: no exchange. release: the watch must
      // see what was written to the job.
      self.run_next.store(ready, std::memory_order_release);
      ensure_watch();
    } else {
      displace_next(self, ready);
    }
  }

  /// Puts `ready` behind everything in `self`'s ring. Owner only.
  void push_back(worker& self, job ready) noexcept;

  /// As push_back() of each in turn; `self` is null on other threads.
  void push_many(worker* self, const job* ready, std::size_t count) noexcept;

  /// Queues a job from any thread.
  void push_global(job ready) noexcept;

  /// A queued job, or 0; for emptying the queues after the workers ended.
  job take_any() noexcept;

  std::size_t size() const noexcept {
    return workers_.size();
  }

  /// True when every worker sleeps and nothing is queued.
  bool quiet() const noexcept;

  /// How many workers sleep, or keep watch.
  std::uint32_t idle() const noexcept {
    return idle_count_.load(std::memory_order_seq_cst);
  }

  /// Sum of all dispatches so far: unchanged means nothing ran.
  std::uint64_t dispatches() const noexcept;

  /// How many jobs are over.
  std::uint64_t jobs_done() const noexcept;

  /// Before the job it is about to run: sees to it that an idle worker keeps the
  /// time, when that is left to it. Owner only.
  void hand_time_over() noexcept;

  /// A timer was armed that is to be looked at by `look`. From any thread.
  void timer_armed(std::chrono::steady_clock::time_point look) noexcept;

  /// Set before the workers start.
  quiet_watch on_quiet;
  /// Whose time the workers keep, or null. Set before the workers start.
  timer_queue* timers = nullptr;

private:
  using time_point = std::chrono::steady_clock::time_point;

  /// Puts `replacement` into the run-next slot: who stood there.
  static job swap_next(worker& self, job replacement) noexcept {
    // relaxed: the process barrier orders it (see above)
    self.swapping.store(true, std::memory_order_relaxed);
    compiler_barrier();
    job found = 0;
    // acquire: pairs with the release in rob(), which emptied the slot before
    if (!self.guarded.load(std::memory_order_acquire)) [[likely]] {
      found = self.run_next.load(std::memory_order_relaxed);
      // release: the watch must see what was written to the job
      self.run_next.store(replacement, std::memory_order_release);
    } else {
      found = self.run_next.exchange(replacement, std::memory_order_acq_rel);
    }
    // release: who sees it cleared sees the slot
    self.swapping.store(false, std::memory_order_release);
    return found;
  }
  static job take_next(worker& self) noexcept {
    return self.run_next.load(std::memory_order_relaxed) == 0
             ? 0
             : swap_next(self, 0);
  }
  // -- what runs next: worker_pool.cpp
  job next_slowly(worker& self, std::uint32_t count);
  void displace_next(worker& self, job ready) noexcept;
  job pop_ring(worker& self) noexcept;
  job take_global(worker& self, bool oldest) noexcept;
  void count_global() noexcept;
  void spill(worker& self, job extra) noexcept;

  // -- help: workers/help.cpp
  job search(worker& self) noexcept;
  void begin_search(worker& self) noexcept;
  void stop_searching(worker& self) noexcept;
  job steal(worker& self) noexcept;
  job steal_from(worker& self, worker& victim) noexcept;
  bool worth_helping(const worker& victim) const noexcept;
  bool help_wanted() const noexcept;
  /// `self`'s ring has grown, to this length.
  void notify_of_ring(const worker& self, std::uint32_t length) noexcept {
    // relaxed: it may miss who falls asleep right now, and the watch does not
    if (idle_count_.load(std::memory_order_relaxed) != 0)
      weigh_help(self, length);
  }
  void weigh_help(const worker& self, std::uint32_t length) noexcept;
  void learn_from_help(worker& self) noexcept;
  void learn_from_wake(worker& self) noexcept;

  // -- withdrawing: workers/withdraw.cpp
  void look_at_clock_now(worker& self) noexcept;
  void begin_anew(worker& self) noexcept;
  bool should_withdraw(worker& self) noexcept;
  job withdraw(worker& self);
  void begin_reserve() noexcept;

  // -- the watch: workers/watch.cpp
  void ensure_watch() noexcept {
    if (idle_count_.load(std::memory_order_relaxed) != 0
        && !watched_.load(std::memory_order_relaxed)) [[unlikely]]
      wake_idle(false);
  }
  bool claim_watch() noexcept;
  job keep_watch(worker& self, bool& left);
  void end_watch(worker& self, bool left) noexcept;
  bool sleep_on_watch(worker& self, bool alone,
                      std::chrono::microseconds period) noexcept;
  static job rob(worker& victim) noexcept;
  bool anything_next_but(const worker& self) const noexcept;

  // -- the time: workers/time.cpp
  void look_at_timers() noexcept;
  time_point keep_time(worker& self) noexcept;
  void leave_time(worker& self) noexcept;
  bool fire_timers(worker& self) noexcept;

  // -- sleeping and waking: workers/sleep.cpp
  void notify() noexcept;
  void wake_idle(bool as_searcher) noexcept;
  void add_idle(worker& self) noexcept;
  bool remove_idle(worker& self) noexcept;
  job park(worker& self);
  job sleep(worker& self, bool watching);
  bool sleep_for_signal(worker& self, bool asked, std::uint64_t quiet_since);
  bool anything_queued() const noexcept;
  bool anything_in_rings() const noexcept;

  std::vector<std::unique_ptr<worker>> workers_;
  std::atomic<std::size_t> enlisted_{0};

  // -- read by every push, written when workers fall asleep or wake
  /// How many workers are in `idle_`.
  alignas(64) std::atomic<std::uint32_t> idle_count_{0};
  /// How many workers are looking for work; while there is one, nobody is woken.
  std::atomic<std::uint32_t> searchers_{0};
  /// True while an idle worker keeps watch.
  std::atomic<bool> watched_{false};
  /// How unwilling rings are to wake somebody.
  std::atomic<std::uint32_t> reluctance_{0};
  /// For so many looks of the watch rings are not helped with.
  std::atomic<std::uint32_t> reserve_{0};
  /// How many they will be after the next withdrawal.
  std::atomic<std::uint32_t> next_reserve_{1};

  /// Guards `idle_`.
  alignas(64) spin_lock idle_lock_;
  std::vector<worker*> idle_;

  /// Guards `keeper_`, and the writing of `cover_`. May be held while taking
  /// `idle_lock_`.
  alignas(64) spin_lock time_lock_;
  /// Who sleeps for the timers.
  worker* keeper_ = nullptr;
  /// Until when somebody who sleeps looks at the timers.
  std::atomic<time_point> cover_{time_point::max()};

  /// Guards the global queue.
  alignas(64) spin_lock global_lock_;
  /// What came from outside, and what did not fit into rings.
  job_queue outside_;
  job_queue spilled_;
  /// Jobs in both.
  std::atomic<std::size_t> global_size_{0};
  /// How often somebody took jobs from it.
  std::atomic<std::uint32_t> global_visits_{0};
};

} // namespace levada::detail
