#include <levada/runtime/thread_waiter.hpp>

#include <string>

#include <levada/runtime/caf_port.hpp>
#include <levada/runtime/futex.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada::detail {

namespace {

constexpr std::uint32_t sleeping = 1;
constexpr std::uint32_t signalled = 2;

/// A partner on another core answers within this many looks, or not soon.
constexpr int spin_limit = 200;

} // namespace

thread_waiter& thread_waiter::mine() noexcept {
  thread_local thread_waiter instance;
  return instance;
}

bool thread_waiter::spin() noexcept {
  for (int i = 0; i < spin_limit; ++i) {
    // acquire: pairs with the exchange in signal()
    if (word_.load(std::memory_order_acquire) == signalled)
      return true;
    pause_cpu();
  }
  return false;
}

void thread_waiter::wait() noexcept {
  if (spin())
    return;
  std::uint32_t none = 0;
  if (!word_.compare_exchange_strong(none, sleeping, std::memory_order_acquire))
    return;
  while (word_.load(std::memory_order_acquire) == sleeping)
    futex_wait(word_, sleeping);
}

bool thread_waiter::wait_until(time_point deadline) noexcept {
  if (spin())
    return true;
  std::uint32_t none = 0;
  if (!word_.compare_exchange_strong(none, sleeping, std::memory_order_acquire))
    return true;
  while (word_.load(std::memory_order_acquire) == sleeping) {
    if (futex_wait_until(word_, sleeping, deadline))
      continue;
    std::uint32_t asleep = sleeping;
    return !word_.compare_exchange_strong(asleep, 0, std::memory_order_acquire);
  }
  return true;
}

void thread_waiter::signal() noexcept {
  // acq_rel: publishes the result to the thread
  if (word_.exchange(signalled, std::memory_order_acq_rel) == sleeping)
    futex_wake_one(word_);
}

void forbid_blocking_in_task(const char* operation) {
  if (current_root() != nullptr) [[unlikely]]
    throw_error(make_error_code(errc::wrong_thread),
                std::string{operation}
                  + ": the other tasks of this worker would stand still; "
                    "co_await the operation without \"blocking_\", or wrap what "
                    "cannot be awaited in co_await levada::blocking(fn)");
  if (runs_on_worker()) [[unlikely]]
    throw_error(make_error_code(errc::wrong_thread),
                std::string{operation}
                  + ": an actor that blocks keeps a worker from all the others; "
                    "levada::on_receive and levada::send wait without "
                    "blocking, or spawn the actor with caf::detached");
}

} // namespace levada::detail
