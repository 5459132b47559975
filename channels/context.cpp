#include <levada/channels/context.hpp>

#include <atomic>
#include <mutex>

#include <levada/channels/select.hpp>
#include <levada/runtime/engine.hpp>

namespace levada {
namespace detail {

class context_state : public std::enable_shared_from_this<context_state> {
public:
  context_state(engine* home, std::shared_ptr<context_state> parent,
                time_point deadline)
      : home(home),
        parent(std::move(parent)),
        deadline(deadline) {
  }

  static std::shared_ptr<context_state> of(const context& which) noexcept {
    return which.state_;
  }
  static context make(std::shared_ptr<context_state> state) noexcept {
    return context{std::move(state)};
  }
  static canceller make_canceller(std::shared_ptr<context_state> state) {
    return canceller{std::move(state)};
  }

  /// True for what can be cancelled: all but backgrounds.
  bool can_end() const noexcept {
    return stop.stop_possible();
  }

  errc code() const noexcept {
    // acquire: pairs with the release in cancel(), which wrote the cause
    const auto code = code_.load(std::memory_order_acquire);
    if (code == errc{} && done_tx && done_tx.is_closed())
      return was_stopped();
    return code;
  }

  std::exception_ptr cause() const {
    const auto why = code();
    if (why == errc{})
      return nullptr;
    return why == errc::runtime_stopped ? default_cause(why) : cause_;
  }

  bool cancel(errc why, std::exception_ptr cause) {
    {
      std::lock_guard guard{mutex_};
      if (code_.load(std::memory_order_relaxed) != errc{})
        return false;
      cause_ = cause != nullptr ? std::move(cause) : default_cause(why);
      code_.store(why, std::memory_order_release);
    }
    if (done_tx)
      done_tx.close(cause_);
    stop.request_stop();
    return true;
  }

  /// From now on it is cancelled with its parent.
  void follow_parent() {
    if (parent == nullptr || !parent->can_end())
      return;
    from_parent_.emplace(parent->stop.get_token(),
                         parent_cancelled{weak_from_this()});
    // Who cancels the parent says so first, and stops its token then.
    if (const auto why = parent->code(); why != errc{})
      cancel(why, parent->cause());
  }

  /// Null when neither a task nor a parent says to which runtime it belongs.
  engine* const home;
  const std::shared_ptr<context_state> parent;
  const time_point deadline;
  /// Stopless for backgrounds.
  std::stop_source stop{std::nostopstate};
  /// Nil where there is no home, or nothing can cancel.
  sender<unit> done_tx;
  receiver<unit> done_rx;

private:
  struct parent_cancelled {
    std::weak_ptr<context_state> child;
    void operator()() const {
      const auto self = child.lock();
      if (self != nullptr)
        self->cancel(self->parent->code(), self->parent->cause());
      // (the state, and this callback in it, may end here)
    }
  };

  static std::exception_ptr default_cause(errc why) {
    if (why == errc::timed_out)
      return std::make_exception_ptr(
        operation_timed_out{"the deadline of a context"});
    return std::make_exception_ptr(operation_cancelled{why, "a context"});
  }

  /// cancel() says why before it closes: who else closes is the runtime.
  errc was_stopped() const noexcept {
    const auto code = code_.load(std::memory_order_acquire);
    return code == errc{} ? errc::runtime_stopped : code;
  }

