// Task actors: actors whose body is a coroutine with a mailbox.
//
//   levada::task<> counter(levada::task_actor self, int n) {
//     while (auto got = co_await self.receive(
//              [&](add_atom, int more) { n += more; },
//              [&](caf::get_atom) { return n; })) {
//     }
//   }
//   caf::actor c = levada::spawn_actor(rt, counter, 0);
//
// To everybody else it is a CAF actor: send, request, link, monitor, register.
// To its body it is a task with one more channel: the mailbox stands in `select`
// beside other channels, timers and stop tokens.
//
// Receiving  receive() handles the first message that one of the handlers takes.
//            The others stay, in order, for a later receive: as in Erlang, and in
//            CAF's blocking actors. serve() handles all there are, and refuses
//            what no handler takes, as an event-based actor does.
// Answering  What a handler returns is the answer; self.promise(), inside of one,
//            takes the duty away to answer later. A request that is let go is
//            answered with an error, so nobody waits in vain.
// Exiting    An exit message with a reason closes the mailbox (receive says closed,
//            the messages in it are refused) and requests stop_token(). The body
//            goes on until it returns: exit_reason() is what the others learn
//            then. `kill` also cancels every wait of the body. With trap_exit
//            exit messages are ordinary messages, except `kill`.
// Ending     The actor ends with its body: with `normal`, or the reason it was asked
//            to end for; an exception that leaves it makes that
//            exit_reason::unhandled_exception, with its text, which goes to links
//            and monitors (not to runtime_options::on_failure). A runtime that
//            stops ends it with user_shutdown.
// Lifetime   until the body returns: nobody's forgetting its address ends it. While
//            it lives somebody may send it a message, so that all tasks of its
//            runtime wait is not reported as a deadlock.
// Threads    `self` is for the body's task, the rest of CAF's for anybody.
// Cost       a message is one allocation more than for an event-based actor.
//
// Pulls in CAF's headers; not part of <levada/levada.hpp>.
#pragma once

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/skip.hpp>
#include <caf/typed_actor.hpp>
#include <caf/typed_behavior.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/channels/mailbox/task_actor_cell.hpp>

namespace levada {

/// Of receive and serve: a message was handled, or why none will be.
class [[nodiscard]] handled_result {
public:
  handled_result() noexcept = default;
  explicit handled_result(errc why) noexcept : why_(why) {
  }
  explicit operator bool() const noexcept {
    return why_ == errc{};
  }
  std::error_code error() const noexcept {
    return why_ == errc{} ? std::error_code{} : make_error_code(why_);
  }
  /// The actor was asked to end, or its runtime stops.
  bool closed() const noexcept {
    return why_ == errc::closed;
  }
  bool timed_out() const noexcept {
    return why_ == errc::timed_out;
  }
  bool cancelled() const noexcept {
    return why_ == errc::cancelled || why_ == errc::runtime_stopped;
  }

private:
  errc why_{};
};

namespace detail {

LEVADA_API task<handled_result> receive_one(caf::strong_actor_ptr self,
                                            caf::message_handler handlers,
                                            duration length);
LEVADA_API task<handled_result> serve_all(caf::strong_actor_ptr self,
                                          caf::message_handler handlers);

} // namespace detail

/// What a body knows of its actor. Copies are the same one.
class LEVADA_API task_actor {
public:
  explicit task_actor(caf::strong_actor_ptr self) noexcept
      : self_(std::move(self)) {
  }

  // -- messages ---------------------------------------------------------------

  /// `co_await self.receive(handlers...)` → handled_result. Waits for a message
  /// that a handler takes. Throws what the handler throws.
  template <class... Handlers>
  task<handled_result> receive(Handlers... handlers) const {
    return detail::receive_one(
      self_, caf::message_handler{std::move(handlers)...}, duration::max());
  }
  /// The same for at most `length`; zero or less: only what is there.
  template <class Rep, class Period, class... Handlers>
  task<handled_result> receive_for(std::chrono::duration<Rep, Period> length,
                                   Handlers... handlers) const {
    return detail::receive_one(
      self_, caf::message_handler{std::move(handlers)...}, to_duration(length));
  }
  /// `co_await self.serve(handlers...)`: handles every message until the mailbox
  /// is closed. A request that no handler takes is answered
  /// sec::unexpected_message; see actor_options::on_unexpected for the rest.
  template <class... Handlers>
  task<handled_result> serve(Handlers... handlers) const {
    return detail::serve_all(self_,
                             caf::message_handler{std::move(handlers)...});
  }

  /// The mailbox, to be received from and selected like any channel. Messages that
  /// receive() or keep() have put aside are not in it any more.
  const receiver<incoming>& mailbox() const noexcept {
    return cell().rx;
  }
  /// Puts a message aside for a later receive() or serve().
  void keep(incoming message) const {
    cell().kept.push_back(std::move(message));
  }
  /// Inside of a handler: takes over to answer later. What the handler returns
  /// then does not matter. Not pending outside of one.
  response_promise promise() const noexcept;

  /// Sends in the name of this actor.
  template <class Handle, class... Ts>
  void send(const Handle& to, Ts&&... values) const {
    if (auto* other = caf::actor_cast<caf::abstract_actor*>(to))
      other->eq_impl(caf::make_message_id(), self_, nullptr,
                     std::forward<Ts>(values)...);
  }

