#include <levada/runtime/caf_port.hpp>

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <pthread.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/policy/unprofiled.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/scheduler/coordinator.hpp>

#include <levada/runtime/engine.hpp>

namespace levada::detail {

namespace {

task_frame* task_of(job from) noexcept {
  return (from & task_tag) != 0
           ? reinterpret_cast<task_frame*>(from & ~task_tag)
           : nullptr;
}

job job_of(caf::resumable* foreign) noexcept {
  return reinterpret_cast<job>(foreign);
}

/// Wakes in a row that may go to the front of a foreign scheduler's queue.
constexpr std::uint32_t foreign_streak = 64;

/// What the resume() in progress on this thread knows; for borrowed systems.
struct foreign_worker {
  engine* owner = nullptr;
  caf::execution_unit* unit = nullptr;
  std::uint32_t streak = 0;
};
thread_local foreign_worker this_foreign;

/// The worker of ours that this thread is.
thread_local caf::execution_unit* this_unit = nullptr;

/// Whether this thread is a worker that CAF named as one. (The name alone says
/// nothing: what a worker starts inherits it. A test's coordinator has no worker.)
bool is_named_as_worker() noexcept {
  char name[16] = {};
  return pthread_getname_np(pthread_self(), name, sizeof name) == 0
         && std::string_view{name} == "caf.multiplexer";
}

/// Set when this thread first runs a task of a borrowed system.
thread_local std::optional<bool> is_foreign_worker;

} // namespace

bool runs_on_worker() noexcept {
  return this_worker() != nullptr || is_foreign_worker.value_or(false);
}

/// Our policy, in the shape CAF 0.17's coordinator template wants.
class parking_policy : public caf::policy::unprofiled {
public:
  struct coordinator_data {
    explicit coordinator_data(caf::scheduler::abstract_coordinator*) {
    }
    worker_pool* pool = nullptr;
    engine* owner = nullptr;
  };

  struct worker_data {
    explicit worker_data(caf::scheduler::abstract_coordinator* from);
    coordinator_data* shared;
    worker* self = nullptr;
    run_context context;
  };

  template <class Coordinator>
  void central_enqueue(Coordinator* self, caf::resumable* ready) {
    d(self).pool->push_global(job_of(ready));
  }

  template <class Worker>
  void external_enqueue(Worker* self, caf::resumable* ready) {
    d(self).shared->pool->push_global(job_of(ready));
  }

  template <class Worker>
  void internal_enqueue(Worker* self, caf::resumable* ready) {
    auto& data = d(self);
    data.shared->pool->push_next(*data.self, job_of(ready));
  }

  template <class Worker>
  void resume_job_later(Worker* self, caf::resumable* ready) {
    auto& data = d(self);
    data.shared->pool->push_back(*data.self, job_of(ready));
  }

  template <class Worker>
  caf::resumable* dequeue(Worker* self) {
    auto& data = d(self);
    auto& pool = *data.shared->pool;
    if (data.self == nullptr) {
      data.self = &pool.enlist();
      this_unit = self;
      this_context = &data.context;
      data.context.seat = &take_seat();
      data.context.self = data.self;
    }
    for (;;) {
      const job next = pool.next(*data.self);
      if (const auto news = data.self->news; news != 0) [[unlikely]] {
        data.self->news = 0;
        if ((news & worker::timed) != 0)
          pool.hand_time_over();
        data.context.recent = data.shared->owner->milliseconds(data.self->now);
      }
      auto* root = task_of(next);
      if (root == nullptr)
        return reinterpret_cast<caf::resumable*>(next);
      engine::run(*root, data.context);
    }
  }

  template <class Worker, class Function>
  void foreach_resumable(Worker*, Function) {
    // One pool serves all workers: see foreach_central_resumable.
  }

  template <class Coordinator, class Function>
  void foreach_central_resumable(Coordinator* self, Function release) {
    while (const job left = d(self).pool->take_any())
      if (task_of(left) == nullptr)
        release(reinterpret_cast<caf::resumable*>(left));
    // Tasks are not released here: the engine destroys its live list.
  }
};

using parking_coordinator = caf::scheduler::coordinator<parking_policy>;

parking_policy::worker_data::worker_data(
  caf::scheduler::abstract_coordinator* from)
    : shared(&static_cast<parking_coordinator*>(from)->data()) {
}

struct caf_host::owned_system {
  owned_system(engine& owner, std::size_t workers) : pool(workers) {
    config.set("scheduler.max-threads", workers);
    // An actor whose mailbox never runs dry must not own a worker for ever.
    config.set("scheduler.max-throughput", std::size_t{128});
    config.module_factories.emplace_back(
      [this, &owner](caf::actor_system& sys) -> caf::actor_system::module* {
        auto coordinator = std::make_unique<parking_coordinator>(sys);
        coordinator->data().pool = &pool;
        coordinator->data().owner = &owner;
        return coordinator.release();
      });
  }

