#include <levada/runtime/engine.hpp>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <utility>

#include <levada/runtime/dump.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/thread_waiter.hpp>

namespace levada::detail {

namespace {

/// The promise of the coroutine at `address`. Every task promise has the same
/// alignment, so where it lies does not depend on the result type.
task_frame& frame_of(void* address) noexcept {
  return std::coroutine_handle<task_frame>::from_address(address).promise();
}

bool is_cancellation(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const operation_cancelled&) {
    return true;
  } catch (...) { // any other exception is a failure, and reported as one
    return false;
  }
}

/// True for waits that are no channel's: a side_wait stands for them.
bool is_aside(wait_reason why) noexcept {
  switch (why) {
    case wait_reason::set:
    case wait_reason::sleep:
    case wait_reason::join:
    case wait_reason::blocking:
    case wait_reason::forever:
      return true;
    default:
      return false;
  }
}

std::size_t worker_count(std::size_t asked) {
  if (asked > 4096)
    throw_error(make_error_code(errc::invalid_argument),
                "runtime_options::workers: " + std::to_string(asked)
                  + " threads is not a sensible number (0 means one a "
                    "processor, 4096 is the most)");
  if (asked != 0)
    return asked;
  const auto processors = std::thread::hardware_concurrency();
  return processors == 0 ? 2 : processors;
}

/// The default for runtime_options::on_failure.
void terminate_on_failure(const unjoined_failure& failure) {
  std::fputs(describe(failure).c_str(), stderr);
  std::terminate();
}

runtime_options completed(runtime_options options) {
  if (!options.on_failure)
    options.on_failure = terminate_on_failure;
  if (options.time == nullptr)
    options.time = &clock::steady();
  if (options.blocking_threads == 0)
    options.blocking_threads = 1;
  return options;
}

} // namespace

constinit thread_local run_context* this_context = nullptr;

task_frame* current_root() noexcept {
  return this_context != nullptr ? this_context->root : nullptr;
}

engine* current_engine() noexcept {
  auto* const root = current_root();
  return root != nullptr ? &root->home() : nullptr;
}

engine::engine(runtime_options asked)
    : options(completed(std::move(asked))),
      time(*options.time),
      // one part for each worker, and one for all other threads
      timers(time, worker_count(options.workers) + 1),
      blocking(options.blocking_threads),
      channels(make_directory(outsiders)),
      host_(*this, worker_count(options.workers),
            options.deadlock == on_deadlock::ignore
              ? quiet_watch{}
              : quiet_watch{[](engine& self) { return self.check_deadlock(); },
                            this, options.deadlock_after}) {
  if (options.dump_on_sigusr1)
    dump_on_signal(*this);
}

engine::engine(caf::actor_system& system, runtime_options asked)
    : options(completed(std::move(asked))),
      time(*options.time),
      timers(time, worker_count(0) + 1),
      blocking(options.blocking_threads),
      channels(make_directory(outsiders)),
      host_(*this, system) {
  if (options.dump_on_sigusr1)
    dump_on_signal(*this);
}

engine::~engine() {
  if (options.dump_on_sigusr1)
    no_dump_on_signal(*this);
  // `stop()` has run: whoever is still here will not run again.
  timers.stop();
  blocking.stop();
  channels->terminate_all();
  host_.stop();
  for (auto& shard : shards_)
    while (shard.first != nullptr) {
      auto& left = *shard.first;
      unlink(left);
      destroy(left); // counts it out
    }
}

std::uint32_t
engine::milliseconds(std::chrono::steady_clock::time_point now) const noexcept {
  return static_cast<std::uint32_t>(
    std::chrono::duration_cast<std::chrono::milliseconds>(now - begin_)
      .count());
}

// -- running ------------------------------------------------------------------

