// join_handle<T>: what spawn returns; waits for a task's end and takes its
// result. Dropping it detaches the task.
#pragma once

#include <exception>
#include <utility>

#include <levada/runtime/task.hpp>
#include <levada/runtime/thread_waiter.hpp>

namespace levada {

template <class T = void>
class join_handle;

namespace detail {

/// Waits for `block` to be done, as a task.
class LEVADA_API join_wait : public side_wait {
public:
  join_wait(task_block& block, std::source_location line) noexcept
      : side_wait{&join_wait::cancel_wait},
        block_(block),
        line_(line) {
  }
  join_wait(const join_wait&) = delete;
  join_wait& operator=(const join_wait&) = delete;

  bool suspend(task_frame& root, std::coroutine_handle<> leaf);

  /// Throws operation_cancelled when the wait was cut short.
  void resumed();

private:
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;

  task_block& block_;
  std::source_location line_;
  task_frame* root_ = nullptr;
  errc cancelled_{};
};

/// Waits for `block` to be done, as a thread.
LEVADA_API void join_thread(task_block& block);

struct join_access {
  template <class T>
  static join_handle<T> make(result_block<T>& block) noexcept {
    // relaxed: the task has not started, and is ours alone
    block.references.store(2, std::memory_order_relaxed);
    return join_handle<T>{&block};
  }
  /// What is joined, or null.
  template <class T>
  static task_block* block(const join_handle<T>& handle) noexcept {
    return handle.block_;
  }
  /// The task never started: gives up the reference without a word.
  template <class T>
  static void forget(join_handle<T>& handle) noexcept {
    release_result_block<T>(*std::exchange(handle.block_, nullptr));
  }
};

template <class T>
class [[nodiscard]] join_awaiter {
public:
  using levada_awaitable = void;

  join_awaiter(result_block<T>* block, std::source_location line) noexcept
      : block_(block),
        wait_(*block, line) {
  }
  ~join_awaiter() {
    release_result_block<T>(*block_);
  }
  join_awaiter(const join_awaiter&) = delete;
  join_awaiter& operator=(const join_awaiter&) = delete;

  bool await_ready() const noexcept {
    return block_->done();
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return wait_.suspend(leaf.promise().root(), leaf);
  }

  T await_resume() {
    wait_.resumed();
    return take_result<T>(*block_);
  }

private:
  result_block<T>* block_;
  join_wait wait_;
};

} // namespace detail

/// The right to join one task. Movable, not copyable.
template <class T>
class join_handle {
public:
  join_handle() noexcept = default;

  join_handle(join_handle&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)) {
  }

  join_handle& operator=(join_handle&& other) noexcept {
    if (this != &other) {
      detach();
      block_ = std::exchange(other.block_, nullptr);
    }
    return *this;
  }

  ~join_handle() {
    detach();
  }

  /// True while there is a task to join.
  explicit operator bool() const noexcept {
    return block_ != nullptr;
  }

  /// True when the task has ended.
  bool done() const noexcept {
    return block_ != nullptr && block_->done();
  }

  /// `co_await handle.join()`: waits for the task's end; gives its result or
  /// throws what it threw. Cancelling the awaiting task throws
  /// operation_cancelled and detaches. Uses the handle up; throws
  /// channel_error(invalid_argument) when it was used up before.
  detail::join_awaiter<T> join(std::source_location line
                               = std::source_location::current()) {
    return {take("join"), line};
  }

  /// The same from a thread. Throws channel_error(wrong_thread) inside a task.
  T blocking_join() {
    detail::forbid_blocking_in_task("blocking_join");
    const releaser block{take("blocking_join")};
    detail::join_thread(*block.held);
    return detail::take_result<T>(*block.held);
  }

  /// Lets the task run on alone: an exception then goes to
  /// runtime_options::on_failure.
  void detach() noexcept {
    if (block_ != nullptr)
      detail::release_result_block<T>(*std::exchange(block_, nullptr));
  }

private:
  friend struct detail::join_access;

  struct releaser {
    detail::result_block<T>* held;
    ~releaser() {
      detail::release_result_block<T>(*held);
    }
  };

  explicit join_handle(detail::result_block<T>* block) noexcept
      : block_(block) {
  }

  detail::result_block<T>* take(const char* operation) {
    if (block_ == nullptr)
      throw_error(make_error_code(errc::invalid_argument),
                  std::string{operation}
                    + ": this handle was joined, detached or moved from");
    return std::exchange(block_, nullptr);
  }

  detail::result_block<T>* block_ = nullptr;
};

} // namespace levada
