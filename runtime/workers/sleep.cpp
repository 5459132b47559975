// How idle workers sleep, and who is woken.
//
// Invariants
//  - `idle_` holds who may be woken; only who takes a worker out of it, under
//    `idle_lock_`, may write its `signal`, once. Who takes itself out is not woken.
//    `signal` is cleared before its owner stands in the list.
//  - No wake from outside is lost: who pushes to the global queue publishes the job
//    (seq_cst), then looks for idle workers; a worker registers as idle (seq_cst), then
//    looks at all queues. Who pushes to its own ring saves the fence: it is awake and
//    comes to that job itself, and should it miss a worker that falls asleep right
//    then, the watch finds the job.
//  - The signal is stored before the futex is woken, and the kernel compares it before
//    it puts the thread to sleep: a wake between the last look at it and the sleep ends
//    the sleep at once.
//  - Last in, first out: who slept shortest has the warmest cache, and who keeps the
//    time is woken last (see time.cpp).
//  - A worker woken as a searcher counts as one already: until it has looked around
//    nobody else is woken.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>
#include <utility>

#include <levada/runtime/futex.hpp>
#include <levada/runtime/pause_point.hpp>

namespace levada::detail {

constinit std::atomic<pause_hook> on_pause{nullptr};

bool worker_pool::quiet() const noexcept {
  return idle_count_.load(std::memory_order_seq_cst) == workers_.size()
         && !anything_queued();
}

bool worker_pool::anything_queued() const noexcept {
  return global_size_.load(std::memory_order_seq_cst) != 0
         || anything_in_rings();
}

bool worker_pool::anything_in_rings() const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [](const auto& each) {
    return each->head.load(std::memory_order_seq_cst)
           != each->tail.load(std::memory_order_seq_cst);
  });
}

void worker_pool::notify() noexcept {
  if (idle_count_.load(std::memory_order_seq_cst) == 0
      || searchers_.load(std::memory_order_seq_cst) != 0)
    return;
  std::uint32_t none = 0;
  if (!searchers_.compare_exchange_strong(none, 1, std::memory_order_seq_cst))
    return;
  wake_idle(true);
}

void worker_pool::wake_idle(bool as_searcher) noexcept {
  worker* chosen = nullptr;
  {
    spin_guard guard{idle_lock_};
    if (!idle_.empty()) {
      chosen = idle_.back();
      idle_.pop_back();
      idle_count_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }
  if (chosen == nullptr) {
    if (as_searcher)
      searchers_.fetch_sub(1, std::memory_order_seq_cst);
    return;
  }
  // 2: the woken worker already counts as a searcher. release: pairs with the
  // load in sleep_for_signal().
  chosen->signal.store(as_searcher ? 2 : 1, std::memory_order_release);
  futex_wake_one(chosen->signal);
}

/// `idle_lock_` is held.
void worker_pool::add_idle(worker& self) noexcept {
  self.signal.store(0, std::memory_order_relaxed);
  idle_.push_back(&self);
  idle_count_.fetch_add(1, std::memory_order_seq_cst);
}

bool worker_pool::remove_idle(worker& self) noexcept {
  spin_guard guard{idle_lock_};
  const auto position = std::find(idle_.begin(), idle_.end(), &self);
  if (position == idle_.end())
    return false;
  idle_.erase(position);
  idle_count_.fetch_sub(1, std::memory_order_seq_cst);
  return true;
}

job worker_pool::park(worker& self) {
  learn_from_wake(self);
  pause_at(pause_point::out_of_work, self);
  {
    spin_guard guard{idle_lock_};
    add_idle(self);
  }
  // Anyone who pushed before seeing us idle is seen here. (What is not worth
  // helping with is its owner's business, and the watch's.)
  if (help_wanted() && remove_idle(self))
    return 0;
  return sleep(self, false);
}

/// For a worker in `idle_`: until somebody wakes it, or it finds a job by keeping
/// watch.
job worker_pool::sleep(worker& self, bool watching) {
  const bool last
    = idle_count_.load(std::memory_order_seq_cst) == workers_.size();
  if (last)
    reserve_.store(0, std::memory_order_relaxed); // what comes is something new
  const auto quiet_since = dispatches();
  const bool wanted = std::exchange(self.wanted_to_watch, false);
  if (watching || ((!last || wanted) && workers_.size() > 1 && claim_watch())) {
    bool left = false;
    const job found = keep_watch(self, left);
    end_watch(self, left);
    if (left) {
      leave_time(self);
      begin_anew(self);
      return found;
    }
  }
  const bool asked = !(last && on_quiet.call != nullptr);
  if (!sleep_for_signal(self, asked, quiet_since))
    return 0;
  leave_time(self);
  begin_anew(self);
  // acquire: pairs with the release in wake_idle()
  const auto signal = self.signal.load(std::memory_order_acquire);
  self.searching = signal == 2;
  self.wanted_to_watch = signal == 1;
  if (self.searching)
    self.woken = self.now;
  return 0;
}

/// False when it went on by itself, to fire timers. `asked`: no need to tell of the
/// quiet that has lasted since there were so many dispatches.
bool worker_pool::sleep_for_signal(worker& self, bool asked,
                                   std::uint64_t quiet_since) {
  auto ask_at = asked ? time_point::max()
                      : std::chrono::steady_clock::now() + on_quiet.after;
  // acquire: pairs with the release in wake_idle()
  while (self.signal.load(std::memory_order_acquire) == 0) {
    const auto look = keep_time(self);
    const auto until = std::min(look, ask_at);
    pause_at(pause_point::about_to_sleep, self);
    if (until == time_point::max())
      futex_wait(self.signal, 0);
    else if (futex_wait_until(self.signal, 0, until))
      continue;
    else if (look <= ask_at) {
      if (fire_timers(self)) {
        begin_anew(self);
        return false;
      }
    } else {
      ask_at = time_point::max();
      if (quiet() && dispatches() == quiet_since
          && !on_quiet.call(*on_quiet.argument))
        ask_at = std::chrono::steady_clock::now() + on_quiet.after;
    }
  }
  return true;
}

} // namespace levada::detail
