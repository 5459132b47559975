#include <levada/runtime/scope.hpp>

#include <levada/runtime/engine.hpp>
#include <levada/runtime/runtime.hpp>

namespace levada {
namespace detail {

scope_state::scope_state(engine& home, std::size_t limit) noexcept
    : finish_listener{&scope_state::child_finished, &scope_state::is_cancelled},
      home(home),
      limit_(limit) {
}

void scope_state::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

void scope_state::check_open() const {
  if (cancelled_)
    throw operation_cancelled(errc::cancelled,
                              "scope::spawn: the scope is cancelled");
}

void scope_state::expect_child() {
  std::lock_guard guard{mutex_};
  check_open();
  if (!has_place())
    throw_error(make_error_code(errc::full),
                "scope::spawn: " + std::to_string(limit_)
                  + " children run, as many as this scope may have; "
                    "co_await reserve() first, and spawn through the place");
  ++running_;
  retain();
}

bool scope_state::take_place() {
  std::lock_guard guard{mutex_};
  check_open();
  if (!has_place())
    return false;
  ++running_;
  return true;
}

void scope_state::expect_placed_child() {
  std::lock_guard guard{mutex_};
  check_open();
}

void scope_state::give_place_back() noexcept {
  wake_list wakes;
  std::lock_guard guard{mutex_};
  one_less(wakes);
}

bool scope_state::take_place_or_enlist(place_wait& who) {
  std::lock_guard guard{mutex_};
  check_open();
  if (has_place()) {
    ++running_;
    who.verdict_ = place_wait::verdict::granted;
    return true;
  }
  (first_ == nullptr ? first_ : last_->next_) = &who;
  last_ = &who;
  return false;
}

bool scope_state::withdraw(place_wait& who) noexcept {
  std::lock_guard guard{mutex_};
  place_wait* previous = nullptr;
  for (auto* each = first_; each != nullptr;
       previous = std::exchange(each, each->next_)) {
    if (each != &who)
      continue;
    (previous == nullptr ? first_ : previous->next_) = who.next_;
    if (last_ == &who)
      last_ = previous;
    return true;
  }
  return false;
}

/// A child has ended, or a place was given back: it goes to whoever waits for
/// one. Under the mutex.
void scope_state::one_less(wake_list& wakes) noexcept {
  if (first_ != nullptr && running_ <= limit_) {
    auto& next = *std::exchange(first_, first_->next_);
    next.verdict_ = place_wait::verdict::granted;
    wakes.add(*next.who_); // `running_` counts it instead
    return;
  }
  if (--running_ == 0 && joiner_ != nullptr)
    wakes.add(*std::exchange(joiner_, nullptr));
}

void scope_state::child_finished(finish_listener& base,
                                 task_failure* failed) noexcept {
  auto& self = static_cast<scope_state&>(base);
  wake_list wakes;
  bool first_error = false;
  {
    std::lock_guard guard{self.mutex_};
    // (a child that was told to stop waiting has a failure, but no report)
    if (failed != nullptr && failed->report != nullptr && !self.abandoned_) {
      first_error = self.error_ == nullptr;
      if (first_error) {
        self.error_ = failed->error;
        self.report_ = std::move(failed->report);
      }
      failed->report = nullptr; // join() tells of it
    }
    self.one_less(wakes);
  }
  if (first_error)
    self.cancel();
  wakes.fire();
  self.release();
}

bool scope_state::is_cancelled(finish_listener& base) noexcept {
  auto& self = static_cast<scope_state&>(base);
  std::lock_guard guard{self.mutex_};
  return self.cancelled_;
}

void scope_state::cancel() {
  {
    wake_list wakes;
    std::lock_guard guard{mutex_};
    if (std::exchange(cancelled_, true))
      return;
    while (first_ != nullptr) {
      auto& refused = *std::exchange(first_, first_->next_);
      refused.verdict_ = place_wait::verdict::refused;
      wakes.add(*refused.who_);
    }
  }
  home.cancel(errc::cancelled, [this](const task_frame& root) {
    return engine::listener_of(root) == this;
  });
  stop.request_stop();
}

void scope_state::abandon() noexcept {
  bool running = false;
  std::exception_ptr error;
  std::shared_ptr<const failure_report> report;
  std::shared_ptr<scope_watcher> watcher;
  {
    std::lock_guard guard{mutex_};
    watcher.swap(watcher_);
    abandoned_ = true;
    running = running_ != 0;
    error.swap(error_);
    report.swap(report_);
  }
  if (running)
    cancel();
  if (report != nullptr)
    report->handler({error, report->task, report->spawned});
  if (watcher != nullptr)
    watcher->scope_gone();
  release();
}

std::shared_ptr<scope_watcher>
scope_state::watcher(std::shared_ptr<scope_watcher> (*make)()) {
  std::lock_guard guard{mutex_};
  if (watcher_ == nullptr)
    watcher_ = make();
  return watcher_;
}

bool scope_state::enlist(waiter& joiner) {
  std::lock_guard guard{mutex_};
  if (running_ == 0)
    return false;
  if (joiner_ != nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                "scope::join: somebody else waits already");
  joiner_ = &joiner;
  return true;
}

bool scope_state::withdraw(waiter& joiner) noexcept {
  std::lock_guard guard{mutex_};
  if (joiner_ != &joiner)
    return false;
  joiner_ = nullptr;
  return true;
}

void scope_state::check() {
  std::exception_ptr error;
  {
    std::lock_guard guard{mutex_};
    error.swap(error_);
    report_ = nullptr;
  }
  if (error)
    std::rethrow_exception(std::move(error));
}

bool scope_join::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  root_ = &root;
  if (root.park_aside(leaf, wait_reason::join, *this, &scope_join::publish,
                      line_))
    return true;
  cancelled_ = root.cancel_code();
  return false;
}

void scope_join::await_resume() {
  root_->leave_aside();
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "scope::join");
  state_.check();
}

