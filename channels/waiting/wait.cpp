#include <levada/channels/waiting/wait.hpp>

#include <levada/runtime/engine.hpp>

namespace levada::detail {

errc errc_in_task(outcome how) noexcept {
  if (how != outcome::cancelled)
    return errc_of(how);
  const auto* root = current_root();
  return root != nullptr && root->cancelled() ? root->cancel_code()
                                              : errc::cancelled;
}

time_point now_of(task_frame& root) noexcept {
  return root.home().time.now();
}

void arm_timer(task_frame& root, timer_node& node) {
  root.home().timers.arm(node);
}

void disarm_timer(task_frame& root, timer_node& node) noexcept {
  root.home().timers.disarm(node);
}

} // namespace levada::detail
