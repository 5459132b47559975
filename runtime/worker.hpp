// One worker of a pool: its place for who runs next, its ring of jobs, and what it
// knows of its own work. How they are used stands in worker_pool.hpp.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <levada/runtime/export.hpp>
#include <levada/runtime/job_queue.hpp>

namespace levada::detail {

class worker_pool;

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
  /// When the owner last looked at the clock. Owner only.
  std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  /// When the owner was woken as a searcher, or 0. Owner only.
  std::chrono::steady_clock::time_point woken{};
  /// When the owner last took jobs from another's ring, or 0. Owner only.
  std::chrono::steady_clock::time_point helped{};
  /// Twice as often as that was in vain, less as often as not. Owner only.
  std::uint32_t vain = 0;
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
  /// True when the owner was woken because nobody kept watch. Owner only.
  bool wanted_to_watch = false;
  /// What the owner has to see to before its next job. Owner only.
  std::uint8_t news = rested;
  /// `now` is new: it has slept, or worked for a while.
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

/// The worker this thread is, or null.
extern constinit thread_local worker* current_worker;

inline worker* this_worker() noexcept {
  return current_worker;
}

} // namespace levada::detail