void engine::start(task_frame& root, std::coroutine_handle<> code,
                   std::source_location spawned,
                   std::unique_ptr<task_extra> extra) {
  if (stopping())
    throw_error(make_error_code(errc::runtime_stopped),
                "spawn: the runtime is stopping");
  root.root_ = &root;
  root.engine_ = this;
  root.resume_point_ = code.address();
  if (extra == nullptr) {
    root.origin_ = std::bit_cast<std::uintptr_t>(spawned);
  } else {
    extra->spawned = spawned;
    root.origin_ = reinterpret_cast<std::uintptr_t>(extra.release()) | 1;
  }
  link(root);
  if (stopping()) {
    // stop() came between the look above and link(), and has walked past this
    // shard perhaps. (If not, it sees the root and does the same.)
    std::uint8_t none = 0;
    root.cancel_.compare_exchange_strong(
      none, static_cast<std::uint8_t>(errc::runtime_stopped));
  } else if (auto* const listener = listener_of(root)) {
    // The same with a scope that was cancelled in between.
    std::uint8_t none = 0;
    if (listener->cancelled(*listener))
      root.cancel_.compare_exchange_strong(
        none, static_cast<std::uint8_t>(errc::cancelled));
  }
  host_.ready_last(root);
}

void engine::finish(task_frame& root) noexcept {
  auto* const self = root.engine_;
  auto* const failed = root.failure();
  if (failed != nullptr) [[unlikely]] {
    // A task that ends because it was told to stop waiting has not failed.
    // (While the runtime stops, it may hear so by a spawn before its own turn.)
    if (!(root.cancelled() || self->stopping())
        || !is_cancellation(failed->error))
      failed->report = std::make_shared<failure_report>(failure_report{
        self->options.on_failure, name_of(root), root.spawned()});
  }
  self->unlink(root);
  root.intrusive_ptr_release_impl(); // last_release(), unless CAF holds it too
}

void engine::last_release(task_frame& root) noexcept {
  auto& block = root.block();
  const auto release = root.block_releaser();
  auto& home = *root.engine_;
  auto& shard = home.shard_of(root);
  auto* const failed = root.failure();
  auto* const listener = listener_of(root);
  // The block outlives the frame until the result has been announced.
  block.outlives_frame = true;
  root.self_handle().destroy(); // the parameters go
  if (listener != nullptr)
    listener->finished(*listener, failed); // it may be gone now
  auto* const joiner = block.end(failed);
  release(block);
  if (joiner != nullptr)
    wake(*joiner);
  home.count_out(shard);
}

void engine::destroy(task_frame& root) noexcept {
  // From the innermost coroutine outwards, so that a long chain of nested
  // frames does not recurse through their awaiters' destructors.
  auto* const outermost = root.self_handle().address();
  void* address = root.resume_point_;
  while (address != outermost) {
    auto& awaiter = *frame_of(address).nested_.awaiter;
    auto* const parent = frame_of(address).nested_.parent;
    awaiter.child_.destroy();
    awaiter.child_ = nullptr;
    address = parent;
  }
  root.resume_point_ = nullptr; // it has not failed
  root.intrusive_ptr_release_impl();
}

// Neighbours in memory stand in different shards, and there are many: workers that
// end two stretches of one crowd, frame after frame, seldom meet at a lock.
engine::live_shard& engine::shard_of(const task_frame& root) noexcept {
  return shards_[(reinterpret_cast<std::uintptr_t>(&root) >> 8)
                 % shards_.size()];
}

void engine::link(task_frame& root) noexcept {
  auto& shard = shard_of(root);
  spin_guard guard{shard.lock};
  root.live_.previous = nullptr;
  root.live_.next = shard.first;
  if (shard.first != nullptr)
    shard.first->live_.previous = &root;
  shard.first = &root;
  ++shard.count;
}

void engine::unlink(task_frame& root) noexcept {
  auto& shard = shard_of(root);
  spin_guard guard{shard.lock};
  if (root.live_.previous != nullptr)
    root.live_.previous->live_.next = root.live_.next;
  else
    shard.first = root.live_.next;
  if (root.live_.next != nullptr)
    root.live_.next->live_.previous = root.live_.previous;
}

