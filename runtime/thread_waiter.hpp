// An OS thread as a waiting party: one word to sleep on.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

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

private:
  thread_waiter() noexcept : waiter(party::thread) {
  }

  bool spin() noexcept;

  /// 0: nobody signalled; 1: the thread sleeps; 2: signalled.
  std::atomic<std::uint32_t> word_{0};
};

/// Throws channel_error(wrong_thread) when this thread runs a task, or is a worker
/// that runs an actor: blocking it would block every task and actor of the worker.
LEVADA_API void forbid_blocking_in_task(const char* operation);

} // namespace levada::detail
