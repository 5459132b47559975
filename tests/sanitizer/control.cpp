// Holds ThreadSanitizer to its promise: `control ordered` must be silent,
// `control racy` must be reported. Both go through an actor's mailbox, where a
// libcaf that is not instrumented makes it err on either side.
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

namespace {

int value = 0;
// Both relaxed: they say when, and order nothing.
/// True when main is out of request(), whose locks could order the rest.
std::atomic<bool> requested{false};
/// True when the actor has written.
std::atomic<bool> written{false};

void wait_for(const std::atomic<bool>& flag) {
  while (!flag.load(std::memory_order_relaxed))
    std::this_thread::yield();
}

caf::behavior writer(caf::event_based_actor*) {
  return {[](std::int32_t to_add) {
    wait_for(requested);
    value += to_add;
    written.store(true, std::memory_order_relaxed);
    return to_add;
  }};
}

} // namespace

int main(int argc, char** argv) {
  const bool racy = argc > 1 && std::strcmp(argv[1], "racy") == 0;
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto actor = system.spawn(writer);
  const caf::scoped_actor self{system};
  value = 1;
  auto answer = self->request(actor, caf::infinite, std::int32_t{1});
  requested.store(true, std::memory_order_relaxed);
  if (racy) {
    wait_for(written);
    value = 3;
  } else {
    answer.receive([](std::int32_t) { value = 3; }, [](caf::error&) {});
  }
  return value == 3 ? 0 : 1;
}
