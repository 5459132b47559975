#include <levada/runtime/scope.hpp>

#include <levada/runtime/engine.hpp>
#include <levada/runtime/runtime.hpp>

namespace levada {
namespace detail {

scope_state::scope_state(engine& home) noexcept
    : finish_listener{&scope_state::child_finished, &scope_state::is_cancelled},
      home(home) {
}

void scope_state::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

void scope_state::expect_child() {
  std::lock_guard guard{mutex_};
  if (cancelled_)
    throw operation_cancelled(errc::cancelled,
                              "scope::spawn: the scope is cancelled");
  ++running_;
  retain();
}

void scope_state::child_finished(finish_listener& base,
                                 task_failure* failed) noexcept {
  auto& self = static_cast<scope_state&>(base);
  wake_list wakes;
  bool first_error = false;
  {
    std::lock_guard guard{self.mutex_};
    // (a child that was told to stop waiting has a failure, but no report)
    if (failed != nullptr && failed->report != nullptr && !self.abandoned_) {
      first_error = self.error_ == nullptr;
      if (first_error) {
        self.error_ = failed->error;
        self.report_ = std::move(failed->report);
      }
      failed->report = nullptr; // join() tells of it
    }
    if (--self.running_ == 0 && self.joiner_ != nullptr)
      wakes.add(*std::exchange(self.joiner_, nullptr));
  }
  if (first_error)
    self.cancel();
  wakes.fire();
  self.release();
}

bool scope_state::is_cancelled(finish_listener& base) noexcept {
  auto& self = static_cast<scope_state&>(base);
  std::lock_guard guard{self.mutex_};
  return self.cancelled_;
}

void scope_state::cancel() {
  {
    std::lock_guard guard{mutex_};
    if (std::exchange(cancelled_, true))
      return;
  }
  home.cancel(errc::cancelled, [this](const task_frame& root) {
    return engine::listener_of(root) == this;
  });
  stop.request_stop();
}

void scope_state::abandon() noexcept {
  bool running = false;
  std::exception_ptr error;
  std::shared_ptr<const failure_report> report;
  std::shared_ptr<scope_watcher> watcher;
  {
    std::lock_guard guard{mutex_};
    watcher.swap(watcher_);
    abandoned_ = true;
    running = running_ != 0;
    error.swap(error_);
    report.swap(report_);
  }
  if (running)
    cancel();
  if (report != nullptr)
    report->handler({error, report->task, report->spawned});
  if (watcher != nullptr)
    watcher->scope_gone();
  release();
}

std::shared_ptr<scope_watcher>
scope_state::watcher(std::shared_ptr<scope_watcher> (*make)()) {
  std::lock_guard guard{mutex_};
  if (watcher_ == nullptr)
    watcher_ = make();
  return watcher_;
}

bool scope_state::enlist(waiter& joiner) {
  std::lock_guard guard{mutex_};
  if (running_ == 0)
    return false;
  if (joiner_ != nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                "scope::join: somebody else waits already");
  joiner_ = &joiner;
  return true;
}

bool scope_state::withdraw(waiter& joiner) noexcept {
  std::lock_guard guard{mutex_};
  if (joiner_ != &joiner)
    return false;
  joiner_ = nullptr;
  return true;
}

void scope_state::check() {
  std::exception_ptr error;
  {
    std::lock_guard guard{mutex_};
    error.swap(error_);
    report_ = nullptr;
  }
  if (error)
    std::rethrow_exception(std::move(error));
}

bool scope_join::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  root_ = &root;
  if (root.park_aside(leaf, wait_reason::join, *this, &scope_join::publish,
                      line_))
    return true;
  cancelled_ = root.cancel_code();
  return false;
}

void scope_join::await_resume() {
  root_->leave_aside();
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "scope::join");
  state_.check();
}

bool scope_join::publish(side_wait& base) {
  auto& self = static_cast<scope_join&>(base);
  return self.state_.enlist(*self.root_);
}

bool scope_join::cancel_wait(side_wait& base, errc why) noexcept {
  auto& self = static_cast<scope_join&>(base);
  if (!self.state_.withdraw(*self.root_))
    return false;
  self.cancelled_ = why;
  return true;
}

} // namespace detail

scope::scope()
    : state_(new detail::scope_state{
        detail::require_current_engine("levada::scope")}) {
}

scope::scope(const runtime& home)
    : state_(new detail::scope_state{home.engine()}) {
}

scope::~scope() {
  state_->abandon();
}

void scope::cancel() {
  state_->cancel();
}

void scope::blocking_join() {
  detail::forbid_blocking_in_task("scope::blocking_join");
  auto& self = detail::thread_waiter::mine();
  self.reset();
  if (state_->enlist(self))
    self.wait();
  state_->check();
}

} // namespace levada
