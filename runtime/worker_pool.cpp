#include <levada/runtime/worker_pool.hpp>

#include <algorithm>
#include <utility>

#include <sys/prctl.h>

#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/futex.hpp>
#include <levada/runtime/timer_queue.hpp>

namespace levada::detail {

namespace {

/// How many jobs before its turn a job of the ring is fetched into the cache.
constexpr std::uint32_t ahead = 2;

/// The beginning of what a job runs on: a task's frame, mostly. (An old slot's
/// content, or none, does no harm: fetching never faults.)
void fetch_ahead(job coming) noexcept {
  // (an address, not a pointer: there may be nothing to point into)
  for (std::uintptr_t line = 0; line < 4; ++line)
    __builtin_prefetch(reinterpret_cast<const void*>(coming + line * 64), 1);
}

/// For the owner: thieves can only make more.
std::uint32_t room_in_ring(const worker& self) noexcept {
  // acquire: pairs with the thieves' head updates, so that the slots are free
  return worker::ring_size
         - (self.tail.load(std::memory_order_relaxed)
            - self.head.load(std::memory_order_acquire));
}

/// For the owner, when there is room for all.
void append_to_ring(worker& self, std::span<const job> added) noexcept {
  auto tail = self.tail.load(std::memory_order_relaxed);
  for (const job each : added)
    self.ring[tail++ % worker::ring_size].store(each,
                                                std::memory_order_relaxed);
  // release: publishes the slots to thieves
  self.tail.store(tail, std::memory_order_release);
}

std::uint32_t next_random(std::uint32_t& state) noexcept {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return state;
}

/// How long the last of so many jobs in the worker's ring will wait.
std::chrono::nanoseconds wait_in_ring(const worker& owner,
                                      std::uint32_t length) noexcept {
  return length
         * std::chrono::nanoseconds{
           owner.job_ns.load(std::memory_order_relaxed)};
}

} // namespace

constinit thread_local worker* current_worker = nullptr;

worker_pool::worker_pool(std::size_t workers) {
  workers_.reserve(workers);
  idle_.reserve(workers);
  for (std::size_t i = 0; i < workers; ++i) {
    auto added = std::make_unique<worker>();
    added->pool = this;
    added->guarded.store(!has_process_barrier(), std::memory_order_relaxed);
    added->random = static_cast<std::uint32_t>(i * 2654435761U + 1);
    workers_.push_back(std::move(added));
  }
}

worker& worker_pool::enlist() {
  auto& self = *workers_[enlisted_.fetch_add(1)];
  current_worker = &self;
  // The kernel rounds sleeps up by 50 µs unless told that this thread minds.
  if (timers != nullptr)
    prctl(PR_SET_TIMERSLACK, 1000UL);
  return self;
}

job worker_pool::next_slowly(worker& self, std::uint32_t count) {
  bool others_first = count % turn == 0;
  if (count % look_at_clock == 0) {
    look_at_clock_now(self);
    look_at_timers();
    if (should_withdraw(self)) [[unlikely]]
      if (const job found = withdraw(self))
        return found;
  }
  ++self.taken;
  for (;;) {
    job found = others_first ? 0 : take_next(self);
    if (found == 0 && others_first)
      found = take_global(self, true);
    if (found == 0)
      found = pop_ring(self);
    if (found == 0)
      found = take_next(self);
    if (found == 0)
      found = take_global(self, false);
    if (found != 0 && self.searching) [[unlikely]]
      stop_searching(self);
    if (found == 0)
      found = search(self);
    if (found == 0)
      found = park(self);
    if (found != 0)
      return found;
    others_first = false;
  }
}

void worker_pool::look_at_clock_now(worker& self) noexcept {
  const auto now = std::chrono::steady_clock::now();
  if (self.taken != 0) {
    // Half of it is new: one long job does not make all jobs long.
    const auto each = std::min<std::chrono::nanoseconds::rep>(
      std::chrono::nanoseconds{now - self.now}.count() / self.taken,
      1'000'000'000);
    self.job_ns.store((self.job_ns.load(std::memory_order_relaxed)
                       + static_cast<std::uint32_t>(each))
                        / 2,
                      std::memory_order_relaxed);
  }
  self.taken = 0;
  self.now = now;
  self.news |= worker::rested;
}

/// After sleep, which says nothing of how long jobs run, nor of peace.
void worker_pool::begin_anew(worker& self) noexcept {
  self.taken = 0;
  look_at_clock_now(self);
  self.debt = {};
  self.weighed = self.now;
  self.at_peace_since = self.now;
}

bool worker_pool::should_withdraw(worker& self) noexcept {
  const auto so_far = this_seat().crossings + waits_for_locks;
  const auto crossings = so_far - std::exchange(self.crossings, so_far);
  const auto passed = self.now - std::exchange(self.weighed, self.now);
  if (idle_count_.load(std::memory_order_relaxed) + 1 >= workers_.size()) {
    self.debt = {};
    self.at_peace_since = self.now;
    return false;
  }
  self.debt += crossings * crossing_cost - passed / tolerable_part;
  if (self.debt <= self.debt.zero())
    self.debt = {};
  else
    self.at_peace_since = self.now;
  if (self.now - self.at_peace_since > forgiven_after)
    next_reserve_.store(1, std::memory_order_relaxed);
  return self.debt > most_debt;
}

/// Another worker is awake, and finds what is put into the global queue here: it
/// looks there before it falls asleep. If it did so before, this one stays.
job worker_pool::withdraw(worker& self) {
  {
    spin_guard guard{global_lock_};
    while (const job each = pop_ring(self))
      outside_.append({&each, 1});
    if (const job each = swap_next(self, 0))
      outside_.append({&each, 1});
    count_global();
  }
  // First the watch: else a push that sees an idle worker and no watch wakes this
  // one, which would take those jobs again.
  const bool watching = claim_watch();
  {
    spin_guard guard{idle_lock_};
    if (idle_.size() + 1 >= workers_.size()) {
      if (watching)
        watched_.store(false, std::memory_order_seq_cst);
      return 0;
    }
    add_idle(self);
  }
  const auto length = next_reserve_.load(std::memory_order_relaxed);
  reserve_.store(length, std::memory_order_relaxed);
  next_reserve_.store(std::min(2 * length, longest_reserve),
                      std::memory_order_relaxed);
  self.woken = {};
  return sleep(self, watching);
}

void worker_pool::displace_next(worker& self, job ready) noexcept {
  if (const job displaced = swap_next(self, ready))
    push_back(self, displaced); // else the watch was here meanwhile
}

void worker_pool::push_back(worker& self, job ready) noexcept {
  const auto tail = self.tail.load(std::memory_order_relaxed);
  // acquire: pairs with the thieves' head updates, so that the slot is free
  const auto head = self.head.load(std::memory_order_acquire);
  if (tail - head < worker::ring_size) {
    self.ring[tail % worker::ring_size].store(ready, std::memory_order_relaxed);
    // release: publishes the slot to thieves
    self.tail.store(tail + 1, std::memory_order_release);
    notify_of_ring(self, tail + 1 - head);
  } else {
    spill(self, ready);
    notify();
  }
}

void worker_pool::push_many(worker* self, const job* ready,
                            std::size_t count) noexcept {
  std::span<const job> left{ready, count};
  if (self != nullptr) {
    const auto room = room_in_ring(*self);
    const auto fitting = left.first(std::min<std::size_t>(room, count));
    append_to_ring(*self, fitting);
    left = left.subspan(fitting.size());
    if (left.empty()) {
      notify_of_ring(*self, worker::ring_size - room
                              + static_cast<std::uint32_t>(count));
      return;
    }
  }
  {
    spin_guard guard{global_lock_};
    outside_.append(left);
    count_global();
  }
  notify();
}

void worker_pool::push_global(job ready) noexcept {
  {
    spin_guard guard{global_lock_};
    outside_.append({&ready, 1});
    count_global();
  }
  notify();
}

job worker_pool::take_any() noexcept {
  for (auto& each : workers_) {
    if (job found = each->run_next.exchange(0))
      return found;
    if (job found = pop_ring(*each))
      return found;
  }
  spin_guard guard{global_lock_};
  for (auto* queue : {&outside_, &spilled_})
    if (!queue->empty())
      return queue->take_oldest(1).front();
  return 0;
}

bool worker_pool::quiet() const noexcept {
  return idle_count_.load(std::memory_order_seq_cst) == workers_.size()
         && !anything_queued();
}

std::uint64_t worker_pool::dispatches() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : workers_)
    sum += each->dispatches.load(std::memory_order_relaxed);
  return sum;
}

