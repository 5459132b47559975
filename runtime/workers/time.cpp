// Where the pool keeps the time of a timer_queue, its workers fire it.
//
// Invariants
//  - A busy worker looks every few dispatches. One that sleeps keeps the time: it
//    sleeps until the next look is due, and says so in `cover_`, the latest time at
//    which somebody looks.
//  - No deadline is slept through: who arms makes the deadline visible (seq_cst), then
//    looks at `cover_`; who keeps the time writes `cover_` (seq_cst), then looks at the
//    deadlines again. So one of the two sees the other.
//  - `keeper_` and `cover_` belong together, and change under `time_lock_`: when there
//    is no keeper `cover_` is max(), and who stops sleeping on account of the timers
//    gives both up, and hears by its news that somebody else is to sleep for them.
//  - A worker that arms a timer for before `cover_` takes the role over when it sleeps
//    itself; should it go on with another job instead, it first wakes an idle worker,
//    unless one keeps watch, which looks every `watch_period` at what is overdue, and
//    exactly while the busy worker is stuck in one job. So a timer is at most that late
//    when its task could run, and no thread is woken for most.
//  - A keeper that was relieved sleeps on until the time it had in mind; it then finds
//    itself relieved, and nothing due, which does no harm.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>

#include <levada/runtime/pause_point.hpp>
#include <levada/runtime/timer_queue.hpp>

namespace levada::detail {

void worker_pool::timer_armed(time_point look) noexcept {
  // seq_cst: pairs with keep_time(); see timer_queue
  if (cover_.load(std::memory_order_seq_cst) <= look)
    return;
  if (auto* self = this_worker(); self != nullptr && self->pool == this)
    self->news |= worker::timed;
  else if (idle_count_.load(std::memory_order_seq_cst) != 0)
    wake_idle(false); // it looks again before it sleeps, as all do
}

void worker_pool::hand_time_over() noexcept {
  if (timers == nullptr || idle_count_.load(std::memory_order_relaxed) == 0
      || watched_.load(std::memory_order_relaxed))
    return;
  if (timers->next_look() < cover_.load(std::memory_order_relaxed))
    wake_idle(false);
}

/// For a busy worker.
void worker_pool::look_at_timers() noexcept {
  if (timers == nullptr)
    return;
  const auto look = timers->next_look();
  // relaxed: to fire what another is about to does no harm
  if (look < cover_.load(std::memory_order_relaxed) && timers->has_come(look))
    timers->fire_due();
}

/// For a worker about to sleep: until when, on account of the timers.
worker_pool::time_point worker_pool::keep_time(worker& self) noexcept {
  if (timers == nullptr)
    return time_point::max();
  spin_guard guard{time_lock_};
  auto look = timers->next_look();
  if (keeper_ != &self) {
    if (keeper_ != nullptr && cover_.load(std::memory_order_relaxed) <= look)
      return time_point::max();
    keeper_ = &self; // whoever it was will see that when it wakes
    spin_guard idle_guard{idle_lock_};
    // First in, last out: who keeps the time is the last to be woken for work.
    const auto position = std::find(idle_.begin(), idle_.end(), &self);
    if (position != idle_.end())
      std::swap(*position, idle_.front());
  }
  for (;;) {
    pause_at(pause_point::about_to_keep_time, self);
    // seq_cst: pairs with timer_armed(); see timer_queue
    cover_.store(look, std::memory_order_seq_cst);
    const auto again = timers->next_look();
    if (again >= look)
      return look;
    look = again;
  }
}

/// For a worker that goes on: nobody sleeps for the timers then, if it did.
void worker_pool::leave_time(worker& self) noexcept {
  if (timers == nullptr)
    return;
  spin_guard guard{time_lock_};
  if (keeper_ != &self)
    return;
  keeper_ = nullptr;
  cover_.store(time_point::max(), std::memory_order_seq_cst);
  self.news |= worker::timed;
}

/// For an idle worker whose sleep is over; false: it is being woken for work.
bool worker_pool::fire_timers(worker& self) noexcept {
  if (!remove_idle(self))
    return false;
  leave_time(self);
  timers->fire_due();
  return true;
}

} // namespace levada::detail