  std::mutex mutex_;
  /// Written once, before `code_`.
  std::exception_ptr cause_;
  std::atomic<errc> code_{};
  /// Last: it goes first, and waits for a callback that runs.
  std::optional<std::stop_callback<parent_cancelled>> from_parent_;
};

namespace {

engine* home_for(const std::shared_ptr<context_state>& parent) noexcept {
  auto* const here = current_engine();
  return here != nullptr || parent == nullptr ? here : parent->home;
}

engine& require_home(const std::shared_ptr<context_state>& parent,
                     const char* operation) {
  auto* const home = home_for(parent);
  return home != nullptr ? *home : require_current_engine(operation);
}

/// Cancels the context when its time has come; ends with the context.
task<> expire(receiver<unit> done, std::weak_ptr<context_state> which,
              time_point deadline, std::exception_ptr cause) {
  auto ended = co_await done.receive_until(deadline);
  if (!ended.timed_out())
    co_return;
  done = {};
  const auto state = which.lock();
  if (state != nullptr)
    state->cancel(errc::timed_out, std::move(cause));
}

void start_deadline(context_state& state, std::exception_ptr cause) {
  static const task_options options{.name = "context deadline"};
  start(*state.home,
        expire(state.done_rx, state.weak_from_this(), state.deadline,
               std::move(cause)),
        options.at, &options)
    .detach();
}

} // namespace

cancellable derive(const context_setup& setup) {
  const auto parent = context_state::of(setup.parent);
  const auto above = parent == nullptr ? time_point::max() : parent->deadline;
  const bool own_deadline = setup.deadline < above;
  auto* const home
    = own_deadline ? &require_home(parent, "with_deadline") : home_for(parent);
  auto state = std::make_shared<context_state>(
    home, parent, own_deadline ? setup.deadline : above);
  state->stop = std::stop_source{};
  if (home != nullptr) {
    auto ends = make_channel_in<unit>(*home, {.name = "context"});
    state->done_tx = std::move(ends.tx);
    state->done_rx = std::move(ends.rx);
  }
  state->follow_parent();
  if (own_deadline) {
    if (setup.deadline <= home->time.now())
      state->cancel(errc::timed_out, setup.deadline_cause);
    else if (state->code() == errc{})
      start_deadline(*state, setup.deadline_cause);
  }
  return {context_state::make(state), context_state::make_canceller(state)};
}

time_point context_now(const context& parent) {
  const auto* const home = home_for(context_state::of(parent));
  return home != nullptr ? home->time.now() : clock::steady().now();
}

} // namespace detail

// -- context ------------------------------------------------------------------

context context::background(const runtime& home) {
  return context{std::make_shared<detail::context_state>(
    &home.engine(), nullptr, time_point::max())};
}

receiver<unit> context::done() const {
  if (state_ == nullptr || !state_->can_end())
    return {};
  if (!state_->done_rx)
    throw_error(make_error_code(errc::wrong_thread),
                "context::done: this context was derived outside any runtime; "
                "derive it in a task or from context::background(runtime)");
  return state_->done_rx;
}

std::stop_token context::token() const noexcept {
  return state_ == nullptr ? std::stop_token{} : state_->stop.get_token();
}

std::error_code context::err() const noexcept {
  const auto code = state_ == nullptr ? errc{} : state_->code();
  return code == errc{} ? std::error_code{} : make_error_code(code);
}

std::exception_ptr context::cause() const {
  return state_ == nullptr ? nullptr : state_->cause();
}

void context::check() const {
  if (auto why = cause())
    std::rethrow_exception(std::move(why));
}

std::optional<time_point> context::deadline() const noexcept {
  if (state_ == nullptr || state_->deadline == time_point::max())
    return std::nullopt;
  return state_->deadline;
}

context without_cancel(const context& parent) {
  const auto above = detail::context_state::of(parent);
  if (above == nullptr)
    return {};
  return detail::context_state::make(std::make_shared<detail::context_state>(
    above->home, nullptr, time_point::max()));
}

// -- canceller ----------------------------------------------------------------

canceller& canceller::operator=(canceller&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr)
      cancel();
    state_ = std::move(other.state_);
  }
  return *this;
}

canceller::~canceller() {
  if (state_ != nullptr)
    cancel();
}

bool canceller::cancel() const {
  return cancel(std::exception_ptr{});
}

bool canceller::cancel(std::exception_ptr cause) const {
  return state_ != nullptr && state_->cancel(errc::cancelled, std::move(cause));
}

bool canceller::cancel(std::error_code cause) const {
  return cancel(std::make_exception_ptr(std::system_error{cause}));
}

bool canceller::cancel(const std::string& cause) const {
  return cancel(std::make_exception_ptr(std::runtime_error{cause}));
}

// -- after_func ---------------------------------------------------------------

struct after_func_handle::state {
  bool decide() noexcept {
    // acq_rel: whoever decides sees what the other side did before
    return !decided.exchange(true, std::memory_order_acq_rel);
  }

  /// Whether the function runs has been settled.
  std::atomic<bool> decided{false};
  /// Closed to end the task that waits.
  sender<unit> stopping;

  static task<> run(receiver<unit> done, receiver<unit> stop,
                    std::shared_ptr<state> self, task<> work) {
    auto chosen = co_await select(done, stop);
    // Only a cancelled context closes its channel with a cause.
    const bool cancelled
      = chosen.index() == 0
        && done.close_record().reason == close_reason::failed;
    done = {};
    if (!cancelled || !self->decide())
      co_return;
    co_await std::move(work);
  }
};

bool after_func_handle::stop() const noexcept {
  if (state_ == nullptr || !state_->decide())
    return false;
  if (state_->stopping)
    state_->stopping.close();
  return true;
}

after_func_handle after_func(const context& ctx, task<> work,
                             std::source_location at) {
  after_func_handle result;
  result.state_ = std::make_shared<after_func_handle::state>();
  auto done = ctx.done();
  if (!done)
    return result; // nothing will ever cancel it
  auto& home
    = detail::require_home(detail::context_state::of(ctx), "after_func");
  auto ends = detail::make_channel_in<unit>(home, {.name = "after_func"});
  result.state_->stopping = std::move(ends.tx);
  const task_options options{.name = "after_func", .at = at};
  detail::start(home,
                after_func_handle::state::run(std::move(done),
                                              std::move(ends.rx), result.state_,
                                              std::move(work)),
                at, &options)
    .detach();
  return result;
}

} // namespace levada
