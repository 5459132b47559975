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

bool has_process_barrier() noexcept {
  // An old kernel lacks it, and a sandbox may forbid it.
  static const bool registered
    = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  return registered;
}

void process_barrier() noexcept {
  if (has_process_barrier())
    membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); // cannot fail once registered
}

} // namespace levada::detail
