#include <levada/channels/supervise.hpp>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>

#include <levada/channels/channel.hpp>
#include <levada/channels/select/engine.hpp>
#include <levada/runtime/dump.hpp>
#include <levada/runtime/firm_join.hpp>
#include <levada/runtime/scope.hpp>

namespace levada {

namespace detail {

namespace {

/// A child's run has ended.
struct child_ending {
  child_ending(std::size_t child, std::uint64_t run) noexcept
      : child(child),
        run(run) {
  }
  std::size_t child;
  /// Which of its runs; those that were stopped are of no interest.
  std::uint64_t run;
  std::exception_ptr error;
};

/// What runs as a child's task.
task<> run_child(task<> work, sender<child_ending> out, std::size_t child,
                 std::uint64_t run) {
  child_ending how{child, run};
  try {
    co_await std::move(work);
  } catch (const operation_cancelled&) { // NOLINT(bugprone-empty-catch):
    // told to stop waiting: it has not failed
  } catch (...) { // told to the supervisor, which reports it
    how.error = std::current_exception();
  }
  // It is not taken only when the supervisor has gone and left this child behind,
  // or the runtime stops: then the error is the task's own.
  auto told = out.try_send(std::move(how));
  if (!told && told.value().error != nullptr)
    std::rethrow_exception(std::move(told.value().error));
}

void check(bool holds, const char* what) {
  if (!holds)
    throw_error(make_error_code(errc::invalid_argument), what);
}

} // namespace

/// A supervisor at work. One task uses it, or, while that waits for the end of a
/// child, another in its name.
class supervisor {
public:
  explicit supervisor(supervision plan);

  /// Until all children are done, or something ends it.
  static task<> watch(supervisor* self);
  /// Stops whoever runs among `first` and those after it, last first.
  static task<> stop_from(supervisor* self, std::size_t first);

private:
  enum class phase : std::uint8_t { done, waits, runs };

  struct child {
    explicit child(supervision::spec from) : spec(std::move(from)) {
    }
    supervision::spec spec;
    phase now = phase::waits;
    /// When to start, while it waits.
    time_point due = time_point::min();
    time_point started = time_point::min();
    std::uint64_t run = 0;
    std::uint32_t restarts = 0;
    /// Restarts in a row, for the backoff.
    std::uint32_t row = 0;
    bool was_started = false;
    std::exception_ptr last_error;
    std::unique_ptr<scope> home;
    join_handle<> handle;
  };

  static task<> stop_child(supervisor* self, std::size_t index);
  static task<bool> has_ended(supervisor* self, std::size_t index,
                              time_point deadline);
  static task<std::exception_ptr> clear(supervisor* self, std::size_t index);
  static task<> restart(supervisor* self, std::size_t index,
                        std::exception_ptr error);

  bool all_done() const noexcept;
  time_point next_due() const noexcept;
  void start_due();
  void start(std::size_t index);
  void fail_to_start(std::size_t index);
  std::optional<child_ending> take_pending(std::size_t child);
  bool is_current(const child_ending& one) const noexcept;
  bool restarts_after(const child& one, const std::exception_ptr& error) const;
  void note_restart(time_point now, const std::exception_ptr& error,
                    const child& why);
  duration delay_of(child& one, time_point now) const;
  void finish(child& one) noexcept;
  std::string title(const child& one) const;
  void tell(child_event::kind what, const child& one,
            std::exception_ptr error = nullptr) const;

