// An OS thread as a waiting party: one word to sleep on, and how long it looks
// before it sleeps.
//
// Sleeping and being woken costs both sides as much as a thousand items. A partner
// that has a core of its own answers sooner, so a thread first looks for as long as
// that usually takes; one on the same core answers when it is let run, so then the
// thread yields, for as long as sleeping would take: else, when one of two has slept
// once, the other falls asleep while the first wakes up, and so on by turns. How
// often that paid is remembered (waiting_habits): a thread whose partner is slow soon
// looks only briefly. The looking has an end: a thread that waits for long sleeps.
//
// The kernel leaves two threads that yield to each other on one core for dozens of
// milliseconds, though another is idle; whom it wakes it puts on an idle core. So
// who is answered by yielding only, time and again, sleeps once instead.
//
// Invariants
//  - The word goes 0 → signalled, or 0 → sleeping → signalled; and sleeping → 0 when
//    a deadline has passed. The thread alone writes 0 and sleeping, by an exchange
//    that compares: a signal is never overwritten.
//  - Who signals wakes if the word was sleeping. The kernel compares the word with
//    sleeping before it lets the thread sleep: a signal is missed by neither, at
//    whichever of the points in `wait_point` it comes.
//  - wait_until() is false only when the word went from sleeping to 0: no signal had
//    come. One that comes later finds 0, and the next wait() ends at once.
//  - Looking and yielding read the word only: whatever a thread has learnt decides
//    how long a wait takes, never how it ends.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

/// Where a wait may be when somebody else comes in between.
enum class wait_point : std::uint8_t {
  resting,   ///< before its first rest between two tries, not enlisted
  tired,     ///< its patience is at an end, it tries once more, and enlists
  enlisted,  ///< it stands in a queue, its limits are not armed
  limited,   ///< its limits are armed
  looking,   ///< it looks at the word
  yielding,  ///< it has looked, and lets others run
  drowsy,    ///< it has seen nothing, and will say that it sleeps
  asleep,    ///< it has said so, and is to sleep (perhaps again)
  woken,     ///< its deadline has passed, it will say that it does not sleep
  timed_out, ///< it has said so, and will withdraw
};

/// Told of the points that a thread's waits pass, on that thread: for tests, which
/// let something happen there.
class wait_onlooker {
public:
  virtual void at(wait_point where) noexcept = 0;

protected:
  ~wait_onlooker() = default;
};

/// What a thread has learnt about its waits.
class waiting_habits {
public:
  /// In looks, each a pause of the processor: about as long as a futex takes.
  static constexpr std::uint32_t most_looks = 1024;
  static constexpr std::uint32_t fewest_looks = 8;
  /// How long a thread yields after that: as long as it takes to sleep and be
  /// woken.
  static constexpr std::chrono::nanoseconds longest_yielding{50'000};
  /// So often at least, where others have run in between.
  static constexpr std::uint32_t most_yields = 8;
  /// A thread is as patient as it can be once in so many waits whatever it has
  /// learnt, since all may be different now; less often where that was in vain.
  static constexpr std::uint32_t shortest_round = 32;
  static constexpr std::uint32_t longest_round = 1024;
  /// So many waits in a row that yielding has ended, and a thread sleeps in the hope
  /// of a core of its own; more where it has not got one.
  static constexpr std::uint32_t fewest_shared = 16;
  static constexpr std::uint32_t most_shared = 8192;

  /// How often to look this time: a wait begins.
  std::uint32_t looks() noexcept {
    trial_ = --until_trial_ == 0;
    if (!trial_)
      return looks_;
    round_ = std::min(2 * round_, longest_round);
    until_trial_ = round_;
    return most_looks;
  }
  /// How long to yield when the looks have seen nothing.
  std::chrono::nanoseconds yielding() const noexcept {
    return trial_ ? longest_yielding : yielding_;
  }
  /// How often, however long that takes; 0 where it is time to sleep instead.
  std::uint32_t yields() const noexcept {
    if (shared_ >= enough_shared_)
      return 0;
    return yielding_ == longest_yielding || trial_ ? most_yields : 1;
  }

  void looking_paid(std::uint32_t looks) noexcept {
    looks_ = std::max(looks_, std::min(most_looks, 2 * looks + fewest_looks));
    yielding_ = longest_yielding;
    round_ = shortest_round;
    until_trial_ = std::min(until_trial_, round_);
    shared_ = 0;
    enough_shared_ = fewest_shared;
  }
  void yielding_paid() noexcept {
    looks_ = std::max(fewest_looks, looks_ / 2);
    yielding_ = longest_yielding;
    ++shared_;
  }
  void slept() noexcept {
    looks_ = std::max(fewest_looks, looks_ / 2);
    if (shared_ >= enough_shared_) {
      enough_shared_ = std::min(2 * enough_shared_, most_shared);
      until_trial_ = 1; // it may be on a core of its own now
    } else {
      yielding_ /= 2;
    }
    shared_ = 0;
  }

private:
  std::uint32_t looks_ = most_looks / 4;
  std::chrono::nanoseconds yielding_ = longest_yielding;
  std::uint32_t round_ = shortest_round;
  std::uint32_t until_trial_ = shortest_round;
  bool trial_ = false;
  /// How many waits in a row, so far, yielding has ended.
  std::uint32_t shared_ = 0;
  std::uint32_t enough_shared_ = fewest_shared;
};

/// A thread that lets others run until it has seen what it waits for.
class LEVADA_API yielding_spell {
public:
  /// Yields once; false at once when it has been long enough.
  bool yield(const waiting_habits& habits) noexcept;

  bool begun() const noexcept {
    return yields_ != 0;
  }

private:
  std::uint32_t yields_ = 0;
  /// Of the steady clock, set at the first yield.
  time_point end_{};
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

  /// A wait of this thread passes a point.
  void pass(wait_point where) noexcept {
    if (onlooker != nullptr) [[unlikely]]
      onlooker->at(where);
  }

  /// For waits that do not begin here.
  waiting_habits habits;
  wait_onlooker* onlooker = nullptr;

private:
  thread_waiter() noexcept : waiter(party::thread) {
  }

  bool look() noexcept;

  bool announce_sleep() noexcept;

  /// 0: nobody signalled; 1: the thread sleeps, or is about to; 2: signalled.
  std::atomic<std::uint32_t> word_{0};
};

/// The rests of one thread between its tries, before it enlists and sleeps.
class LEVADA_API thread_patience {
public:
  /// In looks. (One who stays away longer leaves its partners nothing to do.)
  static constexpr std::uint32_t longest_rest = 32;

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
  yielding_spell spell_;
};

/// Throws channel_error(wrong_thread) when this thread runs a task, or is a worker
/// that runs an actor: blocking it would block every task and actor of the worker.
LEVADA_API void forbid_blocking_in_task(const char* operation);

} // namespace levada::detail