bool scope_join::publish(side_wait& base) {
  auto& self = static_cast<scope_join&>(base);
  return self.state_.enlist(*self.root_);
}

bool scope_join::cancel_wait(side_wait& base, errc why) noexcept {
  auto& self = static_cast<scope_join&>(base);
  if (!self.state_.withdraw(*self.root_))
    return false;
  self.cancelled_ = why;
  return true;
}

// -- places -------------------------------------------------------------------

place_wait::place_wait(scope_state& state, std::source_location line) noexcept
    : side_wait{&place_wait::cancel_wait},
      line_(line),
      state_(&state) {
  state.retain();
}

place_wait::~place_wait() {
  if (state_ == nullptr)
    return;
  if (who_ != nullptr) // the frame goes away while it waits
    state_->withdraw(*this);
  if (verdict_ == verdict::granted)
    state_->give_place_back();
  state_->release();
}

bool place_wait::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  root_ = &root;
  if (root.park_aside(leaf, wait_reason::join, *this, &place_wait::publish,
                      line_))
    return true;
  if (verdict_ != verdict::granted)
    cancelled_ = root.cancel_code();
  return false;
}

bool place_wait::publish(side_wait& base) {
  auto& self = static_cast<place_wait&>(base);
  self.who_ = self.root_;
  return !self.state_->take_place_or_enlist(self);
}

bool place_wait::cancel_wait(side_wait& base, errc why) noexcept {
  auto& self = static_cast<place_wait&>(base);
  if (!self.state_->withdraw(self))
    return false;
  self.cancelled_ = why;
  return true;
}

void place_wait::block() {
  auto& self = thread_waiter::mine();
  self.reset();
  who_ = &self;
  if (!state_->take_place_or_enlist(*this))
    self.wait();
}

void place_wait::check() {
  if (root_ != nullptr)
    root_->leave_aside();
  who_ = nullptr;
  if (cancelled_ != errc{})
    throw operation_cancelled(cancelled_, "scope::reserve");
  if (verdict_ != verdict::granted)
    throw operation_cancelled(errc::cancelled,
                              "scope::reserve: the scope is cancelled");
}

scope_place place_wait::take() noexcept {
  return scope_place{std::exchange(state_, nullptr)};
}

scope_place place_awaiter::await_resume() {
  check();
  return take();
}

} // namespace detail

scope_place::~scope_place() {
  if (state_ == nullptr)
    return;
  state_->give_place_back();
  state_->release();
}

detail::engine& scope_place::engine() const {
  if (state_ == nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                "scope_place::spawn: the place was used, or moved from");
  return state_->home;
}

/// The child has the place, and the reference, from now on.
detail::finish_listener* scope_place::listener() const {
  state_->expect_placed_child();
  return std::exchange(state_, nullptr);
}

scope::scope(scope_options options)
    : state_(new detail::scope_state{
        detail::require_current_engine("levada::scope"), options.limit}) {
}

scope::scope(const runtime& home, scope_options options)
    : state_(new detail::scope_state{home.engine(), options.limit}) {
}

scope_place scope::try_reserve() {
  if (!state_->take_place())
    return {};
  state_->retain();
  return scope_place{state_};
}

scope_place scope::blocking_reserve() {
  detail::forbid_blocking_in_task("scope::blocking_reserve");
  struct thread_wait : detail::place_wait {
    explicit thread_wait(detail::scope_state& state) noexcept
        : place_wait(state, {}) {
    }
    scope_place run() {
      block();
      check();
      return take();
    }
  };
  return thread_wait{*state_}.run();
}

scope::~scope() {
  state_->abandon();
}

void scope::cancel() {
  state_->cancel();
}

void scope::blocking_join() {
  detail::forbid_blocking_in_task("scope::blocking_join");
  auto& self = detail::thread_waiter::mine();
  self.reset();
  if (state_->enlist(self))
    self.wait();
  state_->check();
}

} // namespace levada
