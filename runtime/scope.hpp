// scope: owns the tasks spawned through it, and joins them.
//
//   levada::scope children;
//   children.spawn(fetch, url);
//   children.spawn(store, rx);
//   co_await children.join();   // all have ended; throws the first error
//
// The first child that fails cancels the others: they wait for nothing any more
// (receives say `cancelled`, sleeps throw operation_cancelled), and
// `stop_token()` says so to whoever asks. A child that ends by being cancelled
// has not failed.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <mutex>
#include <source_location>
#include <stop_token>

#include <levada/runtime/export.hpp>
#include <levada/runtime/spawn.hpp>

namespace levada {

class runtime;

namespace detail {

/// Told when a scope goes; for the layers above.
class LEVADA_API scope_watcher {
public:
  virtual ~scope_watcher() = default;
  /// On the thread that destroys the scope.
  virtual void scope_gone() noexcept = 0;
};

/// Outlives the scope as long as a child runs.
class LEVADA_API scope_state final : public finish_listener {
public:
  explicit scope_state(engine& home) noexcept;

  void retain() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept;

  /// Before a child starts; throws operation_cancelled in a cancelled scope.
  void expect_child();
  void cancel();
  void abandon() noexcept;

  /// The scope's one watcher, made by `make` when it is first asked for.
  std::shared_ptr<scope_watcher>
    watcher(std::shared_ptr<scope_watcher> (*make)());

  /// False when there is nobody to wait for.
  bool enlist(waiter& joiner);
  bool withdraw(waiter& joiner) noexcept;

  /// Throws the first error, once.
  void check();

  engine& home;
  std::stop_source stop;

private:
  ~scope_state() = default;
  static void child_finished(finish_listener& self,
                             task_failure* failed) noexcept;
  static bool is_cancelled(finish_listener& self) noexcept;

  std::atomic<std::uint32_t> references_{1};
  /// Guards everything below.
  std::mutex mutex_;
  std::size_t running_ = 0;
  std::exception_ptr error_;
  waiter* joiner_ = nullptr;
  /// Whom to tell about `error_` when nobody joins.
  std::shared_ptr<const failure_report> report_;
  bool cancelled_ = false;
  std::shared_ptr<scope_watcher> watcher_;
  /// The scope went without joining: errors are reported as for any task.
  bool abandoned_ = false;
};

class LEVADA_API [[nodiscard("co_await it")]] scope_join : public side_wait {
public:
  using levada_awaitable = void;

  scope_join(scope_state& state, std::source_location line) noexcept
      : side_wait{&scope_join::cancel_wait},
        state_(state),
        line_(line) {
  }

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return suspend(leaf.promise().root(), leaf);
  }
  void await_resume();

private:
  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;

  scope_state& state_;
  std::source_location line_;
  task_frame* root_ = nullptr;
  errc cancelled_{};
};

} // namespace detail

class LEVADA_API scope : public spawning<scope> {
public:
  /// In the runtime of the task that makes it; throws
  /// channel_error(wrong_thread) when there is none.
  scope();
  explicit scope(const runtime& home);
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;

  /// Cancels the children that still run; does not wait for them (a destructor
  /// cannot): join() first.
  ~scope();

  // spawn(…): see `spawning`. The handle may be dropped: the scope sees errors.
  // Throws operation_cancelled once the scope is cancelled.

  /// `co_await s.join()`: waits until every child has ended; throws the first
  /// error one of them ended with. When the awaiting task is cancelled, throws
  /// operation_cancelled. May be called again after more spawns.
  detail::scope_join join(std::source_location line
                          = std::source_location::current()) {
    return {*state_, line};
  }

  /// The same from a thread. Throws channel_error(wrong_thread) inside a task.
  void blocking_join();

  /// Tells every child not to wait any more, and requests the stop token.
  void cancel();

  /// Requested when the scope is cancelled.
  std::stop_token stop_token() const noexcept {
    return state_->stop.get_token();
  }

  /// For the layers above.
  detail::scope_state& state() const noexcept {
    return *state_;
  }

private:
  friend class spawning<scope>;

  detail::engine& engine() const noexcept {
    return state_->home;
  }
  detail::finish_listener* listener() const {
    state_->expect_child();
    return state_;
  }

  detail::scope_state* state_;
};

} // namespace levada
