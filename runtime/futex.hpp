// The one primitive a thread sleeps on: a 32-bit word and the kernel.
//
// Everything that parks an OS thread (idle workers, threads in blocking
// operations, a borrowed runtime's timer thread) goes through these three
// functions; nothing polls. Linux only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <levada/runtime/export.hpp>

namespace levada::detail {

/// Sleeps while `word` holds `expected`. May return for no reason: check again.
LEVADA_API void futex_wait(std::atomic<std::uint32_t>& word,
                           std::uint32_t expected) noexcept;

/// As futex_wait, at most until `deadline`; false when that passed.
LEVADA_API bool
futex_wait_until(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                 std::chrono::steady_clock::time_point deadline) noexcept;

/// Wakes one thread that sleeps on `word`.
LEVADA_API void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept;

} // namespace levada::detail
