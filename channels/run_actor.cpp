#include <levada/channels/run_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/exit_reason.hpp>
#include <caf/send.hpp>

#include <levada/channels/channel.hpp>
#include <levada/runtime/firm_join.hpp>

namespace levada {

namespace {

task<> until_closed(receiver<caf::error> in) {
  auto ended = co_await in.receive();
  static_cast<void>(ended);
}

/// Waits in the name of a task that is cancelled.
task<> wait_firmly(receiver<caf::error> in) {
  join_handle<> waiting;
  try {
    waiting = spawn(until_closed, std::move(in));
  } catch (const operation_cancelled&) { // NOLINT(bugprone-empty-catch):
    // the runtime stops, and the actor's system waits for it
  }
  co_await detail::firm_join(waiting);
}

bool ended_well(const caf::error& why) {
  return !why || why == caf::exit_reason::user_shutdown;
}

} // namespace

task<> run_actor(std::function<caf::actor()> make) {
  auto actor = make();
  if (actor == nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                "run_actor: the function returned no actor");
  auto ends = make_channel<caf::error>(
    {.name = "end of an actor", .capacity = unbounded});
  // (called at once for an actor that has ended; it never waits)
  actor->attach_functor([out = std::move(ends.tx)](const caf::error& why) {
    static_cast<void>(out.try_send(why));
  });
  auto ended = co_await ends.rx.receive();
  if (!ended) {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    co_await wait_firmly(ends.rx);
    throw operation_cancelled(errc::cancelled, "run_actor");
  }
  if (!ended_well(*ended))
    throw actor_failed{"actor " + std::to_string(actor.id())
                       + " ended: " + actor.home_system().render(*ended)};
}

} // namespace levada
