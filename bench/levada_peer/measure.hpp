// Clocks, the finish line, and how a result is printed.
//
// The clock starts just before the first task is spawned and is stopped by the
// last task itself, so that waking the main thread does not count.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"

namespace bench {

using wall_clock = std::chrono::steady_clock;

/// What a stretch of time cost.
struct cost {
  std::uint64_t wall_ns = 0;
  /// User and system time of the whole process.
  std::uint64_t cpu_ns = 0;
  /// Voluntary context switches: how often a thread slept.
  std::uint64_t switches = 0;

  friend cost operator+(const cost& a, const cost& b) noexcept {
    return {a.wall_ns + b.wall_ns, a.cpu_ns + b.cpu_ns,
            a.switches + b.switches};
  }
};

class stopwatch {
public:
  stopwatch() noexcept;
  cost until(wall_clock::time_point end) const noexcept;

private:
  std::uint64_t cpu_ns_;
  std::uint64_t switches_;
  wall_clock::time_point start_;
};

/// Where tasks arrive. Declare it before the runtime, which then is stopped
/// first: no worker can be in arrive() any more when this goes away.
class finish_line {
public:
  explicit finish_line(std::uint64_t runners) noexcept : left_(runners) {
  }

  void arrive() noexcept;

  /// Waits for the last arrival; when that was.
  wall_clock::time_point wait() noexcept;

private:
  std::atomic<std::uint64_t> left_;
  wall_clock::time_point end_{};
  /// 1 when everybody has arrived.
  std::atomic<int> over_{0};
};

/// Gives free memory back to the system, so that its use again is seen.
void give_memory_back() noexcept;

/// Pages of the process in memory, in bytes.
std::uint64_t resident_bytes();

/// What one repetition found. `ok`: the checksum holds.
struct result {
  std::uint64_t items = 0;
  cost took;
  bool ok = false;
  /// Figures that only this workload has.
  std::vector<std::pair<std::string, double>> more = {};
};

double per(std::uint64_t total, std::uint64_t items) noexcept;

/// Prints one JSON line.
void report(const options& asked, std::uint64_t repetition,
            const result& found);
void report_unsupported(const options& asked);

/// 1 + 2 + … + n.
constexpr std::uint64_t sum_to(std::uint64_t n) noexcept {
  return n * (n + 1) / 2;
}

} // namespace bench