job worker_pool::pop_ring(worker& self) noexcept {
  auto head = self.head.load(std::memory_order_acquire);
  for (;;) {
    const auto tail = self.tail.load(std::memory_order_relaxed);
    if (tail == head)
      return 0;
    const job found
      = self.ring[head % worker::ring_size].load(std::memory_order_relaxed);
    // acq_rel: pairs with thieves doing the same
    if (self.head.compare_exchange_weak(head, head + 1,
                                        std::memory_order_acq_rel,
                                        std::memory_order_acquire)) {
      fetch_ahead(self.ring[(head + ahead) % worker::ring_size].load(
        std::memory_order_relaxed));
      return found;
    }
  }
}

job worker_pool::take_global(worker& self, bool oldest) noexcept {
  if (global_size_.load(std::memory_order_acquire) == 0)
    return 0;
  spin_guard guard{global_lock_};
  // The oldest of both kinds have their turns, whatever else comes.
  const bool spilled_first
    = oldest
      && (self.dispatches.load(std::memory_order_relaxed) / turn) % 2 == 0;
  auto& from = outside_.empty() || (spilled_first && !spilled_.empty())
                 ? spilled_
                 : outside_;
  if (from.empty())
    return 0;
  global_visits_.fetch_add(1, std::memory_order_relaxed);
  // A fair share moves to the ring, so that the lock is taken once for many. (Of
  // the oldest that were spilled, one at a time: the newer ones go first.)
  const bool old = oldest && &from == &spilled_;
  const auto share = std::clamp<std::size_t>(
    std::min<std::size_t>(from.size() / workers_.size(), room_in_ring(self)), 1,
    old ? 1 : most_moved);
  const auto taken = &from == &spilled_ && !oldest ? from.take_newest(share)
                                                   : from.take_oldest(share);
  append_to_ring(self, taken.subspan(1));
  const job first = taken.front();
  count_global();
  return first;
}

