// Everything a runtime is made of, behind the public `runtime` class.
//
// Private to the library: it includes what users must not pay for.
//
// Locks, outermost first: live shard → side lock → timer queue → channel.
// A wake_list is always fired after the last of them is released.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <levada/runtime/blocking_pool.hpp>
#include <levada/runtime/caf_port.hpp>
#include <levada/runtime/directory.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/runtime_options.hpp>
#include <levada/runtime/spin_lock.hpp>
#include <levada/runtime/task_frame.hpp>
#include <levada/runtime/timer_queue.hpp>
#include <levada/runtime/worker_pool.hpp>

namespace levada::detail {

/// What few tasks have.
struct task_extra {
  std::string name;
  /// The source line that spawned the task.
  std::source_location spawned;
  /// Null once told. Whoever cancels a scope compares it.
  std::atomic<finish_listener*> listener{nullptr};
};

/// Whom to tell about a failure that nobody joins, and about which task.
struct failure_report {
  std::function<void(const unjoined_failure&)> handler;
  std::string task;
  std::source_location spawned;
};

/// One party that the outsider_count counts.
class counted_outsider {
public:
  explicit counted_outsider(outsider_count count) noexcept
      : count_(std::move(count)) {
    count_->fetch_add(1, std::memory_order_relaxed);
  }
  ~counted_outsider() {
    // release: what it sent before is seen by whoever sees it gone
    count_->fetch_sub(1, std::memory_order_release);
  }
  counted_outsider(const counted_outsider&) = delete;
  counted_outsider& operator=(const counted_outsider&) = delete;

private:
  outsider_count count_;
};

/// Where the roots of this thread run, or null. From one call of engine::run() to
/// the next a worker keeps it, so that starting a task takes no thread-local.
extern constinit thread_local run_context* this_context;

class engine {
public:
  /// Owns an actor system with our scheduling policy.
  explicit engine(runtime_options options);
  /// Borrows `system` and runs on whatever policy it has.
  engine(caf::actor_system& system, runtime_options options);
  ~engine();
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  // -- running tasks ----------------------------------------------------------

  /// Makes `root` live and queues it. Throws when the runtime is stopping.
  void start(task_frame& root, std::coroutine_handle<> code,
             std::source_location spawned, std::unique_ptr<task_extra> extra);

  /// Queues a task that was woken / that yields.
  void ready(task_frame& root, worker* self) noexcept {
    host_.ready(root, self);
  }
  void ready_last(task_frame& root) noexcept {
    host_.ready_last(root);
  }
  waiter* ready_crowd(waiter* first) noexcept {
    return host_.ready_crowd(first);
  }

  /// Runs `root` on this thread, whose `this_context` is `context`, until it parks,
  /// yields or ends.
  static void run(task_frame& root, run_context& context) noexcept {
    auto current = std::coroutine_handle<>::from_address(root.resume_point_);
    root.resume_point_ = &context;
    root.budget_ = task_frame::turn;
    root.since_.store(0, std::memory_order_relaxed);
    context.root = &root;
    do {
      context.next = nullptr;
      current.resume();
      // Of `root` nothing may be touched here: it may run elsewhere, or be gone.
      current = context.next;
    } while (current);
    context.root = nullptr;
  }

  /// Ends a root: called from its final suspend.
  void finish(task_frame& root) noexcept;

  /// The last reference to a root's frame went: destroys it and announces the
  /// result.
  static void last_release(task_frame& root) noexcept;

  /// Destroys a root that will not run again, innermost frame first.
  static void destroy(task_frame& root) noexcept;

  // -- waiting and cancelling -------------------------------------------------

  std::mutex& side_lock(const task_frame& root) noexcept {
    return side_locks_[(reinterpret_cast<std::uintptr_t>(&root) >> 7)
                       % side_locks_.size()];
  }

  /// Tells the roots for which `chosen` holds not to wait any more.
  void cancel(errc why, const std::function<bool(const task_frame&)>& chosen);

  /// How many tasks live.
  std::size_t live() const noexcept;

  // -- the whole --------------------------------------------------------------

  stop_report stop(duration timeout);
  std::vector<task_info> tasks() const;
  static std::string name_of(const task_frame& root);
  static finish_listener* listener_of(const task_frame& root) noexcept {
    const auto* extra = root.extra();
    return extra == nullptr ? nullptr
                            : extra->listener.load(std::memory_order_relaxed);
  }

  bool stopping() const noexcept {
    return stopping_.load(std::memory_order_acquire);
  }

  caf::actor_system& system() noexcept {
    return host_.system();
  }

  /// From the engine's beginning to `now`.
  std::uint32_t
  milliseconds(std::chrono::steady_clock::time_point now) const noexcept;

  runtime_options options;
  clock& time;
  timer_queue timers;
  blocking_pool blocking;
  /// While there is one, all tasks asleep are no deadlock.
  const outsider_count outsiders
    = std::make_shared<std::atomic<std::uint32_t>>(0);
  /// The channels of this runtime.
  const std::unique_ptr<directory> channels;
  /// Threads in block_on, for dump().
  std::atomic<std::uint32_t> joining_threads{0};

private:
  struct alignas(64) live_shard {
    mutable spin_lock lock;
    task_frame* first = nullptr;
    std::size_t count = 0;
  };

  void link(task_frame& root) noexcept;
  void unlink(task_frame& root) noexcept;
  live_shard& shard_of(const task_frame& root) noexcept;
  void count_out(live_shard& shard) noexcept;
  bool check_deadlock();
  bool all_parked() const noexcept;
  bool wait_until_empty(time_point deadline);

  const std::chrono::steady_clock::time_point begin_
    = std::chrono::steady_clock::now();
  std::atomic<bool> stopping_{false};
  /// Changes when the last task ends while stopping.
  std::mutex empty_mutex_;
  std::condition_variable empty_;
  std::array<live_shard, 64> shards_;
  std::array<std::mutex, 16> side_locks_;
  /// Last: its workers use everything above.
  caf_host host_;
};

/// The engine behind the task that runs on this thread, or null.
engine* current_engine() noexcept;

} // namespace levada::detail