void engine::count_out(live_shard& shard) noexcept {
  {
    // Looked at under the lock: whoever sets it looks at the counts after.
    spin_guard guard{shard.lock};
    if (!stopping()) {
      --shard.count;
      return;
    }
  }
  // Whoever waits in stop() may destroy the engine when the count is 0: the
  // mutex makes it wait until we are out.
  std::lock_guard empty_guard{empty_mutex_};
  {
    spin_guard guard{shard.lock};
    --shard.count;
  }
  empty_.notify_all();
}

std::size_t engine::live() const noexcept {
  std::size_t sum = 0;
  for (auto& shard : shards_) {
    spin_guard guard{shard.lock};
    sum += shard.count;
  }
  return sum;
}

std::string engine::name_of(const task_frame& root) {
  if (const auto* extra = root.extra();
      extra != nullptr && !extra->name.empty())
    return extra->name;
  auto name = function_name(root.code_);
  if (name == "levada::detail::run_with") {
    // A callable with captures: its name is the library's; its place is not.
    const std::string_view file = root.spawned().file_name();
    const auto slash = file.rfind('/');
    name = "closure at ";
    name += slash == file.npos ? file : file.substr(slash + 1);
    name += ':' + std::to_string(root.spawned().line());
  }
  return name;
}

std::vector<task_info> engine::tasks() const {
  using namespace std::chrono;
  std::vector<task_info> result;
  result.reserve(live());
  const auto now = milliseconds(std::chrono::steady_clock::now());
  for (auto& shard : shards_) {
    spin_guard guard{shard.lock};
    for (auto* root = shard.first; root != nullptr; root = root->live_.next) {
      auto& info = result.emplace_back();
      info.name = name_of(*root);
      info.spawned = root->spawned();
      info.line = root->line_.load(std::memory_order_relaxed);
      const auto since = root->since_.load(std::memory_order_relaxed);
      if (since == 0)
        continue;
      const auto wait = root->wait_.load(std::memory_order_relaxed);
      info.reason = task_frame::reason_in(wait);
      info.waiting = std::chrono::milliseconds{now > since ? now - since : 0};
      if (info.reason < wait_reason::set
          || info.reason == wait_reason::audience)
        info.channel = task_frame::place_in(wait);
      if (info.channel >= first_nil_id) {
        info.reason = wait_reason::forever;
        info.channel = 0;
      }
    }
  }
  return result;
}

// -- cancelling and stopping --------------------------------------------------

void engine::cancel(errc why,
                    const std::function<bool(const task_frame&)>& chosen) {
  // Fires when everybody has been told: the first one woken may end, and with it
  // the join of another, who is to hear of the cancelling first.
  wake_list wakes;
  for (auto& shard : shards_) {
    spin_guard guard{shard.lock};
    for (auto* root = shard.first; root != nullptr; root = root->live_.next) {
      if (!chosen(*root))
        continue;
      std::uint8_t none = 0;
      root->cancel_.compare_exchange_strong(none,
                                            static_cast<std::uint8_t>(why));
      // The side lock decides between us and a task that parks aside.
      std::lock_guard side_guard{side_lock(*root)};
      const auto wait_word = root->wait_.load(std::memory_order_relaxed);
      const auto place = task_frame::place_in(wait_word);
      if (place == 0 || !is_aside(task_frame::reason_in(wait_word)))
        continue;
      auto* wait = reinterpret_cast<side_wait*>(place);
      if (wait->cancel(*wait, why)) {
        root->wait_.store(0, std::memory_order_relaxed);
        wakes.add(*root);
      }
    }
  }
  // A task parks in a channel by publishing where (announce()), then looking at
  // cancel_; here it is the other way round.
  process_barrier();
  std::vector<std::pair<std::uint64_t, const task_frame*>> in_channels;
  for (auto& shard : shards_) {
    spin_guard guard{shard.lock};
    for (auto* root = shard.first; root != nullptr; root = root->live_.next) {
      const auto wait_word = root->wait_.load(std::memory_order_relaxed);
      const auto place = task_frame::place_in(wait_word);
      if (root->cancelled() && place != 0
          && !is_aside(task_frame::reason_in(wait_word)))
        in_channels.emplace_back(place, root);
    }
  }
  for (const auto& [id, root] : in_channels)
    channels->cancel_wait(id, root);
}

