// task<T>: a coroutine that starts when it is awaited or spawned.
//
//   levada::task<int> answer() { co_return 42; }
//   levada::task<> ask() { int n = co_await answer(); }
//
// A task has one owner; dropping an unstarted one drops its arguments. It may
// await levada's own operations and other tasks, nothing else: whatever resumes
// a coroutine behind the scheduler's back would break the rule that a task runs
// on one thread at a time.
//
// Read first: task_frame.hpp.
#pragma once

#include <coroutine>
#include <utility>

#include <levada/runtime/task_promise.hpp>

namespace levada {

template <class T = void>
class task;

namespace detail {

struct task_access;

/// Awaits a nested task: it runs as part of the awaiting one.
template <class T>
class task_awaiter : public task_awaiter_base {
public:
  using task_awaiter_base::task_awaiter_base;

  bool await_ready() const noexcept {
    return false;
  }

  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> parent) noexcept {
    promise().nest(parent.promise().root(), parent, child_, *this);
  }

  T await_resume() {
    return take_result<T>(promise().result());
  }

private:
  task_promise<T>& promise() const noexcept {
    return std::coroutine_handle<task_promise<T>>::from_address(
             child_.address())
      .promise();
  }
};

} // namespace detail

/// A coroutine that has not begun. `co_await std::move(t)` (or a temporary)
/// runs it as part of the awaiting task and gives its result or throws what it
/// threw; `spawn` runs it beside others. Cost: one allocation for the frame.
template <class T>
class [[nodiscard("a task does nothing until it is awaited or spawned")]] task {
public:
  using promise_type = detail::task_promise<T>;
  using value_type = T;
  using levada_awaitable = void;

  task() noexcept = default;

  task(task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {
  }

  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (handle_)
        handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }

  ~task() {
    if (handle_)
      handle_.destroy();
  }

  /// False for a moved-from or default-constructed task.
  explicit operator bool() const noexcept {
    return static_cast<bool>(handle_);
  }

  detail::task_awaiter<T> operator co_await() && {
    if (!handle_)
      throw_error(
        make_error_code(errc::invalid_argument),
        "co_await of an empty task: it was moved from, or never made");
    return detail::task_awaiter<T>{std::exchange(handle_, {})};
  }

private:
  friend promise_type;
  friend struct detail::task_access;

  explicit task(std::coroutine_handle<promise_type> handle) noexcept
      : handle_(handle) {
  }

  std::coroutine_handle<promise_type> handle_;
};

namespace detail {

/// Lets spawn take the coroutine out of a task.
struct task_access {
  template <class T>
  static auto take(task<T>& from) noexcept {
    return std::exchange(from.handle_, {});
  }
};

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
  return task<T>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

inline task<void> task_promise<void>::get_return_object() noexcept {
  return task<void>{std::coroutine_handle<task_promise>::from_promise(*this)};
}

} // namespace detail
} // namespace levada
