// sleep_for, sleep_until and yield: waits that nobody else ends.
#pragma once

#include <coroutine>
#include <source_location>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/task_frame.hpp>
#include <levada/runtime/timer_node.hpp>

namespace levada {
namespace detail {

class LEVADA_API [[nodiscard("co_await it")]] sleep_awaiter
    : public side_wait,
      public timer_node {
public:
  using levada_awaitable = void;

  sleep_awaiter(duration length, std::source_location line) noexcept;
  sleep_awaiter(time_point until, std::source_location line) noexcept;
  ~sleep_awaiter();

  bool await_ready() const noexcept {
    return false;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return suspend(leaf.promise().root(), leaf);
  }

  /// Throws operation_cancelled when the sleep was cut short.
  void await_resume();

protected:
  /// Ends the wait: errc{} when the time had come, else why not.
  errc ended() noexcept;

private:
  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;
  static void expire(timer_node& self, wake_list& wakes) noexcept;

  task_frame* root_ = nullptr;
  std::source_location line_;
  duration length_{};
  bool relative_;
  errc cancelled_{};
};

class LEVADA_API [[nodiscard("co_await it")]] yield_awaiter {
public:
  using levada_awaitable = void;

  // (Written out, as of all that is awaited: g++ 12 mistreats what has none.)
  yield_awaiter() noexcept { // NOLINT(modernize-use-equals-default)
  }

  bool await_ready() const noexcept {
    return false;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) noexcept {
    auto& root = leaf.promise().root();
    cancelled_ = root.cancel_code();
    if (cancelled_ != errc{})
      return false;
    root.yield_after(leaf);
    return true;
  }

  /// Throws operation_cancelled when the task is cancelled.
  void await_resume() const;

private:
  errc cancelled_{};
};

} // namespace detail

/// `co_await sleep_for(d)`: waits for `d` by the runtime's clock; zero or
/// negative: goes on at once. Cancelling the task throws operation_cancelled.
/// Cost: one timer, O(1).
template <class Rep, class Period>
detail::sleep_awaiter sleep_for(std::chrono::duration<Rep, Period> length,
                                std::source_location line
                                = std::source_location::current()) {
  return {to_duration(length), line};
}

/// As sleep_for, until a point in time.
inline detail::sleep_awaiter sleep_until(time_point until,
                                         std::source_location line
                                         = std::source_location::current()) {
  return {until, line};
}

/// `co_await yield()`: lets everyone queued on this worker run first. Throws
/// operation_cancelled when the task was cancelled.
inline detail::yield_awaiter yield() noexcept {
  return {};
}

} // namespace levada