void worker_pool::count_global() noexcept {
  global_size_.store(outside_.size() + spilled_.size(),
                     std::memory_order_seq_cst);
}

void worker_pool::spill(worker& self, job extra) noexcept {
  // Half the ring goes to the global queue, in order, then the new job.
  std::array<job, most_moved> moved{};
  auto head = self.head.load(std::memory_order_acquire);
  std::uint32_t count = 0;
  do {
    // (Thieves may have been here: then there are fewer.)
    const auto available = self.tail.load(std::memory_order_relaxed) - head;
    count = std::min<std::uint32_t>(available, moved.size());
    for (std::uint32_t i = 0; i < count; ++i)
      moved[i] = self.ring[(head + i) % worker::ring_size].load(
        std::memory_order_relaxed);
    // acq_rel: pairs with thieves doing the same
  } while (!self.head.compare_exchange_weak(
    head, head + count, std::memory_order_acq_rel, std::memory_order_acquire));
  spin_guard guard{global_lock_};
  spilled_.append({moved.data(), count});
  spilled_.append({&extra, 1});
  count_global();
}

job worker_pool::steal_from(worker& self, worker& victim) noexcept {
  auto head = victim.head.load(std::memory_order_acquire);
  for (;;) {
    // acquire: pairs with the owner's tail store; the slots are filled
    const auto tail = victim.tail.load(std::memory_order_acquire);
    const auto available = tail - head;
    if (available == 0 || available > worker::ring_size)
      return 0;
    const auto count = available - available / 2;
    const auto base = self.tail.load(std::memory_order_relaxed);
    job first = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      const job each = victim.ring[(head + i) % worker::ring_size].load(
        std::memory_order_relaxed);
      if (i == 0)
        first = each;
      else
        self.ring[(base + i - 1) % worker::ring_size].store(
          each, std::memory_order_relaxed);
    }
    if (victim.head.compare_exchange_weak(head, head + count,
                                          std::memory_order_acq_rel,
                                          std::memory_order_acquire)) {
      self.tail.store(base + count - 1, std::memory_order_seq_cst);
      return first;
    }
  }
}

job worker_pool::steal(worker& self) noexcept {
  const auto count = static_cast<std::uint32_t>(workers_.size());
  const auto start = next_random(self.random) % count;
  for (std::uint32_t i = 0; i < count; ++i) {
    auto& victim = *workers_[(start + i) % count];
    if (&victim == &self || !worth_helping(victim))
      continue;
    if (job found = steal_from(self, victim))
      return found;
  }
  return 0;
}

void worker_pool::begin_search(worker& self) noexcept {
  if (!self.searching) {
    self.searching = true;
    searchers_.fetch_add(1, std::memory_order_seq_cst);
  }
}

void worker_pool::stop_searching(worker& self) noexcept {
  self.searching = false;
  searchers_.fetch_sub(1, std::memory_order_seq_cst);
  // Whoever pushed while we searched woke nobody: pass the word on, if there
  // may be more.
  if (help_wanted())
    notify();
}