  // -- ending -----------------------------------------------------------------

  /// Requested when the actor is asked to end.
  std::stop_token stop_token() const noexcept {
    return cell().stop.get_token();
  }
  /// What it was asked to end for, and will end with; nothing while it was not.
  std::optional<caf::error> exit_reason() const {
    return cell().exit_reason();
  }
  /// As an exit message to oneself; the body then returns when it likes.
  void quit(const caf::error& why = {}) const {
    cell().ask_to_end(why);
  }
  /// Whether exit messages are messages.
  void trap_exit(bool yes) const noexcept {
    cell().trap_exit.store(yes, std::memory_order_relaxed);
  }

  // -- others -----------------------------------------------------------------

  /// Ends with the other, and the other with this one, unless one ends well.
  template <class Handle>
  void link_to(const Handle& other) const {
    cell().link_to(other);
  }
  template <class Handle>
  void unlink_from(const Handle& other) const {
    cell().unlink_from(other);
  }
  /// A caf::down_msg comes when the other has ended. Once per call.
  template <class Handle>
  void monitor(const Handle& other) const {
    cell().watch(caf::actor_cast<caf::strong_actor_ptr>(other));
  }
  template <class Handle>
  void demonitor(const Handle& other) const {
    cell().unwatch(caf::actor_cast<caf::strong_actor_ptr>(other));
  }

  /// This actor, to be told to others.
  caf::actor actor() const {
    return caf::actor_cast<caf::actor>(self_);
  }
  caf::actor_addr address() const noexcept {
    return cell().address();
  }
  caf::actor_system& system() const noexcept {
    return cell().home_system();
  }

protected:
  detail::task_actor_cell& cell() const noexcept {
    return detail::cell_of(self_);
  }
  const caf::strong_actor_ptr& self() const noexcept {
    return self_;
  }

private:
  caf::strong_actor_ptr self_;
};

/// The same for the body of a typed actor. serve() holds its handlers to the
/// interface, one for each message, as typed CAF actors do.
template <class Handle>
class typed_task_actor : public task_actor {
public:
  using task_actor::task_actor;

  template <class... Handlers>
  task<handled_result> serve(Handlers... handlers) const {
    typename Handle::behavior_type checked{std::move(handlers)...};
    return detail::serve_all(
      this->self(), caf::message_handler{checked.unbox().as_behavior_impl()});
  }

  Handle actor() const {
    return caf::actor_cast<Handle>(this->self());
  }
};

namespace detail {

template <class Handle>
struct self_of {
  using type = typed_task_actor<Handle>;
  static std::set<std::string> interface(caf::actor_system& system) {
    return system.message_types<Handle>();
  }
};
template <>
struct self_of<caf::actor> {
  using type = task_actor;
  static std::set<std::string> interface(caf::actor_system&) {
    return {};
  }
};

LEVADA_API caf::actor_system& system_of(engine& home) noexcept;

template <class Handle, class F, class... Args>
Handle spawn_actor_in(engine& home, const actor_options& options, F&& body,
                      Args&&... args) {
  using self_type = typename self_of<Handle>::type;
  static_assert(
    std::invocable<std::decay_t<F>&, self_type, std::decay_t<Args>...>,
    "spawn_actor: the body takes (levada::task_actor, args...); for a typed "
    "actor (levada::typed_task_actor<Handle>, args...)");
  static_assert(
    std::same_as<spawned_result<F, self_type, Args...>, task<>>,
    "spawn_actor: the body is a coroutine that returns levada::task<>");
  auto self = make_task_actor(home, options,
                              self_of<Handle>::interface(system_of(home)));
  start_task_actor(home, self,
                   make_task(std::forward<F>(body), self_type{self},
                             std::forward<Args>(args)...));
  return caf::actor_cast<Handle>(self);
}

} // namespace detail

/// Starts an actor in `home`: `spawn_actor(rt, body, args...)`, or of a typed
/// interface `spawn_actor<calculator>(rt, body, args...)`. `body(self, args...)`
/// runs as a task; callable and arguments live as long as it does. Throws
/// channel_error(runtime_stopped) once the runtime stops. Never waits.
template <class Handle = caf::actor, class F, class... Args>
Handle spawn_actor(const runtime& home, F&& body, Args&&... args)
  requires(!std::same_as<std::decay_t<F>, actor_options>)
{
  return detail::spawn_actor_in<Handle>(home.engine(), {.at = {}},
                                        std::forward<F>(body),
                                        std::forward<Args>(args)...);
}
template <class Handle = caf::actor, class F, class... Args>
Handle spawn_actor(const runtime& home, const actor_options& options, F&& body,
                   Args&&... args) {
  return detail::spawn_actor_in<Handle>(
    home.engine(), options, std::forward<F>(body), std::forward<Args>(args)...);
}
/// The same in the runtime of the task that calls it.
template <class Handle = caf::actor, class F, class... Args>
  requires std::invocable<std::decay_t<F>&,
                          typename detail::self_of<Handle>::type,
                          std::decay_t<Args>...>
Handle spawn_actor(F&& body, Args&&... args) {
  return detail::spawn_actor_in<Handle>(
    detail::require_current_engine("spawn_actor"), {.at = {}},
    std::forward<F>(body), std::forward<Args>(args)...);
}

} // namespace levada
