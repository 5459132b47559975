// A spin lock that costs no atomic exchange while one worker alone uses it.
//
// Most channels are used by tasks on one worker for long stretches, and an atomic
// exchange costs more than sending an item. So a lock that the same worker took
// `grant_after` times in a row becomes *biased* to it. From then on that worker
// enters by saying so in its own *seat*; anybody else ends the bias first.
//
// Invariants
//  - `locked_` is held by at most one thread. Whoever holds it is inside, once no
//    other thread's bias is left; only they change `bias_` and `streak_`.
//  - A worker enters without `locked_` by writing the lock into its seat (as
//    `outer`, or as `inner` while it is inside another), then finding the lock's
//    bias equal to the seat's token. It leaves by clearing what it wrote.
//  - Whoever ends a bias holds `locked_`, changes the seat's token, calls
//    process_barrier(), and waits until the seat does not name the lock. If the
//    barrier finds the worker before its look at the token, the worker does not
//    enter; if after, its entry in the seat is seen here. (No memory order would do
//    in the place of the barrier: one side has no fence.)
//  - A token is the seat's number and an epoch. Changing it ends all biases of that
//    worker at once, so that many channels that change hands cost one barrier. A
//    lock with an old token is biased to nobody, once the seat's `ending` was
//    taken (then the barrier is behind) and the seat does not name the lock.
//  - One waits for a worker only while it is inside the very lock one wants: locks
//    that are always nested in one order deadlock no more than other locks.
//  - Without a process barrier there are no seats, hence no biases.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/runtime/export.hpp>
#include <levada/runtime/process_barrier.hpp>
#include <levada/runtime/spin_lock.hpp>

namespace levada::detail {

class biased_lock;

/// A thread's side of the locks that are biased to it. Seats with a number are
/// never destroyed: a lock may remember a worker that is gone.
struct alignas(64) bias_seat {
  /// The lock the thread is inside, or about to look at.
  std::atomic<const biased_lock*> outer{nullptr};
  /// The same for one that it takes while it is inside another.
  std::atomic<const biased_lock*> inner{nullptr};
  /// Bits 0…7: the number, 0 for none. Bits 8…15: the epoch, never 0.
  std::atomic<std::uint16_t> token{std::uint16_t{1} << 8};
  /// The token when the owner last thought of granting. Owner only.
  std::uint16_t known_token = 0;
  /// How many grants are still to be refused. Owner only.
  std::uint32_t refusals = 0;
  /// How often the owner took a lock that somebody else had held last. Owner only.
  std::uint32_t crossings = 0;
  /// Held while the token changes.
  spin_lock ending;

  std::uint8_t number() const noexcept {
    return static_cast<std::uint8_t>(token.load(std::memory_order_relaxed));
  }
};

/// A seat for this thread until it ends; one without a number when there are too
/// many.
bias_seat& take_seat() noexcept;

/// The seat of this thread; one without a number where none was taken.
LEVADA_API bias_seat& this_seat() noexcept;

class biased_lock {
public:
  static constexpr std::uint8_t grant_after = 32;
  /// So many grants a worker refuses itself after somebody has ended its biases:
  /// they take ten times as long as the barrier.
  static constexpr std::uint32_t refusals_after_end = 2048;

  /// For a thread that knows its seat.
  [[gnu::always_inline]] void lock(bias_seat& seat) noexcept {
    enter(seat, seat.outer);
  }
  [[gnu::always_inline]] void unlock(bias_seat& seat) noexcept {
    leave(seat.outer);
  }

  /// The same inside another lock, one level deep.
  [[gnu::always_inline]] void lock_inside(bias_seat& seat) noexcept {
    enter(seat, seat.inner);
  }
  [[gnu::always_inline]] void unlock_inside(bias_seat& seat) noexcept {
    leave(seat.inner);
  }

  /// For everybody.
  void lock() noexcept {
    locked_.lock();
    if (bias_.load(std::memory_order_relaxed) > UINT8_MAX) [[unlikely]]
      end_bias();
  }

