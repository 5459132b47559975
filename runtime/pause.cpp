#include <levada/runtime/pause.hpp>

#include <levada/runtime/engine.hpp>

namespace levada::detail {

sleep_awaiter::sleep_awaiter(duration length,
                             std::source_location line) noexcept
    : side_wait{&sleep_awaiter::cancel_wait},
      timer_node(&sleep_awaiter::expire),
      line_(line),
      length_(length),
      relative_(true) {
}

sleep_awaiter::sleep_awaiter(time_point until,
                             std::source_location line) noexcept
    : side_wait{&sleep_awaiter::cancel_wait},
      timer_node(&sleep_awaiter::expire),
      line_(line),
      relative_(false) {
  when = until;
}

sleep_awaiter::~sleep_awaiter() {
  // Still armed only when shutdown destroys the frame.
  if (root_ != nullptr)
    root_->home().timers.disarm(*this);
}

bool sleep_awaiter::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  auto& home = root.home();
  const auto now = home.time.now();
  if (relative_)
    when = saturating_add(now, length_);
  if (when <= now && !root.cancelled())
    return false;
  root_ = &root;
  if (root.park_aside(leaf, wait_reason::sleep, *this, &sleep_awaiter::publish,
                      line_))
    return true;
  cancelled_ = root.cancel_code();
  return false;
}

errc sleep_awaiter::ended() noexcept {
  if (root_ != nullptr)
    root_->leave_aside();
  root_ = nullptr;
  return cancelled_;
}

void sleep_awaiter::await_resume() {
  if (const auto why = ended(); why != errc{})
    throw operation_cancelled(why, "sleep");
}

bool sleep_awaiter::publish(side_wait& base) {
  auto& self = static_cast<sleep_awaiter&>(base);
  self.root_->home().timers.arm(self);
  return true;
}

bool sleep_awaiter::cancel_wait(side_wait& base, errc why) noexcept {
  auto& self = static_cast<sleep_awaiter&>(base);
  if (!self.root_->home().timers.disarm(self))
    return false; // it has fired: the timer wakes the task
  self.cancelled_ = why;
  return true;
}

void sleep_awaiter::expire(timer_node& node, wake_list& wakes) noexcept {
  wakes.add(*static_cast<sleep_awaiter&>(node).root_);
}

void yield_awaiter::await_resume() const {
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "yield");
}

} // namespace levada::detail
