#include <levada/runtime/spawn.hpp>

#include <levada/runtime/engine.hpp>

namespace levada::detail {

void start_task(engine& where, task_frame& root, std::coroutine_handle<> code,
                std::source_location at, const task_options* options,
                finish_listener* listener) {
  std::unique_ptr<task_extra> extra;
  if (options != nullptr || listener != nullptr) {
    extra = std::make_unique<task_extra>();
    if (options != nullptr)
      extra->name = options->name;
    extra->listener.store(listener, std::memory_order_relaxed);
  }
  where.start(root, code, at, std::move(extra));
}

engine& require_current_engine(const char* operation) {
  if (auto* here = current_engine())
    return *here;
  throw_error(make_error_code(errc::wrong_thread),
              std::string{operation}
                + ": no task runs on this thread; name the runtime instead");
}

// -- joining ------------------------------------------------------------------

bool join_wait::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  root_ = &root;
  const bool parked = root.park_aside(leaf, wait_reason::join, *this,
                                      &join_wait::publish, line_);
  if (!parked && !block_.done())
    cancelled_ = root.cancel_code();
  return parked;
}

void join_wait::resumed() {
  if (root_ != nullptr)
    root_->leave_aside();
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "join");
}

bool join_wait::publish(side_wait& base) {
  auto& self = static_cast<join_wait&>(base);
  return self.block_.join(*self.root_);
}

bool join_wait::cancel_wait(side_wait& base, errc why) noexcept {
  auto& self = static_cast<join_wait&>(base);
  if (!self.block_.leave(*self.root_))
    return false;
  self.cancelled_ = why;
  return true;
}

void join_thread(task_block& block) {
  auto& self = thread_waiter::mine();
  self.reset();
  if (block.join(self))
    self.wait();
}

} // namespace levada::detail
