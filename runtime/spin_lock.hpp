// A one-byte lock for critical sections of a few dozen instructions.
//
// Rules for whoever holds one: no user code, no call into CAF, no second lock
// except where a file says the order. The contended path spins briefly and
// then gives its time slice away, so a preempted holder gets to run.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/runtime/export.hpp>

namespace levada::detail {

/// About how often this thread could have passed something on while it waited for
/// spin locks.
extern constinit thread_local std::uint32_t waits_for_locks;

class spin_lock {
public:
  void lock() noexcept {
    // acquire: pairs with the release in unlock(); everything the previous
    // holder wrote is visible.
    if (locked_.exchange(true, std::memory_order_acquire)) [[unlikely]]
      lock_contended();
  }

  bool try_lock() noexcept {
    return !locked_.load(std::memory_order_relaxed)
           && !locked_.exchange(true, std::memory_order_acquire);
  }

  void unlock() noexcept {
    locked_.store(false, std::memory_order_release);
  }

private:
  LEVADA_API void lock_contended() noexcept;

  std::atomic<bool> locked_{false};
};

/// Locks for one scope. (`std::scoped_lock` costs every user `<mutex>`.)
template <class Lock>
class spin_guard {
public:
  explicit spin_guard(Lock& lock) noexcept : lock_(lock) {
    lock_.lock();
  }
  ~spin_guard() {
    lock_.unlock();
  }
  spin_guard(const spin_guard&) = delete;
  spin_guard& operator=(const spin_guard&) = delete;

private:
  Lock& lock_;
};

/// Unlocks at the end of the scope what was locked before.
template <class Lock>
class adopted_guard {
public:
  explicit adopted_guard(Lock& lock) noexcept : lock_(lock) {
  }
  ~adopted_guard() {
    lock_.unlock();
  }
  adopted_guard(const adopted_guard&) = delete;
  adopted_guard& operator=(const adopted_guard&) = delete;

private:
  Lock& lock_;
};

} // namespace levada::detail
