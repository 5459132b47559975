// Waiting for a step on a thread, and trying it once. See wait.hpp.
//
// A thread that finds nothing to receive, or no room, rests and tries again some
// times before it enlists (settle_patiently). Nobody knows of it in the meantime: it
// is as if it had called later. Hence
//  - whoever is enlisted is served before it, and it enlists in the end: it is
//    overtaken for the time of its patience at most;
//  - closing, deadlines and stop tokens are seen by its next try, or when it
//    enlists, at the latest;
//  - a rendezvous, where somebody must be enlisted for anything to happen, knows no
//    patience.
#pragma once

#include <levada/channels/waiting/wait.hpp>
#include <levada/runtime/thread_waiter.hpp>

namespace levada::detail {

/// Below this many places a thread enlists at once: then its partner gives it the
/// item, or takes it, in one touch of the channel. From here on it comes back
/// later, when the partner has left it several to do in a row.
inline constexpr std::uint32_t smallest_patient = 8;

/// Tries the everyday cases for as long as the thread has patience. True: it is
/// settled. False: the lock is held, and the step is not settled. (In a quarter as
/// many looks as there are places, a partner goes through about half of them.)
template <class Step>
[[gnu::always_inline]] inline bool settle_patiently(Step& step,
                                                    const wait_limits& limits) {
  auto& channel = *step.channel;
  for (thread_patience patience{channel.capacity / 4};;) {
    channel.lock.lock();
    if (step.settle_quickly()) [[likely]] {
      channel.lock.unlock();
      patience.paid();
      return true;
    }
    if (auto* partner = step.settle_with_partner()) {
      channel.lock.unlock();
      patience.paid();
      wake(*partner);
      return true;
    }
    if constexpr (requires { step.must_wait(); }) {
      if (channel.capacity >= smallest_patient && step.must_wait()
          && limits.deadline > time_point::min()
          && !limits.stop.stop_requested()) {
        channel.lock.unlock();
        if (patience.rest())
          continue;
        channel.lock.lock();
      }
    }
    return false;
  }
}

/// Settles the step, or enlists it and sleeps. The lock is held, and given up.
template <class Step>
[[gnu::noinline]] void settle_or_sleep(Step& step, const wait_limits& limits) {
  auto& channel = *step.channel;
  auto& self = thread_waiter::mine();
  bool ended = false;
  bool waits = false;
  {
    stray_list strays{channel.type};
    wake_list wakes;
    adopted_guard guard{channel.lock};
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
    self.pass(wait_point::enlisted);
    if (limits.stop.stop_possible())
      stop.emplace(limits.stop, request);
    self.pass(wait_point::limited);
    if (limits.deadline == time_point::max()) {
      self.wait();
    } else if (!self.wait_until(limits.deadline)) {
      self.pass(wait_point::timed_out);
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
}

/// Waits for `step` on this thread.
template <class Step>
auto wait_on_thread(Step& step, const char* operation,
                    const wait_limits& limits = {}) {
  forbid_blocking_in_task(operation);
  if (!settle_patiently(step, limits)) [[unlikely]]
    settle_or_sleep(step, limits);
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