  worker_pool pool;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
};

caf_host::caf_host(engine& owner, std::size_t workers, const quiet_watch& watch)
    : owned_(std::make_unique<owned_system>(owner, workers)),
      owner_(&owner),
      pool_(&owned_->pool) {
  pool_->on_quiet = watch;
  owner.timers.keep_by(*pool_);
  owned_->system = std::make_unique<caf::actor_system>(owned_->config);
  system_ = owned_->system.get();
}

caf_host::caf_host(engine& owner, caf::actor_system& system)
    : owner_(&owner),
      system_(&system) {
}

caf_host::~caf_host() {
  stop();
}

caf::actor_system& caf_host::system() noexcept {
  return *system_;
}

void caf_host::ready_elsewhere(task_frame& root) noexcept {
  if (pool_ == nullptr)
    ready_foreign(root);
  else
    pool_->push_global(job_of(root));
}

void caf_host::ready_last(task_frame& root) noexcept {
  if (pool_ == nullptr) {
    root.intrusive_ptr_add_ref_impl();
    system_->scheduler().enqueue(&root);
  } else if (auto* self = this_worker();
             self != nullptr && self->pool == pool_) {
    pool_->push_back(*self, job_of(root));
  } else {
    pool_->push_global(job_of(root));
  }
}

waiter* caf_host::ready_crowd(waiter* first) noexcept {
  std::array<job, 128> crowd;
  auto* const here = this_worker();
  auto* const self = here != nullptr && here->pool == pool_ && pool_ != nullptr
                       ? here
                       : nullptr;
  while (first != nullptr) {
    std::size_t count = 0;
    // (once a task is queued, nothing of it may be touched)
    while (first != nullptr && count < crowd.size()
           && first->kind == waiter::party::task
           && &static_cast<task_frame*>(first)->home() == owner_) {
      auto& root = static_cast<task_frame&>(*first);
      first = first->next_woken;
      if (pool_ == nullptr)
        ready_foreign(root);
      else
        crowd[count++] = job_of(root);
    }
    if (count == 0)
      break;
    pool_->push_many(self, crowd.data(), count);
  }
  return first;
}

void caf_host::ready_foreign(task_frame& root) noexcept {
  root.intrusive_ptr_add_ref_impl(); // enqueueing consumes one reference
  auto& here = this_foreign;
  if (here.owner == owner_ && here.unit != nullptr
      && ++here.streak < foreign_streak) {
    here.unit->exec_later(&root);
  } else {
    here.streak = 0;
    system_->scheduler().enqueue(&root);
  }
}

bool caf_host::quiet() const noexcept {
  return pool_ != nullptr && pool_->quiet();
}

std::uint64_t caf_host::dispatches() const noexcept {
  return pool_ == nullptr ? 0 : pool_->dispatches();
}

void caf_host::stop() noexcept {
  if (owned_ != nullptr)
    owned_->system.reset();
}

caf::execution_unit* unit_here(const caf::actor_system& system) noexcept {
  auto* unit = this_unit != nullptr ? this_unit : this_foreign.unit;
  return unit != nullptr && &unit->system() == &system ? unit : nullptr;
}

void queue_here(caf::actor_system& system, caf::resumable& job) {
  if (auto* unit = unit_here(system))
    unit->exec_later(&job);
  else
    system.scheduler().enqueue(&job);
}

// -- task_frame as somebody else's resumable ----------------------------------

caf::resumable::subtype_t task_frame::subtype() const {
  return unspecified; // anything else and CAF casts it to an actor
}

caf::resumable::resume_result task_frame::resume(caf::execution_unit* unit,
                                                 std::size_t) {
  auto* owner = engine_;
  if (!is_foreign_worker.has_value())
    is_foreign_worker = is_named_as_worker();
  auto& here = this_foreign;
  const auto before_owner = here.owner;
  const auto before_unit = here.unit;
  here.owner = owner;
  here.unit = unit;
  run_context context;
  context.recent = owner->milliseconds(std::chrono::steady_clock::now());
  context.seat = &this_seat();
  auto* const before = std::exchange(this_context, &context);
  engine::run(*this, context);
  this_context = before;
  here.owner = before_owner;
  here.unit = before_unit;
  return awaiting_message; // CAF gives the queue's reference back
}

void task_frame::intrusive_ptr_add_ref_impl() {
  references_.fetch_add(1, std::memory_order_relaxed);
}

void task_frame::intrusive_ptr_release_impl() {
  // acq_rel: whoever destroys the frame sees all that was done to it. (Who has
  // the only reference gives no other: on our own workers there never is one.)
  if (references_.load(std::memory_order_acquire) == 1
      || references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    engine::last_release(*this);
}

} // namespace levada::detail
