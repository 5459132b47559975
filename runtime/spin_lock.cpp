#include <levada/runtime/spin_lock.hpp>

#include <sched.h>

#include <levada/runtime/cpu_pause.hpp>

namespace levada::detail {

namespace {
constexpr int longest_round = 5;
} // namespace

constinit thread_local std::uint32_t waits_for_locks = 0;

void spin_lock::lock_contended() noexcept {
  // Between two tries we do not even look: each look takes the cache line away
  // from the core that works under the lock, and a line's round trip costs more
  // than twenty operations on one core. So under contention one core does many
  // operations in a row, which is the fastest for both.
  for (int round = 0;; ++round) {
    pause_cpu(4U << round);
    waits_for_locks += 1U << round;
    if (try_lock())
      return;
    if (round == longest_round) {
      sched_yield(); // the holder may have been preempted
      round = 0;
    }
  }
}

} // namespace levada::detail
