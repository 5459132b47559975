// The application: it has an actor system of its own, with a policy of its own
// choice, and has never heard of levada.

#include <iostream>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include "word_count.hpp"

namespace {

constexpr auto text = "the water runs where the water is wanted";

/// An actor that gives texts to the library. It is spawned detached: add() may
/// wait, and that is for threads of one's own.
caf::behavior writer(caf::event_based_actor* self, word_count* to) {
  return {[self, to](int texts) {
    for (int i = 0; i < texts; ++i)
      to->add(text);
    self->quit();
  }};
}

void print(const char* what, const std::map<std::string, long>& counts) {
  std::cout << what << ':';
  for (const auto& [word, times] : counts)
    std::cout << ' ' << word << ' ' << times;
  std::cout << '\n';
}

} // namespace

int main() {
  caf::actor_system_config config;
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", 2);
  caf::actor_system system{config};

  word_count apart; // two runtimes in one process: threads of its own here,
  word_count among{system}; // the application's workers there
  for (int i = 0; i < 1000; ++i)
    apart.add(text);
  auto writing = system.spawn<caf::detached>(writer, &among);
  caf::scoped_actor self{system};
  self->send(writing, 500);
  self->wait_for(writing);
  print("apart", apart.finish());
  print("among the actors", among.finish());
}
