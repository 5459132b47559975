// What is left of a task when its frame is gone: whether it has ended, how, and
// who waits for that.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>

#include <levada/runtime/waiter.hpp>

namespace levada::detail {

struct failure_report;

/// What a task threw, on the heap: most tasks never throw.
struct task_failure {
  std::exception_ptr error;
  /// Who is told when nobody joins the task; null for a nested coroutine.
  std::shared_ptr<const failure_report> report;
};

/// Stands in front of every coroutine frame, in the same allocation: what is
/// left of a task when its frame is gone.
struct alignas(16) task_block {
  /// Size of the whole allocation.
  std::uint32_t bytes = 0;
  /// One for the frame, one for a handle.
  std::atomic<std::uint16_t> references{1};
  /// True once a value was stored; visible to whoever saw done().
  bool has_value = false;
  /// True when the frame's reference does not go with the frame: whoever set it
  /// gives it back.
  bool outlives_frame = false;
  /// 0: nobody waits. A waiter's address: it waits. Odd: the task has ended, and
  /// the other bits are its task_failure, owned, or 0.
  std::atomic<std::uintptr_t> ending{0};

  bool done() const noexcept {
    // acquire: pairs with the exchange in end(); the result is visible.
    return (ending.load(std::memory_order_acquire) & 1) != 0;
  }

  /// What the task threw, once it is done.
  task_failure* failure() const noexcept {
    return reinterpret_cast<task_failure*>(
      ending.load(std::memory_order_relaxed) & ~std::uintptr_t{1});
  }

  /// The same, which is the caller's from then on.
  task_failure* take_failure() noexcept {
    auto* result = failure();
    ending.store(1, std::memory_order_relaxed);
    return result;
  }

  /// True for whoever has a reference, when nobody else has one: then nobody can
  /// get one either.
  bool is_last() const noexcept {
    // acquire: pairs with the release of whoever gave up the other one
    return references.load(std::memory_order_acquire) == 1;
  }

  /// Announces the end: whom to wake, or null. For whoever has the frame's
  /// reference.
  waiter* end(task_failure* failed) noexcept {
    if (is_last()) { // no handle, hence nobody who waits, or will
      ending.store(reinterpret_cast<std::uintptr_t>(failed) | 1,
                   std::memory_order_relaxed);
      return nullptr;
    }
    // acq_rel: publishes the result to the joiner, and sees the joiner's record
    return reinterpret_cast<waiter*>(ending.exchange(
      reinterpret_cast<std::uintptr_t>(failed) | 1, std::memory_order_acq_rel));
  }

  /// Enlists the one who waits; false when the task has ended.
  bool join(waiter& who) noexcept {
    std::uintptr_t nobody = 0;
    return ending.compare_exchange_strong(
      nobody, reinterpret_cast<std::uintptr_t>(&who),
      std::memory_order_acq_rel);
  }

  /// Takes it back; false when the task has ended, and wakes it.
  bool leave(waiter& who) noexcept {
    auto expected = reinterpret_cast<std::uintptr_t>(&who);
    return ending.compare_exchange_strong(expected, 0,
                                          std::memory_order_acq_rel);
  }
};

} // namespace levada::detail
