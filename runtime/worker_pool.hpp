// How the runtime's workers share what is ready to run.
//
// Each worker owns a run-next slot (who was just woken, so that a hand-off
// stays on one core) and a FIFO ring of 256 jobs; what does not fit, and what
// comes from outside, goes through one global queue. Idle workers sleep on a
// futex and are woken one at a time, when there is work for them. The shape is
// Go's scheduler (src/runtime/proc.go), plugged into CAF by caf_port.cpp.
//
// Invariants
//  - Only the owner pushes to its ring; owner and thieves pop by advancing
//    `head` with a compare-and-swap. A thief takes half the ring at once.
//  - Every `turn`-th dispatch looks at the global queue first, then at the ring,
//    and only then at the run-next slot. So nobody starves behind a ping-pong.
//  - Only the owner fills its run-next slot; the owner and the watch empty it. The
//    owner does so without an atomic exchange: it sets `swapping`, looks at
//    `guarded`, empties the slot and clears `swapping`. The watch sets `guarded`,
//    calls process_barrier() and takes the job unless it sees `swapping`. If the
//    barrier finds the owner before its look at `guarded`, the owner sees that and
//    uses an exchange, as the watch does; if after, the watch sees `swapping` and
//    leaves the job alone, or sees the slot as the owner left it. Where there is no
//    process barrier `guarded` is always set.
//  - No wake from outside is lost: who pushes to the global queue publishes the job
//    (seq_cst), then looks for idle workers; a worker registers as idle (seq_cst),
//    then looks at all queues. Who pushes to its own ring saves the fence: it is
//    awake and comes to that job itself, and should it miss a worker that falls
//    asleep right then, the watch finds the job.
//  - A wake costs as much as a few hundred hand-offs, so it must be worth it. A
//    job in a run-next slot wakes nobody. A job in a ring wakes an idle worker
//    when the ring holds 2^reluctance jobs; reluctance grows when a worker that
//    was woken soon had nothing to do, and falls to 0 when it had.
//  - What wakes nobody is not forgotten: while some worker is busy and another
//    idle, one idle worker keeps watch. Every `watch_period` it takes a run-next
//    job whose owner has not dispatched since the last look, or half of a ring
//    that was not empty at the last look either. Who was woken
//    for that does it even when the others have fallen asleep meanwhile: they work
//    by fits, and are not to wake it each time. The watch ends soon after the last
//    worker went idle: an idle pool sleeps.
//  - Where the pool keeps the time of a timer_queue, the workers fire it. A busy one
//    looks every few dispatches. One that sleeps keeps the time: it sleeps until the
//    next look is due, and says so in `cover_`, the latest time at which somebody
//    looks. A worker that arms a timer for before that takes the role over when it
//    sleeps itself; should it go on with another job instead, it first wakes an idle
//    worker, unless one keeps watch, which looks every `watch_period` at what is
//    overdue, and exactly while the busy worker is stuck in one job. So a timer is at
//    most that late when its task could run, and no thread is woken for most.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <levada/runtime/process_barrier.hpp>
#include <levada/runtime/spin_lock.hpp>

namespace levada::detail {

/// A task_frame* (odd) or somebody else's caf::resumable* (even); 0 is none.
using job = std::uintptr_t;

class worker_pool;
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

struct alignas(64) worker {
  static constexpr std::uint32_t ring_size = 256;

  /// The pool this belongs to.
  worker_pool* pool = nullptr;
  /// The owner's count of dispatches; others read it to see it move.
  std::atomic<std::uint32_t> dispatches{0};
  /// True while the owner empties its run-next slot, or replaces who is in it.
  std::atomic<bool> swapping{false};
  /// True while the owner must do that by an atomic exchange.
  std::atomic<bool> guarded{false};
  /// Where the owner begins to look for victims. Owner only.
  std::uint32_t random = 1;
  /// True while the owner counts as one of the pool's searchers. Owner only.
  bool searching = false;
  /// True when the owner was woken because nobody kept watch. Owner only.
  bool wanted_to_watch = false;
  /// When the owner was woken as a searcher, or 0. Owner only.
  std::chrono::steady_clock::time_point woken{};
  /// What the owner has to see to before its next job. Owner only.
  std::uint8_t news = rested;
  /// It has slept, or worked for a while.
  static constexpr std::uint8_t rested = 1;
  /// It has armed a timer that nobody sleeps for, or no longer sleeps for one.
  static constexpr std::uint8_t timed = 2;
  /// Who runs next on this worker.
  std::atomic<job> run_next{0};