stop_report engine::stop(duration timeout) {
  if (auto* here = current_engine(); here == this)
    throw_error(make_error_code(errc::wrong_thread),
                "runtime::stop: called by one of its own tasks, which it would "
                "wait for");
  stopping_.store(true, std::memory_order_seq_cst);
  const auto deadline
    = saturating_add(std::chrono::steady_clock::now(), timeout);
  channels->close_all();
  cancel(errc::runtime_stopped, [](const task_frame&) { return true; });
  stop_report report;
  report.clean = wait_until_empty(deadline);
  if (report.clean)
    channels->tasks_ended();
  else
    report.stuck = tasks();
  return report;
}

bool engine::wait_until_empty(time_point deadline) {
  std::unique_lock guard{empty_mutex_};
  const auto empty = [this] { return live() == 0; };
  if (deadline == time_point::max()) {
    empty_.wait(guard, empty);
    return true;
  }
  return empty_.wait_until(guard, deadline, empty);
}

// A worker calls it when all have been idle for a while. What could still wake a
// task counts until the task is in a queue, so it is looked at first, and the
// queues and workers last: no task passes unseen from the one to the other.
bool engine::check_deadlock() {
  const auto dispatches = host_.dispatches();
  if (stopping() || timers.size() != 0
      || outsiders->load(std::memory_order_acquire) != 0
      || channels->has_parties())
    return true; // whom a timer wakes keeps a worker busy, which comes by again
  if (timers.firing())
    return false; // whom it wakes may have come by already
  if (!all_parked() || !host_.quiet() || host_.dispatches() != dispatches)
    return true;
  report_deadlock(*this);
  if (options.deadlock == on_deadlock::abort)
    std::abort();
  return true;
}

/// True when every task waits for another, and a thread in block_on for one of
/// them. (That the thread is in block_on is not enough: its task may have ended,
/// and the thread be about to go on.)
bool engine::all_parked() const noexcept {
  bool awaited = false;
  for (const auto& shard : shards_) {
    spin_guard guard{shard.lock};
    for (auto* root = shard.first; root != nullptr; root = root->live_.next) {
      // 0: it was just spawned, and is on its way into a queue
      if (root->since_.load(std::memory_order_relaxed) == 0)
        return false;
      // its function runs, or has ended and wakes it
      if (task_frame::reason_in(root->wait_.load(std::memory_order_relaxed))
          == wait_reason::blocking)
        return false;
      awaited = awaited || listener_of(*root) == &joining_thread::of_root;
    }
  }
  return awaited;
}

// -- task_frame, where it needs the engine ------------------------------------

task_frame::~task_frame() {
  delete extra();
}

std::source_location task_frame::spawned() const noexcept {
  if (const auto* more = extra())
    return more->spawned;
  return std::bit_cast<std::source_location>(origin_);
}

void task_frame::yield_after(std::coroutine_handle<> leaf) noexcept {
  auto* const home = engine_;
  resume_point_ = leaf.address();
  home->ready_last(*this);
}

