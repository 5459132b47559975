// covers: U-25
// expect: a blocking actor, a thread, uses rx.blocking_receive()
#include <caf/blocking_actor.hpp>
#include <caf/event_based_actor.hpp>

#include <levada/channels/on_receive.hpp>

#ifdef MUST_FAIL
using actor_type = caf::blocking_actor;
#else
using actor_type = caf::event_based_actor;
#endif

void listen(actor_type* self, levada::receiver<int> in) {
  levada::on_receive(self, std::move(in), [](int) {});
}