  supervisor_options options_;
  std::vector<child> children_;
  channel_ends<child_ending> endings_;
  /// Endings that were received while others were waited for.
  std::deque<child_ending> pending_;
  /// When children were started again, within the window.
  std::deque<time_point> restarts_;
};

supervisor::supervisor(supervision plan)
    : options_(std::move(plan.options_)),
      endings_(make_channel<child_ending>(
        {.name = options_.name, .capacity = unbounded})) {
  check(options_.within >= duration::zero(),
        "supervise: `within` is a length of time");
  children_.reserve(plan.children_.size());
  for (auto& each : plan.children_) {
    const auto& backoff = each.options.backoff;
    check(backoff.first >= duration::zero() && backoff.most >= duration::zero()
            && backoff.factor >= 1,
          "supervise: a backoff has no negative times, and a factor of 1 or "
          "more");
    children_.emplace_back(std::move(each));
  }
}

// -- looking ------------------------------------------------------------------

bool supervisor::all_done() const noexcept {
  return std::all_of(children_.begin(), children_.end(),
                     [](const auto& each) { return each.now == phase::done; });
}

time_point supervisor::next_due() const noexcept {
  auto result = time_point::max();
  for (const auto& each : children_)
    if (each.now == phase::waits)
      result = std::min(result, each.due);
  return result;
}

bool supervisor::is_current(const child_ending& one) const noexcept {
  const auto& which = children_[one.child];
  return which.now == phase::runs && which.run == one.run;
}

std::string supervisor::title(const child& one) const {
  auto result = options_.name + '/' + one.spec.options.name;
  if (one.restarts != 0)
    result += ", restart " + std::to_string(one.restarts);
  if (one.last_error != nullptr)
    result += " after: " + message_of(one.last_error).substr(0, 80);
  return result;
}

void supervisor::tell(child_event::kind what, const child& one,
                      std::exception_ptr error) const {
  if (options_.on_event)
    options_.on_event(
      {what, one.spec.options.name, std::move(error), one.restarts});
}

// -- starting -----------------------------------------------------------------

void supervisor::start_due() {
  const auto now = current_time();
  for (std::size_t i = 0; i < children_.size(); ++i)
    if (children_[i].now == phase::waits && children_[i].due <= now)
      start(i);
}

void supervisor::start(std::size_t index) {
  auto& one = children_[index];
  one.now = phase::runs;
  one.started = current_time();
  ++one.run;
  const bool again = std::exchange(one.was_started, true);
  if (again)
    ++one.restarts;
  try {
    auto work = one.spec.start();
    one.home = std::make_unique<scope>();
    one.handle = one.home->spawn(task_options{title(one), one.spec.options.at},
                                 run_child, std::move(work), endings_.tx, index,
                                 one.run);
  } catch (const operation_cancelled& refused) {
    if (refused.code() == errc::runtime_stopped)
      throw;
    fail_to_start(index);
    return;
  } catch (...) { // as if it had run, and failed
    fail_to_start(index);
    return;
  }
  if (again)
    tell(child_event::kind::restarted, one);
}

/// In a handler: the child ends with the exception it is for.
void supervisor::fail_to_start(std::size_t index) {
  auto& failed = pending_.emplace_back(index, children_[index].run);
  failed.error = std::current_exception();
}

// -- stopping -----------------------------------------------------------------

/// It will not start again: what it holds goes.
void supervisor::finish(child& one) noexcept {
  one.now = phase::done;
  one.spec.start = nullptr;
}

/// After its task has ended, or is about to. The error it could not tell.
task<std::exception_ptr> supervisor::clear(supervisor* self,
                                           std::size_t index) {
  auto& one = self->children_[index];
  std::exception_ptr untold;
  co_await firm_join(one.handle);
  try {
    if (one.home != nullptr)
      one.home->state().check();
  } catch (...) { // reported by the caller
    untold = std::current_exception();
  }
  one.handle.detach();
  one.home.reset();
  co_return untold;
}

/// An ending of that child's that was received already.
std::optional<child_ending> supervisor::take_pending(std::size_t child) {
  const auto found
    = std::find_if(pending_.begin(), pending_.end(), [&](const auto& each) {
        return each.child == child && is_current(each);
      });
  if (found == pending_.end())
    return {};
  auto result = std::move(*found);
  pending_.erase(found);
  return result;
}

/// Runs as a task of its own, so that it can wait in the name of one that is
/// cancelled. False: the time has passed.
task<bool> supervisor::has_ended(supervisor* self, std::size_t index,
                                 time_point deadline) {
  const auto& endings = self->endings_.rx;
  for (;;) {
    auto next = co_await endings.receive_until(deadline);
    if (!next)
      co_return !next.timed_out(); // else the runtime stops: wait for the task
    self->pending_.push_back(*std::move(next));
    const auto& last = self->pending_.back();
    if (last.child == index && self->is_current(last))
      co_return true;
  }
}

task<> supervisor::stop_child(supervisor* self, std::size_t index) {
  auto& one = self->children_[index];
  if (one.now != phase::runs)
    co_return;
  if (one.home != nullptr)
    one.home->cancel();
  bool ended = true;
  auto early = self->take_pending(index);
  const auto timeout = one.spec.options.stop_timeout;
  if (!early && timeout != duration::max()) {
    join_handle<bool> waiting;
    try {
      waiting = spawn(task_options{self->title(one) + ", stopping"}, has_ended,
                      self, index, saturating_add(current_time(), timeout));
    } catch (const operation_cancelled&) { // NOLINT(bugprone-empty-catch):
      // the runtime stops, and tells everybody so: wait for the task itself
    }
    if (waiting) {
      co_await firm_join(waiting);
      ended = co_await waiting.join();
      early = self->take_pending(index);
    }
  }
  std::exception_ptr error;
  if (ended) {
    error = co_await clear(self, index);
    while (auto next = self->endings_.rx.try_receive())
      self->pending_.push_back(*std::move(next));
    if (!early)
      early = self->take_pending(index);
    if (early)
      error = early->error;
  } else {
    one.handle.detach();
    one.home.reset();
  }
  // (an ending that is still in the channel is of a run that is over)
  one.now = phase::waits;
  one.due = time_point::max();
  if (!ended)
    self->tell(child_event::kind::left_behind, one);
  else if (error != nullptr)
    self->tell(child_event::kind::failed, one, error);
}

task<> supervisor::stop_from(supervisor* self, std::size_t first) {
  std::exception_ptr failed;
  for (auto i = self->children_.size(); i > first; --i) {
    try {
      co_await stop_child(self, i - 1);
    } catch (...) { // thrown when all have stopped
      failed = std::current_exception();
    }
  }
  if (failed != nullptr)
    std::rethrow_exception(failed);
}

// -- restarting ---------------------------------------------------------------

bool supervisor::restarts_after(const child& one,
                                const std::exception_ptr& error) const {
  switch (one.spec.options.restart) {
    case restart_policy::permanent:
      return true;
    case restart_policy::transient:
      return error != nullptr;
    case restart_policy::temporary:
      return false;
  }
  return false;
}

/// Throws when that was one too many.
void supervisor::note_restart(time_point now, const std::exception_ptr& error,
                              const child& why) {
  restarts_.push_back(now);
  while (now - restarts_.front() > options_.within)
    restarts_.pop_front();
  if (restarts_.size() <= options_.max_restarts)
    return;
  if (error != nullptr)
    std::rethrow_exception(error);
  throw_error(make_error_code(errc::too_many_restarts),
              "supervise: \"" + title(why)
                + "\" is permanent, and returned once more than "
                + std::to_string(options_.max_restarts)
                + " restarts in the time given allow; let it wait for "
                  "something, or make it transient");
}

duration supervisor::delay_of(child& one, time_point now) const {
  if (now - one.started >= options_.within)
    one.row = 0;
  const auto& backoff = one.spec.options.backoff;
  auto ticks = static_cast<double>(backoff.first.count());
  for (std::uint32_t i = 0;
       i < one.row && ticks < static_cast<double>(backoff.most.count()); ++i)
    ticks *= backoff.factor;
  ++one.row;
  const auto most = static_cast<double>(backoff.most.count());
  return ticks >= most ? backoff.most
                       : duration{static_cast<duration::rep>(ticks)};
}

task<> supervisor::restart(supervisor* self, std::size_t index,
                           std::exception_ptr error) {
  const auto now = current_time();
  auto& one = self->children_[index];
  one.now = phase::waits;
  one.due = time_point::max();
  one.last_error = error;
  self->note_restart(now, error, one);
  const auto due = saturating_add(now, self->delay_of(one, now));
  const auto strategy = self->options_.strategy;
  if (strategy == restart_strategy::one_for_one) {
    one.due = due;
    co_return;
  }
  const auto first = strategy == restart_strategy::one_for_all ? 0 : index;
  co_await stop_from(self, first);
  for (auto i = first; i < self->children_.size(); ++i) {
    auto& other = self->children_[i];
    if (other.now == phase::done)
      continue;
    other.due = due;
    if (other.spec.options.restart == restart_policy::temporary)
      self->finish(other);
  }
}

task<> supervisor::watch(supervisor* self) {
  const auto& stop = self->options_.stop;
  for (;;) {
    self->start_due();
    if (self->pending_.empty()) {
      if (self->all_done())
        co_return;
      auto next = co_await self->endings_.rx.receive_until(self->next_due(),
                                                           self->options_.stop);
      if (next)
        self->pending_.push_back(*std::move(next));
      else if (!next.timed_out() && !stop.stop_requested())
        throw operation_cancelled(errc::cancelled, "supervise");
    }
    if (current_root()->cancelled())
      throw operation_cancelled(current_root()->cancel_code(), "supervise");
    if (stop.stop_requested())
      co_return;
    if (self->pending_.empty())
      continue; // something is due
    const auto ended = self->pending_.front();
    self->pending_.pop_front();
    auto& one = self->children_[ended.child];
    if (!self->is_current(ended)) {
      if (ended.error != nullptr) // left behind, it has ended after all
        self->tell(child_event::kind::failed, one, ended.error);
      continue;
    }
    auto untold = co_await clear(self, ended.child);
    static_cast<void>(untold); // it has told us
    const bool again = self->restarts_after(one, ended.error);
    if (!again)
      self->finish(one);
    self->tell(ended.error != nullptr ? child_event::kind::failed
                                      : child_event::kind::returned,
               one, ended.error);
    if (again)
      co_await restart(self, ended.child, ended.error);
  }
}

} // namespace detail

const char* to_string(child_event::kind what) noexcept {
  switch (what) {
    case child_event::kind::failed:
      return "failed";
    case child_event::kind::returned:
      return "returned";
    case child_event::kind::restarted:
      return "restarted";
    case child_event::kind::left_behind:
      return "left behind";
  }
  return "?";
}

void supervision::add(child_options options, factory start) {
  if (options.name.empty())
    options.name = "child " + std::to_string(children_.size() + 1);
  children_.push_back({std::move(options), std::move(start)});
}

task<> supervise(supervision plan) {
  detail::supervisor self{std::move(plan)};
  std::exception_ptr failed;
  try {
    co_await detail::supervisor::watch(&self);
  } catch (...) { // thrown on, when the children have stopped
    failed = std::current_exception();
  }
  co_await detail::supervisor::stop_from(&self, 0);
  if (failed != nullptr)
    std::rethrow_exception(failed);
}

} // namespace levada
