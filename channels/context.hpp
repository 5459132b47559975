// context: when to give up, handed down a tree of calls. Go's, in C++.
//
//   auto [ctx, cancel] = levada::with_timeout(parent, 2s);
//   children.spawn(fetch, ctx, url);
//   ...
//   auto chosen = co_await levada::select(rx, ctx.done());
//   auto got = co_await rx.receive(ctx.token());
//
// A context is cancelled once, by its canceller, by its deadline, or because its
// parent was. From then on err() says which of them, cause() why, done() is
// closed, token() stopped, and so is every context derived from it.
//
// Invariants
//  - err() and cause() are set before done() closes and token() stops; a child
//    that its parent cancelled has the parent's err() and cause().
//  - A child is known to its parent by a stop callback inside of the child: what
//    is dropped is forgotten, and deriving costs the parent nothing.
//  - No lock is held while a channel closes or a callback runs.
//
// A deadline is a task that waits for it, by its runtime's clock; there is no
// thread per context. The contexts hold no runtime alive: when that stops,
// done() closes and err() says runtime_stopped.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include <levada/channels/channel.hpp>

namespace levada {

class context;
class canceller;

namespace detail {
class context_state;

/// What a context is derived from, and with.
struct context_setup {
  const context& parent;
  time_point deadline = time_point::max();
  std::exception_ptr deadline_cause = nullptr;
};
} // namespace detail

/// A handle of one context; copies are the same one. Threads: any, as an int.
class LEVADA_API context {
public:
  /// The background: never cancelled.
  context() noexcept = default;

  /// The background of `home`, to derive from on any thread, but not once that
  /// runtime has gone.
  static context background(const runtime& home);
  static context background() noexcept {
    return {};
  }

  /// Closed when the context is cancelled, with cause() as its cause; nothing
  /// is ever sent. Nil, and so never ready, where nothing can cancel. The same
  /// channel each time. Does not keep the context: closes when that goes, too.
  /// Throws channel_error(wrong_thread) outside any runtime.
  receiver<unit> done() const;

  /// For every operation that takes one. Not stoppable where nothing can
  /// cancel.
  std::stop_token token() const noexcept;

  /// Why it was cancelled: errc::cancelled, errc::timed_out for a deadline,
  /// errc::runtime_stopped; empty while it was not.
  std::error_code err() const noexcept;
  bool cancelled() const noexcept {
    return static_cast<bool>(err());
  }

  /// What cancel(cause) was given, here or further up; else the exception that
  /// belongs to err(); null while it was not cancelled.
  std::exception_ptr cause() const;

  /// Throws cause(), if it was cancelled.
  void check() const;

  /// The first of its own and its parents'; none for "no deadline".
  std::optional<time_point> deadline() const noexcept;

  friend bool operator==(const context&, const context&) noexcept = default;

private:
  friend class detail::context_state;

  explicit context(std::shared_ptr<detail::context_state> state) noexcept
      : state_(std::move(state)) {
  }

  /// Null: the background.
  std::shared_ptr<detail::context_state> state_;
};

/// Cancels one context: when told to, and at the latest when it goes, as Go's
/// `defer cancel()`. Movable.
class LEVADA_API [[nodiscard("it cancels when it goes")]] canceller {
public:
  canceller() noexcept = default;
  canceller(canceller&& other) noexcept = default;
  canceller& operator=(canceller&& other) noexcept;
  ~canceller();

  /// True when the context was not cancelled before. Runs what stop callbacks
  /// there are.
  bool cancel() const;
  bool cancel(std::exception_ptr cause) const;
  bool cancel(std::error_code cause) const;
  bool cancel(const std::string& cause) const;

  /// Go's way to write it: `cancel();`.
  template <class... Cause>
  bool operator()(Cause&&... cause) const {
    return cancel(std::forward<Cause>(cause)...);
  }

  /// Lets the context live on until its deadline, or its parent's end.
  void detach() noexcept {
    state_.reset();
  }

private:
  friend class detail::context_state;
  explicit canceller(std::shared_ptr<detail::context_state> state) noexcept
      : state_(std::move(state)) {
  }

  std::shared_ptr<detail::context_state> state_;
};

/// What with_… returns: `auto [ctx, cancel] = …`.
struct [[nodiscard]] cancellable {
  context ctx;
  canceller cancel;
};

namespace detail {
LEVADA_API cancellable derive(const context_setup& setup);
LEVADA_API time_point context_now(const context& parent);
} // namespace detail

/// A context that can be cancelled, and is when `parent` is. It belongs to the
/// runtime of the task that derives it, outside of tasks to its parent's; where
/// there is neither, done() and deadlines throw channel_error(wrong_thread).
/// Cost: two allocations, one of them the channel; a deadline also costs a task.
inline cancellable with_cancel(const context& parent) {
  return detail::derive({parent});
}
/// The same: every canceller takes a cause.
inline cancellable with_cancel_cause(const context& parent) {
  return detail::derive({parent});
}

/// A context that is cancelled (errc::timed_out, and `cause` if given) when
/// `deadline` has come by its runtime's clock. A parent's that is earlier
/// counts.
inline cancellable with_deadline(const context& parent, time_point deadline,
                                 std::exception_ptr cause = nullptr) {
  return detail::derive({parent, deadline, std::move(cause)});
}
/// The same, from now. Zero or less: cancelled at once.
template <class Rep, class Period>
cancellable with_timeout(const context& parent,
                         std::chrono::duration<Rep, Period> length,
                         std::exception_ptr cause = nullptr) {
  return with_deadline(
    parent, saturating_add(detail::context_now(parent), to_duration(length)),
    std::move(cause));
}

/// A background of the same runtime: what goes on when `parent` is cancelled.
LEVADA_API context without_cancel(const context& parent);

/// What after_func returns.
class LEVADA_API after_func_handle {
public:
  /// Keeps the function from being called: true when that was still possible,
  /// false when it has started, or was stopped before. Does not wait for it.
  bool stop() const noexcept;

private:
  friend after_func_handle after_func(const context&, task<>,
                                      std::source_location);
  struct state;
  std::shared_ptr<state> state_;
};

/// Runs `work` as a task once the context is cancelled; at once if it was. A
/// handle that goes does not stop it. When the context or the runtime goes
/// first, it never runs.
LEVADA_API after_func_handle after_func(const context& ctx, task<> work,
                                        std::source_location at
                                        = std::source_location::current());

template <class F>
  requires std::invocable<std::decay_t<F>&>
after_func_handle after_func(const context& ctx, F&& call,
                             std::source_location at
                             = std::source_location::current()) {
  return after_func(ctx, detail::make_task(std::forward<F>(call)), at);
}

} // namespace levada
