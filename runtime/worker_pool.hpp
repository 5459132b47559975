// How the runtime's workers share what is ready to run.
//
// Each worker owns a run-next slot (who was just woken, so that a hand-off
// stays on one core) and a FIFO ring of 256 jobs; what does not fit, and what
// comes from outside, goes through one global queue. Of what did not fit, the
// newest is taken first: tasks that spawn tasks that spawn go deep before they go
// wide, and stay in the cache. Idle workers sleep on a futex and are woken one at
// a time, when there is work for them. The shape is Go's scheduler
// (src/runtime/proc.go), plugged into CAF by caf_port.cpp.
//
// Invariants
//  - Only the owner pushes to its ring; owner and thieves pop by advancing
//    `head` with a compare-and-swap. A thief takes half the ring at once.
//  - Every `turn`-th dispatch looks at the global queue's oldest first, then at the
//    ring, and only then at the run-next slot. So nobody starves behind a ping-pong,
//    or behind newer jobs.
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
//  - Help must be worth its price: a wake costs as much as a few hundred
//    hand-offs, and two tasks that talk across cores lose for each item what
//    twenty cost on one. So a job in a run-next slot is nobody else's business,
//    and a ring is helped with when its last job would wait long: it owes
//    `worth_stealing` to a worker that is awake anyway, and `worth_waking` times
//    2^reluctance to one that sleeps. (The owner measures how long its jobs run.)
//    Reluctance grows when a worker that was woken soon had nothing to do, and
//    falls to 0 when it had.
//  - A worker that spends much of its time on crossings (locks that another worker
//    held last, see biased_lock.hpp) while others are awake *withdraws*: its jobs
//    go to the global queue, it goes idle, and for a while, longer each time, rings
//    are not helped with. So a crowd around one channel gathers on one core.
//  - What wakes nobody is not forgotten: while some worker is busy and another
//    idle, one idle worker keeps watch. It takes a run-next job whose owner has
//    not dispatched between two looks, half of a ring none of whose jobs has left
//    it between two, and a global queue likewise. So no job that is ready waits
//    much longer than two periods beside an idle worker. The watch ends soon after
//    the last worker went idle: an idle pool sleeps.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <levada/runtime/process_barrier.hpp>
#include <levada/runtime/spin_lock.hpp>

namespace levada::detail {

/// A task_frame* (odd) or somebody else's caf::resumable* (even); 0 is none.
using job = std::uintptr_t;

class worker_pool;
class engine;

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
  /// How many nanoseconds pass between two of the ring's jobs. Written by the
  /// owner.
  std::atomic<std::uint32_t> job_ns{1'000};
  /// Where the owner begins to look for victims. Owner only.
  std::uint32_t random = 1;
  /// True while the owner counts as one of the pool's searchers. Owner only.
  bool searching = false;
  /// `dispatches` when the owner last looked for work elsewhere. Owner only.
  std::uint32_t searched = 0;
  /// True when `now` is new since somebody cleared it. Owner only.
  bool looked = true;
  /// When the owner last looked at the clock. Owner only.
  std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  /// When the owner was woken as a searcher, or 0. Owner only.
  std::chrono::steady_clock::time_point woken{};
  /// Jobs the owner took from queues since it looked at the clock. Owner only.
  std::uint32_t taken = 0;
  /// When the owner last compared its crossings with the time. Owner only.
  std::chrono::steady_clock::time_point weighed = now;
  /// How many crossings there were by then. Owner only.
  std::uint32_t crossings = 0;
  /// The time lost by crossings, less what is tolerable. Owner only.
  std::chrono::nanoseconds debt{0};
  /// Since when it has been 0 while other workers were awake. Owner only.
  std::chrono::steady_clock::time_point at_peace_since = now;
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

/// Jobs in the order they came; either end may be taken first. Not synchronized.
class job_queue {
public:
  bool empty() const noexcept {
    return size() == 0;
  }
  std::size_t size() const noexcept {
    return jobs_.size() - first_;
  }
  void append(std::span<const job> added);
  /// So many, of those there are, in the order they came; valid until the next
  /// append().
  std::span<const job> take_oldest(std::size_t count) noexcept;
  std::span<const job> take_newest(std::size_t count) noexcept;

private:
  std::vector<job> jobs_;
  std::size_t first_ = 0;
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
  static constexpr std::uint32_t watch_linger = 50;
  /// A ring is helped with when its last job would wait so long otherwise.
  static constexpr std::chrono::microseconds worth_stealing{1};
  static constexpr std::chrono::microseconds worth_waking{5};
  /// A worker that was awake for less than this was woken in vain.
  static constexpr std::chrono::microseconds awake_in_vain{100};
  static constexpr std::uint32_t most_reluctance = 6;
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

  /// Set before the workers start.
  quiet_watch on_quiet;

private:
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
  void look_at_clock_now(worker& self) noexcept;
  void begin_anew(worker& self) noexcept;
  bool should_withdraw(worker& self) noexcept;
  job withdraw(worker& self);
  job take_global(worker& self, bool oldest) noexcept;
  void count_global() noexcept;
  job steal(worker& self) noexcept;
  job steal_from(worker& self, worker& victim) noexcept;
  job search(worker& self) noexcept;
  job pop_ring(worker& self) noexcept;
  bool anything_queued() const noexcept;
  bool worth_helping(const worker& victim) const noexcept;
  bool help_wanted() const noexcept;
  bool anything_next_but(const worker& self) const noexcept;
  void spill(worker& self, job extra) noexcept;
  void begin_search(worker& self) noexcept;
  void stop_searching(worker& self) noexcept;
  void notify() noexcept;
  void notify_of_ring(const worker& self, std::uint32_t length) noexcept;
  void ensure_watch() noexcept {
    if (idle_count_.load(std::memory_order_relaxed) != 0
        && !watched_.load(std::memory_order_relaxed)) [[unlikely]]
      wake_idle(false);
  }
  void learn_from_wake(worker& self) noexcept;
  void wake_idle(bool as_searcher) noexcept;
  bool remove_idle(worker& self) noexcept;
  job park(worker& self);
  bool claim_watch() noexcept;
  job sleep(worker& self, bool watching);
  static job rob(worker& victim) noexcept;
  job keep_watch(worker& self, bool& left);

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
  /// For so many looks of the watch rings are not helped with.
  std::atomic<std::uint32_t> reserve_{0};
  /// How many they will be after the next withdrawal.
  std::atomic<std::uint32_t> next_reserve_{1};

  /// Guards `idle_`.
  alignas(64) spin_lock idle_lock_;
  std::vector<worker*> idle_;

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

/// The worker this thread is, or null.
extern constinit thread_local worker* current_worker;

inline worker* this_worker() noexcept {
  return current_worker;
}

} // namespace levada::detail
