#include <levada/runtime/spin_lock.hpp>

#include <sched.h>

#include <levada/runtime/futex.hpp>

namespace levada::detail {

void spin_lock::lock_contended() noexcept {
  for (;;) {
    for (int i = 0; i < 128; ++i) {
      if (try_lock())
        return;
      pause_cpu();
    }
    sched_yield();
  }
}

} // namespace levada::detail
