// blocking(fn): runs a function that blocks on a thread made for that.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <levada/runtime/blocking_pool.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada {
namespace detail {

/// The untyped half of the awaiter below.
class LEVADA_API blocking_wait : public side_wait, public blocking_job {
protected:
  using body = void (*)(blocking_wait& self);

  blocking_wait(body work, std::source_location line) noexcept
      : side_wait{&blocking_wait::cancel_wait},
        blocking_job{&blocking_wait::run_job},
        work_(work),
        line_(line) {
  }
  ~blocking_wait() = default;

  bool suspend(task_frame& root, std::coroutine_handle<> leaf);

  /// Throws what the function threw, or operation_cancelled when it never ran.
  void resumed();

private:
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;
  static void run_job(blocking_job& self) noexcept;

  body work_;
  task_frame* root_ = nullptr;
  std::source_location line_;
  std::exception_ptr error_;
  errc cancelled_{};
};

template <class F>
class [[nodiscard("co_await it")]] blocking_awaiter : private blocking_wait {
  using result_type = std::invoke_result_t<F&>;
  static_assert(!std::is_reference_v<result_type>,
                "blocking(fn): return a value or a pointer, not a reference");

public:
  using levada_awaitable = void;

  template <class G>
  blocking_awaiter(std::in_place_t, G&& call, std::source_location line)
      : blocking_wait(&blocking_awaiter::work, line),
        call_(std::forward<G>(call)) {
  }
  blocking_awaiter(const blocking_awaiter&) = delete;
  blocking_awaiter& operator=(const blocking_awaiter&) = delete;

  bool await_ready() const noexcept {
    return false;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return this->suspend(leaf.promise().root(), leaf);
  }

  result_type await_resume() {
    this->resumed();
    if constexpr (!std::is_void_v<result_type>)
      return std::move(*result_);
  }

private:
  static void work(blocking_wait& base) {
    auto& self = static_cast<blocking_awaiter&>(base);
    if constexpr (std::is_void_v<result_type>)
      self.call_();
    else
      self.result_.emplace(self.call_());
  }

  struct nothing {};
  F call_;
  std::conditional_t<std::is_void_v<result_type>, nothing,
                     std::optional<result_type>>
    result_;
};

} // namespace detail

/// `co_await blocking(fn)`: calls `fn()` on a thread of the runtime's blocking
/// pool and gives its result or throws what it threw. Waits for the end of `fn`
/// even when the task is cancelled meanwhile, since `fn` may use the task's
/// locals; a task cancelled before throws operation_cancelled and `fn` does not
/// run. Cost: two thread switches.
template <class F>
detail::blocking_awaiter<std::decay_t<F>>
blocking(F&& fn, std::source_location line = std::source_location::current()) {
  return {std::in_place, std::forward<F>(fn), line};
}

} // namespace levada
