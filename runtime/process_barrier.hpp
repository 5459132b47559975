// A fence for both sides of a race, paid by the rare side alone.
//
// Two threads that each write one word and then read the other's need a full
// fence between the two on *both* sides, or both may miss the other's write. On
// the frequent side that fence would cost more than all the rest. The kernel can
// run it on every thread of the process instead (membarrier(2)), at a few
// microseconds: then the rare side calls process_barrier(), and the frequent one
// only keeps the compiler from reordering (compiler_barrier()).
//
// After process_barrier() each other thread stands at some point of its program:
// all it wrote before that point is visible here, all it reads after that point
// sees what was written here before the call.
#pragma once

#include <atomic>

#include <levada/runtime/export.hpp>

namespace levada::detail {

/// True where process_barrier() works; asked once, the answer never changes.
LEVADA_API bool has_process_barrier() noexcept;

/// The rare side. Where has_process_barrier() is false it does nothing but a fence,
/// and so must the frequent side: frequent_barrier() does.
void process_barrier() noexcept;

/// The frequent side where has_process_barrier() is known to be true.
inline void compiler_barrier() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// False until has_process_barrier() has found one: then a fence too many is made.
LEVADA_API extern std::atomic<bool> barrier_is_known;
LEVADA_API void full_fence() noexcept;

/// The frequent side.
inline void frequent_barrier() noexcept {
  // relaxed: either value is right
  if (barrier_is_known.load(std::memory_order_relaxed)) [[likely]]
    compiler_barrier();
  else
    full_fence();
}

} // namespace levada::detail
