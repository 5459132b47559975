// covers: U-25
// expect: the handler must be callable with an item
#include <string>

#include <caf/event_based_actor.hpp>

#include <levada/channels/on_receive.hpp>

void listen(caf::event_based_actor* self, levada::receiver<int> in) {
#ifdef MUST_FAIL
  levada::on_receive(self, std::move(in), [](const std::string&) {});
#else
  levada::on_receive(self, std::move(in), [](long) {});
#endif
}