  /// First job of the ring; owner and thieves advance it.
  alignas(64) std::atomic<std::uint32_t> head{0};
  /// One past the last job; only the owner advances it.
  std::atomic<std::uint32_t> tail{0};
  std::array<std::atomic<job>, ring_size> ring{};

  /// Set to 1 to end the owner's sleep.
  alignas(64) std::atomic<std::uint32_t> signal{0};
};

class worker_pool {
public:
  static constexpr std::uint32_t turn = 64;
  /// The owner looks at the clock after one of so many jobs that did not come from
  /// the run-next slot.
  static constexpr std::uint32_t look_at_clock = 8;
  static constexpr std::chrono::milliseconds watch_period{1};
  static constexpr std::uint32_t watch_linger = 20;
  /// A worker that was awake for less than this was woken in vain.
  static constexpr std::chrono::microseconds worth_waking{100};
  static constexpr std::uint32_t most_reluctance = 6;
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

  /// Sum of all dispatches so far: unchanged means nothing ran.
  std::uint64_t dispatches() const noexcept;

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
  job next_slowly(worker& self, std::uint32_t count);
  void displace_next(worker& self, job ready) noexcept;
  job take_global(worker& self) noexcept;
  job steal(worker& self) noexcept;
  job steal_from(worker& self, worker& victim) noexcept;
  job search(worker& self) noexcept;
  job pop_ring(worker& self) noexcept;
  bool anything_queued() const noexcept;
  bool anything_next_but(const worker& self) const noexcept;
  void spill(worker& self, job extra) noexcept;
  void begin_search(worker& self) noexcept;
  void stop_searching(worker& self) noexcept;
  void notify() noexcept;
  void notify_of_ring(std::uint32_t length) noexcept;
  void ensure_watch() noexcept {
    if (idle_count_.load(std::memory_order_relaxed) != 0
        && !watched_.load(std::memory_order_relaxed)) [[unlikely]]
      wake_idle(false);
  }
  void learn_from_wake(worker& self) noexcept;
  void wake_idle(bool as_searcher) noexcept;
  bool remove_idle(worker& self) noexcept;
  job park(worker& self);
  static job rob(worker& victim) noexcept;
  job keep_watch(worker& self, bool& left);
  bool sleep_on_watch(worker& self, bool alone) noexcept;
  void look_at_timers() noexcept;
  time_point keep_time(worker& self) noexcept;
  void leave_time(worker& self) noexcept;
  bool fire_timers(worker& self) noexcept;

  std::vector<std::unique_ptr<worker>> workers_;
  std::atomic<std::size_t> enlisted_{0};

  // -- read by every push, written when workers fall asleep or wake
  /// How many workers are in `idle_`.
  alignas(64) std::atomic<std::uint32_t> idle_count_{0};
  /// How many workers are looking for work; while there is one, nobody is woken.
  std::atomic<std::uint32_t> searchers_{0};
  /// True while an idle worker keeps watch.
  std::atomic<bool> watched_{false};
  /// How unwilling rings are to wake somebody: see above.
  std::atomic<std::uint32_t> reluctance_{0};

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

  /// Guards `global_` and `global_first_`.
  alignas(64) spin_lock global_lock_;
  /// The global queue: jobs from `global_first_` on.
  std::vector<job> global_;
  std::size_t global_first_ = 0;
  std::atomic<std::size_t> global_size_{0};
};

/// The worker this thread is, or null.
extern constinit thread_local worker* current_worker;

inline worker* this_worker() noexcept {
  return current_worker;
}

} // namespace levada::detail
