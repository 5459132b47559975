// When a worker takes another's jobs, and when one is woken to do so.
//
// Help must be worth its price: a wake costs as much as a few hundred hand-offs, and
// two tasks that talk across cores lose for each item what twenty cost on one.
//
// Invariants
//  - A job in a run-next slot is nobody else's business (but the watch's).
//  - A ring is helped with when its last job would wait long: it owes
//    `worth_stealing` to a worker that is awake anyway, and `worth_waking` times
//    2^reluctance to one that sleeps. (The owner measures how long its jobs run.)
//    Reluctance grows when a worker that was woken soon had nothing to do, and falls
//    to 0 when it had.
//  - What was taken must be worth having come for: a worker that soon has nothing to do
//    again, because what it took only waited for the worker it took it from, helped in
//    vain. When that is the rule, and when a worker has withdrawn, there is a *reserve*:
//    rings are not helped with, for longer each time. It ends: the watch counts it down,
//    and the last to fall asleep clears it.
//  - A thief takes half the ring at once, by one compare-and-swap of `head`: what it
//    copied into its own ring counts from then on, and not before.
//  - While one worker searches nobody is woken: whoever searches counts itself
//    (seq_cst) before it looks at the queues, and uncounts itself (seq_cst) before it
//    looks once more; who pushes publishes the job (seq_cst), then looks at the count.
//    So one of the two sees the other.
#include <levada/runtime/worker_pool.hpp>

#include <algorithm>
#include <utility>

#include <levada/runtime/cpu_pause.hpp>

namespace levada::detail {

namespace {

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
  learn_from_help(self);
  begin_search(self);
  // Who has just run something waits a little for more from those who are busy:
  // less than it would take to fall asleep and be woken. It does not look often:
  // each look takes a cache line from them.
  const auto runs = self.dispatches.load(std::memory_order_relaxed);
  const bool patient
    = std::exchange(self.searched, runs) != runs
      && idle_count_.load(std::memory_order_relaxed) + 1 < workers_.size();
  job found = 0;
  const std::uint32_t pauses = patient ? 64 : 1;
  for (int round = 0; round < (patient ? 8 : 4) && found == 0; ++round) {
    found = take_global(self, false);
    if (found == 0) {
      found = steal(self);
      if (found != 0)
        self.helped = std::chrono::steady_clock::now();
    }
    if (found == 0)
      pause_cpu(pauses);
  }
  stop_searching(self);
  return found;
}

bool worker_pool::worth_helping(const worker& victim) const noexcept {
  // seq_cst: see sleep.cpp
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

void worker_pool::weigh_help(const worker& self,
                             std::uint32_t length) noexcept {
  if (wait_in_ring(self, length)
        < worth_waking * (1 << reluctance_.load(std::memory_order_relaxed))
      || reserve_.load(std::memory_order_relaxed) != 0)
    ensure_watch();
  else
    notify();
}

void worker_pool::learn_from_help(worker& self) noexcept {
  const auto since = std::exchange(self.helped, {});
  if (since == std::chrono::steady_clock::time_point{})
    return;
  if (std::chrono::steady_clock::now() - since >= helped_in_vain) {
    if (self.vain != 0)
      --self.vain;
    return;
  }
  self.vain += 2;
  if (self.vain >= most_vain) {
    self.vain = 0;
    begin_reserve();
  }
}

/// For a while, longer each time, rings are not helped with.
void worker_pool::begin_reserve() noexcept {
  // relaxed: a rule of thumb; should two do this at once, it counts as one
  const auto length = next_reserve_.load(std::memory_order_relaxed);
  reserve_.store(length, std::memory_order_relaxed);
  next_reserve_.store(std::min(2 * length, longest_reserve),
                      std::memory_order_relaxed);
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

} // namespace levada::detail
