// What a runtime can be told, and what it tells.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada {

/// A task threw, and nobody joins it.
struct unjoined_failure {
  std::exception_ptr error;
  /// The task's name: as given, else its coroutine function.
  std::string task;
  /// Where it was spawned.
  std::source_location spawned;
};

/// What to do when every worker sleeps, no timer is armed and no blocking
/// function runs, while a thread waits in block_on and tasks are parked.
enum class on_deadlock : std::uint8_t {
  ignore, ///< nothing; the default in Release
  report, ///< print who waits for what to stderr; the default in Debug
  abort,  ///< print the same, then std::abort()
};

struct runtime_options {
  /// Worker threads; 0 means one per processor.
  std::size_t workers = 0;
  /// Called on a worker when a task that nobody joins ends with an exception.
  /// Default: print task, place and message to stderr, then std::terminate().
  std::function<void(const unjoined_failure&)> on_failure = {};
  /// Where the time comes from; null means the monotonic clock.
  clock* time = nullptr;
#ifdef NDEBUG
  on_deadlock deadlock = on_deadlock::ignore;
#else
  on_deadlock deadlock = on_deadlock::report;
#endif
  /// How long everything must have been still before it counts as a deadlock.
  std::chrono::milliseconds deadlock_after{500};
  /// Print dump() to stderr whenever the process receives SIGUSR1.
  bool dump_on_sigusr1 = false;
  /// At most so many threads run `blocking(fn)` functions at a time.
  std::size_t blocking_threads = 64;
};

/// One live task, as dump() shows it.
struct task_info {
  std::string name;
  wait_reason reason = wait_reason::nothing;
  /// The channel it waits for; 0 when it waits for none.
  std::uint64_t channel = 0;
  /// The line that waits.
  std::source_location line;
  /// The line that spawned it.
  std::source_location spawned;
  /// How long it has been waiting, exact to a few scheduler turns.
  std::chrono::milliseconds waiting{0};
};

/// What stop() found.
struct stop_report {
  /// True when every task has ended.
  bool clean = true;
  /// Who is still there, and what it waits for.
  std::vector<task_info> stuck;
};

} // namespace levada
