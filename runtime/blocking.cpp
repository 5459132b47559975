#include <levada/runtime/blocking.hpp>

#include <levada/runtime/engine.hpp>

namespace levada::detail {

bool blocking_wait::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  root_ = &root;
  if (root.park_aside(leaf, wait_reason::blocking, *this,
                      &blocking_wait::publish, line_))
    return true;
  cancelled_ = root.cancel_code();
  return false;
}

void blocking_wait::resumed() {
  root_->leave_aside();
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "blocking");
  if (error_)
    std::rethrow_exception(std::exchange(error_, nullptr));
}

bool blocking_wait::publish(side_wait& base) {
  auto& self = static_cast<blocking_wait&>(base);
  self.root_->home().blocking.submit(self);
  return true;
}

bool blocking_wait::cancel_wait(side_wait&, errc) noexcept {
  return false; // the function cannot be interrupted; its end wakes the task
}

void blocking_wait::run_job(blocking_job& base) noexcept {
  auto& self = static_cast<blocking_wait&>(base);
  try {
    self.work_(self);
  } catch (...) { // carried to the awaiting task
    self.error_ = std::current_exception();
  }
  wake(*self.root_);
}

} // namespace levada::detail
