// Waiting for a step on a thread, and trying it once. See wait.hpp.
#pragma once

#include <levada/channels/waiting/wait.hpp>
#include <levada/runtime/thread_waiter.hpp>

namespace levada::detail {

/// Waits for `step` on this thread.
template <class Step>
auto wait_on_thread(Step& step, const char* operation,
                    const wait_limits& limits = {}) {
  forbid_blocking_in_task(operation);
  auto& channel = *step.channel;
  auto& self = thread_waiter::mine();
  bool ended = false;
  bool waits = false;
  {
    stray_list strays{channel.type};
    wake_list wakes;
    spin_guard guard{channel.lock};
    if (step.settle(wakes, &strays)) {
      ended = !channel.is_open();
    } else if (limits.stop.stop_requested()) {
      step.result = outcome::cancelled;
    } else if (limits.deadline <= time_point::min()) {
      step.result = outcome::timed_out;
    } else {
      self.reset();
      step.who = &self;
      enlist(step, wakes, strays);
      waits = true;
    }
  }
  if (waits) {
    const stop_request request{&channel, &step, Step::place};
    stop_registration stop;
    if (limits.stop.stop_possible())
      stop.emplace(limits.stop, request);
    if (limits.deadline == time_point::max()) {
      self.wait();
    } else if (!self.wait_until(limits.deadline)) {
      {
        wake_list wakes;
        channel.withdraw(step, Step::place, outcome::timed_out, wakes);
      }
      // Whoever settled it, we or somebody just before, has signalled or will.
      self.wait();
    }
    step.who = nullptr;
  }
  if (ended)
    channel.end_if_drained();
  return step.finish(step.result == outcome::done ? errc{}
                                                  : errc_of(step.result));
}

/// One try, no wait. `otherwise` is the result when it cannot be settled.
template <class Step>
auto try_now(Step& step, errc otherwise) {
  auto& channel = *step.channel;
  bool ended = false;
  bool settled = false;
  {
    stray_list strays{channel.type};
    wake_list wakes;
    spin_guard guard{channel.lock};
    settled = step.settle(wakes, &strays);
    ended = settled && !channel.is_open();
  }
  if (ended)
    channel.end_if_drained();
  if (!settled)
    return step.finish(otherwise);
  return step.finish(step.result == outcome::done ? errc{}
                                                  : errc_of(step.result));
}

} // namespace levada::detail
