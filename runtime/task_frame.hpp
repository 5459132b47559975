// The untyped half of a task: what the scheduler, the channels and `dump()`
// know about a coroutine. Read task.hpp for the typed half.
//
// A spawned coroutine is a *root*; coroutines it awaits are *nested* and run as
// part of it. Only roots are scheduled, parked and woken.
//
// Invariants
//  - A root runs on at most one thread at a time. While it runs,
//    `resume_point_` is the run loop's context; while it is parked or queued, it
//    is the innermost coroutine to resume.
//  - Nothing of a frame is touched after it was published to whoever may wake
//    it: the waker may run it to its end on another thread at once.
//  - No symmetric transfer: awaiting a nested coroutine, and its end, hand the
//    next coroutine to the run loop (a trampoline), so chains need no stack.
//  - A root's frame dies as soon as it has returned, whoever holds its handle:
//    its parameters (senders!) must go then. The result lives in the
//    `task_block` in front of the frame, which the handle keeps.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>

#include <caf/resumable.hpp>

#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/error.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/frame_pool.hpp>
#include <levada/runtime/process_barrier.hpp>
#include <levada/runtime/run_context.hpp>
#include <levada/runtime/task_block.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

class engine;
class task_awaiter_base;
struct task_extra;

/// A wait that is no channel's (a sleep, a join, a nil channel), as seen by
/// whoever cancels the task.
struct side_wait {
  /// Ends the wait for reason `why`; true if it was this call that ended it,
  /// then the caller wakes the task. Called under the task's side lock.
  bool (*cancel)(side_wait& self, errc why) noexcept;
};

/// Told when a root ends; scope is one.
struct finish_listener {
  /// Called on the worker when the frame is gone, its parameters included, or
  /// when the task could not be started.
  void (*finished)(finish_listener& self, task_failure* failed) noexcept;
  /// True when tasks that start now are to be cancelled.
  bool (*cancelled)(finish_listener& self) noexcept;
};

class LEVADA_API task_frame : public caf::resumable, public waiter {
public:
  task_frame(const task_frame&) = delete;
  task_frame& operator=(const task_frame&) = delete;

  // -- what an awaiter asks ---------------------------------------------------

  /// The task this coroutine runs in (itself, when it was spawned).
  task_frame& root() const noexcept {
    return *root_;
  }

  /// True once it was spawned or awaited.
  bool started() const noexcept {
    return root_ != nullptr;
  }

  engine& home() const noexcept {
    return *engine_;
  }

  /// The coroutine function, for people.
  std::source_location code() const noexcept {
    return code_;
  }

  /// Non-zero when the task must not wait any more: the errc that says why.
  errc cancel_code() const noexcept {
    return static_cast<errc>(cancel_.load(std::memory_order_relaxed));
  }

  bool cancelled() const noexcept {
    return cancel_.load(std::memory_order_relaxed) != 0;
  }

  // -- what an awaiter does to the root that runs it --------------------------

  /// Says what the task is about to wait for, before it looks at cancelled() for
  /// the last time. Whoever cancels sets `cancel_` first, calls process_barrier()
  /// and reads this then, the task does it the other way round: one of them sees
  /// the other.
  void announce(wait_reason why, std::uint64_t where) noexcept {
    wait_.store(static_cast<std::uint64_t>(why) << 56 | where,
                std::memory_order_relaxed);
    frequent_barrier();
  }

  /// Records that the task waits and where to resume it. Call it under the lock
  /// that publishes the task to its wakers, when it is certain to wait.
  void park(std::coroutine_handle<> leaf, std::source_location line) noexcept {
    since_.store(context().recent | 1U, std::memory_order_relaxed);
    resume_point_ = leaf.address();
    line_.store(line, std::memory_order_relaxed);
  }

  /// As park(), when somebody may wake the task without that lock as soon as
  /// `publish()` has returned true. When that is false the task goes on.
  template <class Publish>
  bool park_if(std::coroutine_handle<> leaf, std::source_location line,
               Publish publish) noexcept {
    auto* const running = resume_point_;
    park(leaf, line);
    if (publish())
      return true; // it may run elsewhere already
    resume_point_ = running;
    since_.store(0, std::memory_order_relaxed);
    return false;
  }

  /// Where it runs. Good until it parks.
  run_context& context() const noexcept {
    return *static_cast<run_context*>(resume_point_);
  }
  /// The seat of the worker it runs on. Good until it parks.
  bias_seat& seat() const noexcept {
    return *context().seat;
  }

  /// Counts one operation that did not wait; true when the task has used up
  /// its turn and must yield (see yield_after()).
  bool spend() noexcept {
    return --budget_ == 0;
  }

  /// Queues the task behind the others, to go on at `leaf`.
  void yield_after(std::coroutine_handle<> leaf) noexcept;

  /// Goes on with `next` when the current coroutine has suspended.
  void continue_with(std::coroutine_handle<> next) noexcept {
    context().next = next;
  }

