// Places where a test holds a worker, to choose what happens meanwhile.
//
// Each stands in the middle of a race, where a worker is about to sleep or to give its
// jobs up: beside what it costs to sleep, the look whether a test is there costs
// nothing. Outside of tests nobody is.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/runtime/export.hpp>

namespace levada::detail {

struct worker;

enum class pause_point : std::uint8_t {
  /// It has found nothing to do, and is not yet known to be idle.
  out_of_work,
  /// It is known to be idle, has looked at everything, and does not sleep yet.
  about_to_sleep,
  /// It has looked at the timers, and not yet said until when it sleeps. It holds the
  /// lock of the time.
  about_to_keep_time,
  /// It has made up its mind to withdraw, and has its jobs still.
  withdraws,
  /// It withdraws: its jobs are in the global queue, it is not yet known to be idle.
  gave_its_jobs_up,
  /// It keeps watch, and its sleep is over: it does not yet know what has happened.
  slept_on_watch,
};

using pause_hook = void (*)(pause_point where, worker& who);

/// What to call there, or null. Set while no worker runs.
LEVADA_API extern std::atomic<pause_hook> on_pause;

inline void pause_at(pause_point where, worker& who) {
  // acquire: the hook sees what the test prepared
  if (const auto hook = on_pause.load(std::memory_order_acquire)) [[unlikely]]
    hook(where, who);
}

} // namespace levada::detail
