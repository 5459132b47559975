// An OS thread as a waiting party: one word to sleep on, and how long it looks
// before it sleeps.
//
// Sleeping and being woken costs both sides as much as a thousand items. A partner
// that has a core of its own answers sooner, so a thread first looks for as long as
// that costs; one on the same core answers when it is let run, so then the thread
// yields. How often that paid is remembered (waiting_habits): a thread whose
// partner is slow, or never on another core, soon looks only briefly. The looking
// has an end: a thread that waits for long sleeps.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

/// What a thread has learnt about its waits.
class waiting_habits {
public:
  /// In looks, each a pause of the processor: about as long as a futex takes.
  static constexpr std::uint32_t most_looks = 1024;
  static constexpr std::uint32_t fewest_looks = 16;
  static constexpr std::uint32_t most_yields = 8;
  /// So often a thread looks its longest whatever it has learnt, since all may be
  /// different now.
  static constexpr std::uint32_t one_trial_in = 32;

  /// How often to look this time.
  std::uint32_t looks() noexcept {
    return ++waits_ % one_trial_in == 0 ? most_looks : looks_;
  }
  /// How often to yield when the looks have seen nothing.
  std::uint32_t yields() const noexcept {
    return slept_ ? 1 : most_yields;
  }

  void looking_paid(std::uint32_t looks) noexcept {
    looks_ = std::max(looks_, std::min(most_looks, 2 * looks + fewest_looks));
    slept_ = false;
  }
  void looking_was_vain(bool slept) noexcept {
    looks_ = std::max(fewest_looks, looks_ / 2);
    slept_ = slept;
  }

private:
  std::uint32_t looks_ = most_looks;
  std::uint32_t waits_ = 0;
  bool slept_ = false;
};

class LEVADA_API thread_waiter final : public waiter {
public:
  /// The waiter of this thread. It lives as long as the thread, so that a waker
  /// who is late to call the kernel never touches a dead stack.
  static thread_waiter& mine() noexcept;

  /// Forgets an earlier signal; call it before enlisting.
  void reset() noexcept {
    word_.store(0, std::memory_order_relaxed);
  }

  /// Sleeps until signal().
  void wait() noexcept;

  /// Sleeps until signal() or `deadline`; false for the latter.
  bool wait_until(time_point deadline) noexcept;

  /// Ends the sleep. What the caller wrote before is visible to the thread.
  void signal() noexcept;

  /// For waits that do not begin here.
  waiting_habits habits;

private:
  thread_waiter() noexcept : waiter(party::thread) {
  }

  bool look() noexcept;

  /// 0: nobody signalled; 1: the thread sleeps; 2: signalled.
  std::atomic<std::uint32_t> word_{0};
};

/// The rests of one thread between its tries, before it enlists and sleeps.
class LEVADA_API thread_patience {
public:
  /// In looks. (One who stays away longer leaves its partners nothing to do.)
  static constexpr std::uint32_t longest_rest = 16;

  /// The first rest is so many looks long, each next one twice that, up to the
  /// longest.
  explicit thread_patience(std::uint32_t first) noexcept
      : next_(std::clamp(first, 1U, longest_rest)) {
  }
  thread_patience(const thread_patience&) = delete;
  thread_patience& operator=(const thread_patience&) = delete;

  /// Rests; false at once when the patience is at its end.
  bool rest() noexcept;

  /// The last try found something. (When none does, rest() has seen to it.)
  void paid() noexcept {
    if (habits_ != nullptr)
      note_success();
  }

private:
  void note_success() noexcept;

  /// The thread's; null before the first rest.
  waiting_habits* habits_ = nullptr;
  std::uint32_t next_;
  std::uint32_t looks_ = 0;
  std::uint32_t looked_ = 0;
  std::uint32_t yields_ = 0;
  std::uint32_t yielded_ = 0;
};

/// Throws channel_error(wrong_thread) when this thread runs a task, or is a worker
/// that runs an actor: blocking it would block every task and actor of the worker.
LEVADA_API void forbid_blocking_in_task(const char* operation);

} // namespace levada::detail
