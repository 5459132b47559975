#include <levada/runtime/process_barrier.hpp>

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace levada::detail {

namespace {

bool membarrier(int command) noexcept {
  return syscall(SYS_membarrier, command, 0, 0) == 0;
}

} // namespace

constinit std::atomic<bool> barrier_is_known{false};

bool has_process_barrier() noexcept {
  // An old kernel lacks it, and a sandbox may forbid it.
  static const bool registered = [] {
    const bool there = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    barrier_is_known.store(there, std::memory_order_relaxed);
    return there;
  }();
  return registered;
}

void process_barrier() noexcept {
  if (has_process_barrier())
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); // cannot fail once registered
  else
    full_fence();
}

void full_fence() noexcept {
  static std::atomic<int> word{0};
  word.fetch_add(1, std::memory_order_seq_cst); // (sanitizers know no fences)
}

} // namespace levada::detail