  void unlock() noexcept {
    locked_.unlock();
  }

private:
  using entry = std::atomic<const biased_lock*>;

  [[gnu::always_inline]] void enter(bias_seat& seat, entry& mine) noexcept {
    // release: whoever reads it sees what was done under the lock held before
    mine.store(this, std::memory_order_release);
    compiler_barrier();
    // relaxed: the owner wrote this bias itself; the process barrier orders the
    // rest
    if (bias_.load(std::memory_order_relaxed)
        == seat.token.load(std::memory_order_relaxed)) [[likely]]
      return;
    mine.store(nullptr, std::memory_order_release);
    lock_unbiased(seat);
  }

  [[gnu::always_inline]] void leave(entry& mine) noexcept {
    // relaxed: only this thread writes it. release: pairs with the acquire in
    // end_bias()
    if (mine.load(std::memory_order_relaxed) == this) [[likely]]
      mine.store(nullptr, std::memory_order_release);
    else
      unlock();
  }

  LEVADA_API void lock_unbiased(bias_seat& seat) noexcept;
  LEVADA_API void end_bias() noexcept;

  spin_lock locked_;
  /// How often in a row the seat in `bias_` has taken `locked_`.
  std::uint8_t streak_ = 0;
  /// A seat's token; or, below 256, who might be granted the bias.
  std::atomic<std::uint16_t> bias_{0};
};

/// Locks for one scope, by the seat of this thread: pays where tasks come often.
/// Not inside another lock.
class seat_guard {
public:
  explicit seat_guard(biased_lock& lock) noexcept
      : lock_(lock),
        seat_(this_seat()) {
    lock_.lock(seat_);
  }
  ~seat_guard() {
    lock_.unlock(seat_);
  }
  seat_guard(const seat_guard&) = delete;
  seat_guard& operator=(const seat_guard&) = delete;

private:
  biased_lock& lock_;
  bias_seat& seat_;
};

/// The same inside a lock that was taken by the seat.
class inner_seat_guard {
public:
  inner_seat_guard(biased_lock& lock, bias_seat& seat) noexcept
      : lock_(lock),
        seat_(seat) {
    lock_.lock_inside(seat_);
  }
  ~inner_seat_guard() {
    lock_.unlock_inside(seat_);
  }
  inner_seat_guard(const inner_seat_guard&) = delete;
  inner_seat_guard& operator=(const inner_seat_guard&) = delete;

private:
  biased_lock& lock_;
  bias_seat& seat_;
};

/// Locks for one scope inside one other lock or two. A seat names two locks at most,
/// so the third is taken without it: the entry of the second must stay.
class innermost_guard {
public:
  explicit innermost_guard(biased_lock& lock) noexcept
      : lock_(lock),
        seat_(this_seat()),
        // relaxed: only this thread writes it
        third_(seat_.inner.load(std::memory_order_relaxed) != nullptr) {
    if (third_) [[unlikely]]
      lock_.lock();
    else
      lock_.lock_inside(seat_);
  }
  ~innermost_guard() {
    if (third_) [[unlikely]]
      lock_.unlock();
    else
      lock_.unlock_inside(seat_);
  }
  innermost_guard(const innermost_guard&) = delete;
  innermost_guard& operator=(const innermost_guard&) = delete;

private:
  biased_lock& lock_;
  bias_seat& seat_;
  const bool third_;
};

/// Unlocks at the end of the scope what a thread with a seat has locked.
class adopted_seat_guard {
public:
  adopted_seat_guard(biased_lock& lock, bias_seat& seat) noexcept
      : lock_(lock),
        seat_(seat) {
  }
  ~adopted_seat_guard() {
    lock_.unlock(seat_);
  }
  adopted_seat_guard(const adopted_seat_guard&) = delete;
  adopted_seat_guard& operator=(const adopted_seat_guard&) = delete;

private:
  biased_lock& lock_;
  bias_seat& seat_;
};

} // namespace levada::detail
