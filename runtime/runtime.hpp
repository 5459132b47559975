// runtime: the workers, timers and tasks of a program, or of one part of it.
//
// Two ways to have one. `runtime rt;` owns a CAF actor system whose workers use
// our scheduling policy. `runtime rt{system};` borrows a system, runs its tasks
// there beside the system's actors, and must be gone before the system.
//
// Whatever a runtime hands out (channels, handles, tasks) may be dropped after
// it; using a channel then says `runtime_stopped`.
#pragma once

#include <iosfwd>
#include <memory>

#include <caf/fwd.hpp>

#include <levada/runtime/export.hpp>
#include <levada/runtime/runtime_options.hpp>
#include <levada/runtime/spawn.hpp>

namespace levada {

class channel_list;
struct channel_info;
struct close_request;

namespace detail {

/// Counts this thread among those that wait in block_on, and spawns what it
/// waits for.
class LEVADA_API joining_thread : public spawning<joining_thread> {
public:
  /// The listener of what it spawns, for who judges a deadlock. It does nothing.
  static finish_listener of_root;

  explicit joining_thread(detail::engine& home) noexcept;
  ~joining_thread();
  joining_thread(const joining_thread&) = delete;
  joining_thread& operator=(const joining_thread&) = delete;

private:
  friend class spawning<joining_thread>;
  detail::engine& engine() const noexcept {
    return home_;
  }
  static finish_listener* listener() noexcept {
    return &of_root;
  }

  detail::engine& home_;
};

} // namespace detail

class LEVADA_API runtime : public spawning<runtime> {
public:
  /// Starts the workers. Throws channel_error(invalid_argument) for an absurd
  /// number of them.
  explicit runtime(runtime_options options = {});

  /// Runs on the workers of `system`, with the policy it has; `workers` of the
  /// options means nothing then.
  explicit runtime(caf::actor_system& system, runtime_options options = {});

  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;

  /// As stop(), for as long as it takes; says on stderr who it waits for when
  /// that is longer than five seconds.
  ~runtime();

  /// Runs `work` as a task and waits on this thread for its end; gives its
  /// result or throws what it threw. Closing and cancelling: as `work` handles
  /// them. Throws channel_error(wrong_thread) inside a task.
  template <class T>
  T block_on(task<T> work,
             std::source_location at = std::source_location::current()) {
    detail::forbid_blocking_in_task("block_on");
    const detail::joining_thread counted{*engine_};
    auto handle = counted.spawn(std::move(work), at);
    return handle.blocking_join();
  }

  /// As block_on(task), with the task that `make(args...)` is.
  template <class F, class... Args>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<Args>...>
  auto block_on(F&& make, Args&&... args) {
    detail::forbid_blocking_in_task("block_on");
    const detail::joining_thread counted{*engine_};
    auto handle
      = counted.spawn(std::forward<F>(make), std::forward<Args>(args)...);
    return handle.blocking_join();
  }

  /// Closes every channel (runtime_stopped), tells every task not to wait any
  /// more, and waits until they have ended, at most `timeout`. Returns who is
  /// still running and what each waits for. Nothing can be spawned afterwards.
  /// Idempotent. Throws channel_error(wrong_thread) inside one of its tasks.
  template <class Rep, class Period>
  stop_report stop(std::chrono::duration<Rep, Period> timeout) {
    return stop_within(to_duration(timeout));
  }
  stop_report stop() {
    return stop_within(duration::max());
  }

  /// Prints every task (what it waits for, where, how long, spawned where) and
  /// every channel (fill, who waits, handles). Threads: any. Cost: brief locks,
  /// one after the other; the picture is not one instant's.
  void dump(std::ostream& out) const;

  /// The same about tasks, as data.
  std::vector<task_info> tasks() const;

  /// Every live channel, in the order they were made.
  channel_list channels() const;

  /// The channel of that id; throws channel_not_found.
  channel_info find(std::uint64_t id) const;

  /// Closes an end of channel `id` as CPython's registry does. Throws
  /// channel_not_found, channel_closed (it was closed already) or
  /// channel_not_empty (then nothing was changed).
  void close(std::uint64_t id, close_request request);
  void close(std::uint64_t id);

  /// Drops what channel `id` holds and removes it: its handles then say
  /// `closed`, the registry `not_found`. Throws channel_not_found.
  void destroy(std::uint64_t id);

  /// The actor system the tasks run in.
  caf::actor_system& system() noexcept;

  /// Where this runtime reads the time.
  clock& time() const noexcept;

  /// For the layers above.
  detail::engine& engine() const noexcept {
    return *engine_;
  }

private:
  stop_report stop_within(duration timeout);

  std::unique_ptr<detail::engine> engine_;
};

} // namespace levada
