#include <levada/runtime/thread_waiter.hpp>

#include <string>

#include <sched.h>

#include <levada/runtime/caf_port.hpp>
#include <levada/runtime/cpu_pause.hpp>
#include <levada/runtime/futex.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada::detail {

namespace {

constexpr std::uint32_t sleeping = 1;
constexpr std::uint32_t signalled = 2;

} // namespace

bool yielding_spell::yield(const waiting_habits& habits) noexcept {
  const auto least = habits.yields();
  if (least == 0)
    return false;
  if (yields_ == 0)
    end_ = std::chrono::steady_clock::now() + habits.yielding();
  else if (yields_ >= least && std::chrono::steady_clock::now() >= end_)
    return false;
  ++yields_;
  sched_yield();
  return true;
}

thread_waiter& thread_waiter::mine() noexcept {
  thread_local thread_waiter instance;
  return instance;
}

bool thread_waiter::look() noexcept {
  // acquire: pairs with the exchange in signal()
  const auto is_signalled
    = [this] { return word_.load(std::memory_order_acquire) == signalled; };
  const auto looks = habits.looks();
  for (std::uint32_t i = 0; i < looks; ++i) {
    pass(wait_point::looking);
    if (is_signalled()) {
      habits.looking_paid(i);
      return true;
    }
    pause_cpu();
  }
  yielding_spell spell;
  while (spell.yield(habits)) {
    pass(wait_point::yielding);
    if (is_signalled()) {
      habits.yielding_paid();
      return true;
    }
  }
  habits.slept();
  return false;
}

/// False: somebody has signalled.
bool thread_waiter::announce_sleep() noexcept {
  pass(wait_point::drowsy);
  std::uint32_t none = 0;
  // acquire: pairs with the exchange in signal(), which may have come first. What
  // we say is for signal() alone, which needs nothing else of us.
  return word_.compare_exchange_strong(none, sleeping,
                                       std::memory_order_acquire);
}

void thread_waiter::wait() noexcept {
  if (look() || !announce_sleep())
    return;
  while (word_.load(std::memory_order_acquire) == sleeping) {
    pass(wait_point::asleep);
    futex_wait(word_, sleeping);
  }
}

bool thread_waiter::wait_until(time_point deadline) noexcept {
  if (look() || !announce_sleep())
    return true;
  while (word_.load(std::memory_order_acquire) == sleeping) {
    pass(wait_point::asleep);
    if (futex_wait_until(word_, sleeping, deadline))
      continue;
    pass(wait_point::woken);
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

bool thread_patience::rest() noexcept {
  if (habits_ == nullptr) {
    auto& self = thread_waiter::mine();
    habits_ = &self.habits;
    looks_ = habits_->looks();
    self.pass(wait_point::resting);
  }
  if (looked_ < looks_) {
    pause_cpu(next_);
    looked_ += next_;
    next_ = std::min(2 * next_, longest_rest);
    return true;
  }
  if (spell_.yield(*habits_))
    return true;
  // Where it is time to sleep instead, the wait that follows does, and says so.
  if (habits_->yields() != 0)
    habits_->slept();
  thread_waiter::mine().pass(wait_point::tired);
  return false;
}

void thread_patience::note_success() noexcept {
  if (spell_.begun())
    habits_->yielding_paid();
  else
    habits_->looking_paid(looked_);
}

namespace {

[[gnu::cold, gnu::noinline]] void refuse_in_task(const char* operation) {
  throw_error(make_error_code(errc::wrong_thread),
              std::string{operation}
                + ": the other tasks of this worker would stand still; "
                  "co_await the operation without \"blocking_\", or wrap what "
                  "cannot be awaited in co_await levada::blocking(fn)");
}

[[gnu::cold, gnu::noinline]] void refuse_on_worker(const char* operation) {
  throw_error(make_error_code(errc::wrong_thread),
              std::string{operation}
                + ": an actor that blocks keeps a worker from all the others; "
                  "levada::on_receive and levada::send wait without "
                  "blocking, or spawn the actor with caf::detached");
}

} // namespace

void forbid_blocking_in_task(const char* operation) {
  if (current_root() != nullptr) [[unlikely]]
    refuse_in_task(operation);
  if (runs_on_worker()) [[unlikely]]
    refuse_on_worker(operation);
}

} // namespace levada::detail
