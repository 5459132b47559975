#include <levada/runtime/futex.hpp>

#include <cerrno>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace levada::detail {

namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
           const timespec* timeout) noexcept {
  return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word),
                 operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

} // namespace

void futex_wait(std::atomic<std::uint32_t>& word,
                std::uint32_t expected) noexcept {
  futex(word, FUTEX_WAIT_BITSET, expected, nullptr);
}

bool futex_wait_until(std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::chrono::steady_clock::time_point deadline) noexcept {
  using namespace std::chrono;
  auto since_boot = duration_cast<nanoseconds>(deadline.time_since_epoch());
  if (since_boot.count() <= 0)
    return false;
  timespec absolute{};
  absolute.tv_sec
    = static_cast<std::time_t>(since_boot.count() / 1'000'000'000);
  absolute.tv_nsec = static_cast<long>(since_boot.count() % 1'000'000'000);
  // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, which is what
  // steady_clock counts.
  return futex(word, FUTEX_WAIT_BITSET, expected, &absolute) == 0
         || errno != ETIMEDOUT;
}

void futex_wake_one(std::atomic<std::uint32_t>& word) noexcept {
  futex(word, FUTEX_WAKE, 1, nullptr);
}

} // namespace levada::detail
