// What runs next: how jobs get into the queues of a pool, and in which order a worker
// takes them out. What it does when it finds none, or should not go on, stands in
// workers/.
//
// Invariants (those of the ring and the run-next slot stand in worker_pool.hpp)
//  - Every `turn`-th dispatch looks at the global queue's oldest first, then at the
//    ring, and only then at the run-next slot. So nobody starves behind a ping-pong,
//    or behind newer jobs.
//  - Of what did not fit into rings the newest goes first, but in those turns: tasks
//    that spawn tasks that spawn go deep before they go wide, and stay in the cache.
//  - `global_size_` is written under `global_lock_` (seq_cst) after the jobs it
//    counts; who sees it takes the lock and finds them, or somebody else has.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>

#include <sys/prctl.h>

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

std::uint64_t worker_pool::dispatches() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : workers_)
    sum += each->dispatches.load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t worker_pool::jobs_done() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& each : workers_) // who asks for the next is done with one
    if (const auto asked = each->dispatches.load(std::memory_order_relaxed))
      sum += asked - 1;
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

} // namespace levada::detail
