// run_actor: a task that lives as long as a CAF actor. So actors are children of
// supervisors, too:
//
//   plan.child("printer", levada::run_actor, [&system = rt.system()] {
//     return caf::actor{system.spawn(printer)};
//   });
//
// Calls `spawn`, and waits until the actor it returns has ended.
//   ended normally, or by a user_shutdown   the task returns
//   ended otherwise                         it throws actor_failed
//   the task is cancelled                   it sends the actor an exit message
//      (user_shutdown), waits for its end, and throws operation_cancelled. An
//      actor that traps exits may take its time: see child_options::stop_timeout.
//   the runtime stops                       the same, without waiting: the actor
//                                           system does.
// Typed actors: return caf::actor_cast<caf::actor>(handle). Include <caf/all.hpp>
// or what you need of it; this header does not.
#pragma once

#include <functional>
#include <stdexcept>

#include <caf/fwd.hpp>

#include <levada/runtime/export.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

/// An actor ended for a reason that is none of the good ones; what() says which.
class LEVADA_API actor_failed : public std::runtime_error {
public:
  using std::runtime_error::runtime_error;
};

/// Throws what `spawn` throws, and channel_error(invalid_argument) when that
/// returns no actor.
LEVADA_API task<> run_actor(std::function<caf::actor()> spawn);

} // namespace levada