job worker_pool::search(worker& self) noexcept {
  begin_search(self);
  // Who has just run something waits a little for more from those who are busy:
  // less than it would take to fall asleep and be woken. It does not look often:
  // each look takes a cache line from them.
  const auto runs = self.dispatches.load(std::memory_order_relaxed);
  const bool patient
    = std::exchange(self.searched, runs) != runs
      && idle_count_.load(std::memory_order_relaxed) + 1 < workers_.size();
  job found = 0;
  const int pauses = patient ? 64 : 1;
  for (int round = 0; round < (patient ? 8 : 4) && found == 0; ++round) {
    found = take_global(self, false);
    if (found == 0)
      found = steal(self);
    for (int i = 0; i < pauses && found == 0; ++i)
      pause_cpu();
  }
  stop_searching(self);
  return found;
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

bool worker_pool::worth_helping(const worker& victim) const noexcept {
  // seq_cst: see park()
  const auto length = victim.tail.load(std::memory_order_seq_cst)
                      - victim.head.load(std::memory_order_seq_cst);
  return length != 0 && length <= worker::ring_size
         && reserve_.load(std::memory_order_relaxed) == 0
         && wait_in_ring(victim, length) >= worth_stealing;
}

bool worker_pool::help_wanted() const noexcept {
  return global_size_.load(std::memory_order_seq_cst) != 0
         || std::any_of(
           workers_.begin(), workers_.end(),
           [this](const auto& each) { return worth_helping(*each); });
}

bool worker_pool::anything_next_but(const worker& self) const noexcept {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& each) {
    return each.get() != &self
           && each->run_next.load(std::memory_order_seq_cst) != 0;
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

void worker_pool::notify_of_ring(const worker& self,
                                 std::uint32_t length) noexcept {
  // relaxed: it may miss who falls asleep right now, and the watch does not
  if (idle_count_.load(std::memory_order_relaxed) == 0)
    return;
  if (wait_in_ring(self, length)
        < worth_waking * (1 << reluctance_.load(std::memory_order_relaxed))
      || reserve_.load(std::memory_order_relaxed) != 0)
    ensure_watch();
  else
    notify();
}

void worker_pool::learn_from_wake(worker& self) noexcept {
  const auto woken = std::exchange(self.woken, {});
  if (woken == std::chrono::steady_clock::time_point{})
    return;
  const auto awake = std::chrono::steady_clock::now() - woken;
  const auto now = reluctance_.load(std::memory_order_relaxed);
  if (awake >= awake_in_vain)
    reluctance_.store(0, std::memory_order_relaxed);
  else if (now < most_reluctance)
    reluctance_.store(now + 1, std::memory_order_relaxed);
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
  // load in park().
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

// -- the time -----------------------------------------------------------------

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

/// For whoever keeps watch: sleeps, and says whether timers are overdue then.
/// `alone`: no busy worker looks at them.
bool worker_pool::sleep_on_watch(worker& self, bool alone) noexcept {
  auto until = std::chrono::steady_clock::now() + watch_period;
  if (timers == nullptr) {
    futex_wait_until(self.signal, 0, until);
    return false;
  }
  auto patience = std::chrono::steady_clock::duration{overdue};
  auto look = time_point::max();
  if (alone || idle_count_.load(std::memory_order_relaxed) == size()) {
    look = keep_time(self);
    if (look != time_point::max())
      patience = patience.zero();
  } else {
    leave_time(self);
    if (const auto next = timers->next_look();
        next < cover_.load(std::memory_order_relaxed))
      look = next + patience;
  }
  until = std::min(until, look);
  futex_wait_until(self.signal, 0, until);
  const auto next = timers->next_look();
  return next <= std::chrono::steady_clock::now() - patience;
}

job worker_pool::park(worker& self) {
  learn_from_wake(self);
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

bool worker_pool::claim_watch() noexcept {
  bool expected = false;
  return watched_.compare_exchange_strong(expected, true);
}

/// For a worker in `idle_`: until somebody wakes it, or it finds a job by keeping
/// watch.
job worker_pool::sleep(worker& self, bool watching) {
  const bool last
    = idle_count_.load(std::memory_order_seq_cst) == workers_.size();
  if (last)
    reserve_.store(0, std::memory_order_relaxed); // what comes is something new
  const bool asked = !(last && on_quiet.call != nullptr);
  const auto quiet_since = dispatches();
  const bool wanted = std::exchange(self.wanted_to_watch, false);
  if (watching || ((!last || wanted) && workers_.size() > 1 && claim_watch())) {
    bool left = false;
    const job found = keep_watch(self, left);
    // Whoever pushes a job after the look below sees that nobody watches, and
    // wakes somebody.
    watched_.store(false, std::memory_order_seq_cst);
    // (Where nobody else is idle there is nobody to wake, and the next worker that
    // goes to sleep sees that nobody watches.)
    if (idle_count_.load(std::memory_order_seq_cst) != 0) {
      process_barrier();
      // (What is in the global queue is what this one was woken for, or brings it
      // to wake another when it takes some.)
      if (idle_count_.load(std::memory_order_seq_cst) != 0
          && (anything_next_but(self)
              || (left ? anything_queued() : anything_in_rings())))
        wake_idle(false); // to keep the watch instead
    }
    if (left) {
      leave_time(self);
      begin_anew(self);
      return found;
    }
  }
  auto ask_at = asked ? time_point::max()
                      : std::chrono::steady_clock::now() + on_quiet.after;
  std::uint32_t signal = 0;
  // acquire: pairs with the release in wake_idle()
  while ((signal = self.signal.load(std::memory_order_acquire)) == 0) {
    const auto look = keep_time(self);
    const auto until = std::min(look, ask_at);
    if (until == time_point::max())
      futex_wait(self.signal, 0);
    else if (futex_wait_until(self.signal, 0, until))
      continue;
    else if (look <= ask_at) {
      if (fire_timers(self)) {
        begin_anew(self);
        return 0;
      }
    } else {
      ask_at = time_point::max();
      if (quiet() && dispatches() == quiet_since
          && !on_quiet.call(*on_quiet.argument))
        ask_at = std::chrono::steady_clock::now() + on_quiet.after;
    }
  }
  leave_time(self);
  begin_anew(self);
  self.searching = signal == 2;
  self.wanted_to_watch = signal == 1;
  if (self.searching)
    self.woken = self.now;
  return 0;
}

job worker_pool::rob(worker& victim) noexcept {
  if (!has_process_barrier())
    return victim.run_next.exchange(0, std::memory_order_acq_rel);
  victim.guarded.store(true, std::memory_order_relaxed);
  process_barrier();
  job taken = 0;
  // acquire: pairs with the release in swap_next(), and shows the slot
  if (!victim.swapping.load(std::memory_order_acquire))
    taken = victim.run_next.exchange(0, std::memory_order_acq_rel);
  // release: the owner sees the empty slot
  victim.guarded.store(false, std::memory_order_release);
  return taken;
}

job worker_pool::keep_watch(worker& self, bool& left) {
  // While in here we stand in idle_, so that a push can wake us as any other.
  struct look {
    std::uint32_t dispatches = 0;
    bool slot = false;
    std::uint32_t head = 0;
    std::uint32_t tail = 0;
  };
  std::vector<look> before(workers_.size());
  std::uint32_t visits = 0;
  bool queued = false;
  std::uint32_t calm = 0;
  auto dispatched = ~std::uint64_t{0};
  while (calm < watch_linger
         && self.signal.load(std::memory_order_acquire) == 0) {
    // Who is busy and dispatches looks at the timers; who is stuck does not.
    const auto before_that = std::exchange(dispatched, dispatches());
    if (sleep_on_watch(self, dispatched == before_that) && fire_timers(self)) {
      left = true;
      return 0;
    }
    calm = idle_count_.load(std::memory_order_relaxed) == workers_.size()
             ? calm + 1
             : 0;
    if (const auto rest = reserve_.load(std::memory_order_relaxed))
      reserve_.store(rest - 1, std::memory_order_relaxed);
    const bool waits
      = global_size_.load(std::memory_order_relaxed) != 0 && queued
        && visits == global_visits_.load(std::memory_order_relaxed);
    queued = global_size_.load(std::memory_order_relaxed) != 0;
    visits = global_visits_.load(std::memory_order_relaxed);
    if (waits) {
      left = remove_idle(self); // else somebody woke us for other work
      return left ? take_global(self, true) : 0;
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      auto& other = *workers_[i];
      if (&other == &self)
        continue;
      const auto then = before[i];
      const auto now = before[i]
        = look{other.dispatches.load(std::memory_order_relaxed),
               other.run_next.load(std::memory_order_relaxed) != 0,
               other.head.load(std::memory_order_relaxed),
               other.tail.load(std::memory_order_relaxed)};
      const bool stuck
        = now.slot && then.slot && now.dispatches == then.dispatches;
      // The last job of then has not left the ring (indices wrap around).
      const bool behind
        = then.head != then.tail
          && static_cast<std::int32_t>(now.head - then.tail) < 0;
      if (!stuck && !behind)
        continue;
      if (!remove_idle(self))
        return 0; // somebody woke us for other work
      left = true;
      if (behind)
        return steal_from(self, other);
      return rob(other);
    }
  }
  return 0;
}

} // namespace levada::detail
