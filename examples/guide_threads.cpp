// Regions of docs/guide.md: threads, and actors, at the ends of channels.

#include <iostream>
#include <thread>

#include <caf/actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/system_messages.hpp>

#include <levada/levada.hpp>

namespace {

// [threads]
levada::task<> doubled(levada::receiver<int> in, levada::sender<int> out) {
  while (auto v = co_await in.receive()) {
    auto sent = co_await out.send(*v * 2);
    if (!sent)
      co_return;
  }
}

int sum_on_threads(levada::runtime& rt) {
  auto [in_tx, in_rx] = levada::make_channel<int>(rt, {.capacity = 4});
  auto [out_tx, out_rx] = levada::make_channel<int>(rt, {.capacity = 4});
  rt.spawn(doubled, std::move(in_rx), std::move(out_tx));
  std::jthread feeder{[tx = std::move(in_tx)] {
    for (int i = 1; i <= 100; ++i) {
      auto sent = tx.blocking_send(i);
      if (!sent)
        return;
    }
  }};
  int sum = 0;
  for (auto& v : out_rx.blocking()) // until closed and drained
    sum += v;
  return sum;
}
// [/threads]

// [actors]
// A channel is an actor: whoever monitors it is told when it is closed and
// drained.
void wait_as_an_actor(levada::runtime& rt) {
  auto [tx, rx] = levada::make_channel<int>(rt, {.name = "work"});
  caf::scoped_actor self{rt.system()};
  self->monitor(rx.as_actor());
  tx.close();
  self->receive([](const caf::down_msg& down) {
    std::cout << (down.reason ? "it failed" : "it ended well") << '\n';
  });
}
// [/actors]

} // namespace

int main() {
  levada::runtime rt;
  std::cout << sum_on_threads(rt) << '\n';
  wait_as_an_actor(rt);
}