bool task_frame::park_aside(std::coroutine_handle<> leaf, wait_reason why,
                            side_wait& wait, bool (*publish)(side_wait& wait),
                            std::source_location line) {
  // Held over publish(): whoever is quick to wake the task resumes it into
  // leave_aside(), which waits here until nothing of the frame is in use.
  std::lock_guard guard{engine_->side_lock(*this)};
  if (cancelled())
    return false;
  auto* const context_before = resume_point_;
  announce(why, reinterpret_cast<std::uintptr_t>(&wait));
  park(leaf, line);
  const auto take_back = [&] {
    resume_point_ = context_before;
    since_.store(0, std::memory_order_relaxed);
    wait_.store(0, std::memory_order_relaxed);
  };
  try {
    if (publish(wait))
      return true;
  } catch (...) { // out of memory or threads: thrown by the co_await
    take_back();
    throw;
  }
  take_back();
  return false;
}

void task_frame::leave_aside() noexcept {
  std::lock_guard guard{engine_->side_lock(*this)};
  wait_.store(0, std::memory_order_relaxed);
}

void task_frame::nest(task_frame& parent, std::coroutine_handle<> parent_handle,
                      std::coroutine_handle<> self,
                      task_awaiter_base& awaiter) noexcept {
  root_ = &parent;
  engine_ = parent.engine_;
  nested_ = {parent_handle.address(), &awaiter};
  parent.continue_with(self);
}

void task_frame::keep(std::exception_ptr error) {
  resume_point_ = new task_failure{std::move(error), nullptr};
}

void task_frame::finish() noexcept {
  if (root_ == this) {
    engine_->finish(*this);
    return;
  }
  block().end(failure());
  root_->continue_with(std::coroutine_handle<>::from_address(nested_.parent));
}

void drop_failure(task_block& block) noexcept {
  const std::unique_ptr<task_failure> failure{block.take_failure()};
  if (failure->report == nullptr)
    return;
  const auto& report = *failure->report;
  report.handler({failure->error, report.task, report.spawned});
}

void rethrow_failure(task_block& block) {
  const std::unique_ptr<task_failure> failure{block.take_failure()};
  std::rethrow_exception(std::move(failure->error));
}

std::string function_name(std::source_location place) {
  // "levada::task<int> app::consume(levada::receiver<int>)" → "app::consume"
  std::string name = place.function_name();
  // As g++ calls it; clang's parenthesis would look like that of the parameters.
  constexpr std::string_view clangs = "(anonymous namespace)";
  for (auto at = name.find(clangs); at != std::string::npos;
       at = name.find(clangs, at))
    name.replace(at, clangs.size(), "{anonymous}");
  name.resize(std::min(name.size(), name.find('(')));
  if (const auto space = name.rfind(' '); space != std::string::npos)
    name.erase(0, space + 1);
  return name;
}

// -- waking -------------------------------------------------------------------

namespace {

[[gnu::noinline]] void wake_other(waiter& who) noexcept {
  if (who.kind == waiter::party::thread) {
    static_cast<thread_waiter&>(who).signal();
  } else {
    auto& party = static_cast<callback_waiter&>(who);
    party.told(party);
  }
}

/// `self`: the worker this thread is, or null.
[[gnu::always_inline]] inline void wake_from(waiter& who,
                                             worker* self) noexcept {
  if (who.kind == waiter::party::task) [[likely]] {
    auto& root = static_cast<task_frame&>(who);
    root.home().ready(root, self);
  } else {
    wake_other(who);
  }
}

} // namespace

void wake(waiter& who) noexcept {
  wake_from(who, this_worker());
}

void wake(waiter& who, const run_context& here) noexcept {
  wake_from(who, here.self);
}

void wake_list::fire() noexcept {
  for (int woken = 0; head_ != nullptr; ++woken) {
    auto* who = head_;
    if (woken >= few && who->kind == waiter::party::task) {
      head_ = static_cast<task_frame*>(who)->home().ready_crowd(who);
      continue;
    }
    head_ = who->next_woken; // read first: after wake() `who` may be gone
    wake(*who);
  }
}

} // namespace levada::detail
