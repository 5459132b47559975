// Waiting for a few dozen nanoseconds: less than a call of the kernel takes.
//
// A processor runs ahead of the loop it waits in. It guesses that the loop ends with
// this round and reads what comes after it, often a cache line that another core is
// at work on, and takes that line away from it: for nothing, and once a guess, not
// once a wait. Whoever waits in order to leave a line alone uses pause_cpu(times),
// behind which nothing begins before the wait is over. (Locks that many threads
// want took up to four times as long without.)
#pragma once

#include <cstdint>

namespace levada::detail {

/// Tells the processor that this is a spin loop.
inline void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

/// Pauses so often; what comes after it is not even guessed at until then.
inline void pause_cpu(std::uint32_t times) noexcept {
  for (std::uint32_t i = 0; i < times; ++i)
    pause_cpu();
#if defined(__x86_64__)
  __builtin_ia32_lfence();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

} // namespace levada::detail