  /// Parks for something that is no channel. Under the task's side lock:
  /// records the wait, so that cancelling finds it, and calls `publish(wait)`,
  /// which hands the task to its waker, or returns false when there is nothing
  /// to wait for. False when the task goes on at once: then, or because it is
  /// cancelled.
  bool park_aside(std::coroutine_handle<> leaf, wait_reason why,
                  side_wait& wait, bool (*publish)(side_wait& wait),
                  std::source_location line);

  /// Takes the registration back; call it first thing after resuming.
  void leave_aside() noexcept;

  /// Becomes part of the task `parent` runs in, which goes on in `self`.
  void nest(task_frame& parent, std::coroutine_handle<> parent_handle,
            std::coroutine_handle<> self, task_awaiter_base& awaiter) noexcept;

  // -- caf::resumable: only another system's scheduler calls these ------------

  subtype_t subtype() const override;
  resume_result resume(caf::execution_unit* unit, std::size_t) override;
  void intrusive_ptr_add_ref_impl() override;
  void intrusive_ptr_release_impl() override;

protected:
  explicit task_frame(std::source_location code) noexcept
      : waiter(party::task),
        line_(code),
        code_(code) {
  }
  ~task_frame() override;

  /// The coroutine this is the promise of, and the block in front of it.
  virtual std::coroutine_handle<> self_handle() noexcept = 0;
  virtual task_block& block() noexcept = 0;
  /// Gives back one reference to `block`, which is this task's.
  using release_block = void (*)(task_block& block) noexcept;
  virtual release_block block_releaser() const noexcept = 0;

  /// At final suspend: hands over to the parent, or ends the root.
  void finish() noexcept;

  /// The body threw: kept until finish().
  void keep(std::exception_ptr error);

private:
  friend class engine;

  struct live_links {
    task_frame* previous;
    task_frame* next;
  };
  struct way_back {
    void* parent;
    task_awaiter_base* awaiter;
  };

  static wait_reason reason_in(std::uint64_t wait) noexcept {
    return static_cast<wait_reason>(wait >> 56);
  }
  static std::uint64_t place_in(std::uint64_t wait) noexcept {
    return wait & ((std::uint64_t{1} << 56) - 1);
  }

  static constexpr std::uint8_t turn = 255;

  /// What the body threw, at its end.
  task_failure* failure() noexcept {
    return block().has_value ? nullptr
                             : static_cast<task_failure*>(resume_point_);
  }

  /// Name and listener, when it has any.
  task_extra* extra() const noexcept {
    return (origin_ & 1) != 0 ? reinterpret_cast<task_extra*>(origin_ - 1)
                              : nullptr;
  }
  std::source_location spawned() const noexcept;

  // (the bytes up to since_ share a word with waiter::kind)
  /// An errc once cancelled; only ever goes from 0 to that.
  std::atomic<std::uint8_t> cancel_{0};
  /// Operations left before it has to yield.
  std::uint8_t budget_ = turn;
  /// One while the frame lives, one per place in a foreign scheduler's queue.
  std::atomic<std::uint8_t> references_{1};
  /// When it parked, in milliseconds of the engine; 0 while it runs or is queued.
  std::atomic<std::uint32_t> since_{0};
  /// A coroutine's address while parked or queued; a run_context* while running
  /// (a root); a task_failure* once the body threw.
  void* resume_point_ = nullptr;
  task_frame* root_ = nullptr;
  engine* engine_ = nullptr;
  /// What it waits for, or waited for last. Bits 56…63: the wait_reason. Bits 0…55: a
  /// channel's id, or a side_wait* (to be followed under the side lock only).
  std::atomic<std::uint64_t> wait_{0};
  /// The source line that waits.
  std::atomic<std::source_location> line_;
  /// The coroutine function itself.
  std::source_location code_;
  /// A root's place in the live list / a nested coroutine's way back.
  union {
    live_links live_;
    way_back nested_{};
  };
  /// Where it was spawned; or, odd, a task_extra*, owned, which says so. Roots only.
  std::uintptr_t origin_ = 0;
};

/// The awaiting side of a nested coroutine: lets shutdown destroy a chain of
/// frames from the innermost outwards, without recursion.
class task_awaiter_base {
public:
  explicit task_awaiter_base(std::coroutine_handle<> child) noexcept
      : child_(child) {
  }
  task_awaiter_base(const task_awaiter_base&) = delete;
  task_awaiter_base& operator=(const task_awaiter_base&) = delete;
  ~task_awaiter_base() {
    if (child_)
      child_.destroy();
  }

protected:
  friend class engine;
  /// Owned; null once shutdown destroyed it.
  std::coroutine_handle<> child_;
};

/// The root that runs on this thread, or null.
LEVADA_API task_frame* current_root() noexcept;

/// "app::consume" of the place of a coroutine; "" for no place.
LEVADA_API std::string function_name(std::source_location place);

} // namespace levada::detail
