// The one place that knows how a CAF version schedules.
//
// Written for 0.17.6 (Debian 12). Another version changes this file, its .cpp,
// `task_frame`'s and `posted_job`'s caf::resumable overrides, the actor bases in
// actors/channel_actor.* and channels/mailbox/, and what actors/actor_work.cpp knows
// of an actor's pending responses; nothing else names these parts of CAF.
//
// An owned actor system gets our scheduling policy: CAF's workers call it for
// their next job, and it runs levada's tasks right there, so that a task costs
// neither a virtual call nor a reference count. A borrowed system keeps its
// policy, and tasks are ordinary resumables to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <caf/fwd.hpp>

#include <levada/runtime/export.hpp>
#include <levada/runtime/worker_pool.hpp>

namespace levada::detail {

class engine;
class task_frame;
struct waiter;

/// True on a worker: of ours, or of a borrowed system once it has run a task (CAF
/// does not tell before).
LEVADA_API bool runs_on_worker() noexcept;

/// Tells a task from a foreign resumable in a worker's queue.
inline constexpr job task_tag = 1;

/// CAF's name for the worker of `system` that runs levada's code on this thread;
/// null elsewhere. What it is given to run stays on this worker.
caf::execution_unit* unit_here(const caf::actor_system& system) noexcept;

/// Queues a job behind the others on this worker, or from outside. It takes over a
/// reference. May be called where CAF calls us.
void queue_here(caf::actor_system& system, caf::resumable& job);

class caf_host {
public:
  /// Owns a new actor system with `workers` workers on our policy.
  caf_host(engine& owner, std::size_t workers, const quiet_watch& watch);
  /// Borrows `system`.
  caf_host(engine& owner, caf::actor_system& system);
  ~caf_host();
  caf_host(const caf_host&) = delete;
  caf_host& operator=(const caf_host&) = delete;

  caf::actor_system& system() noexcept;

  /// Queues a woken task: next on `self`, which this thread is, or from outside.
  void ready(task_frame& root, worker* self) noexcept {
    if (self != nullptr && self->pool == pool_) [[likely]]
      pool_->push_next(*self, job_of(root));
    else
      ready_elsewhere(root);
  }

  /// Queues a task behind the others.
  void ready_last(task_frame& root) noexcept;

  /// Queues `first` and those woken after it that are tasks of this runtime, in
  /// that order and behind the others. The first who is not, or null.
  waiter* ready_crowd(waiter* first) noexcept;

  /// True when no worker runs anything and nothing is queued. Always false for
  /// a borrowed system, which cannot be asked.
  bool quiet() const noexcept;

  /// Unchanged while no worker of ours takes up a job.
  std::uint64_t dispatches() const noexcept;

  /// Ends an owned system; waits for its registered actors. Idempotent.
  void stop() noexcept;

private:
  struct owned_system;

  static job job_of(task_frame& root) noexcept {
    return reinterpret_cast<job>(&root) | task_tag;
  }
  void ready_elsewhere(task_frame& root) noexcept;
  void ready_foreign(task_frame& root) noexcept;

  std::unique_ptr<owned_system> owned_;
  engine* owner_;
  caf::actor_system* system_ = nullptr;
  worker_pool* pool_ = nullptr;
};

} // namespace levada::detail
