// Where a task runs: what its thread hands it, so that the paths of every message
// look nothing up.
#pragma once

#include <coroutine>
#include <cstdint>

#include <levada/runtime/export.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

class task_frame;
struct bias_seat;
struct worker;

/// The run loop's side of running a task.
struct run_context {
  /// The root that runs, or null.
  task_frame* root = nullptr;
  /// The coroutine to go on with when the current one has suspended.
  std::coroutine_handle<> next;
  /// A recent time, in milliseconds since the engine began.
  std::uint32_t recent = 0;
  /// The thread's seat at locks that are biased.
  bias_seat* seat = nullptr;
  /// The worker this thread is, or null when it is another pool's.
  worker* self = nullptr;
};

/// wake(), for whoever runs in `here`: it need not be looked for.
LEVADA_API void wake(waiter& who, const run_context& here) noexcept;

} // namespace levada::detail
