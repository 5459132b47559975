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

// [thread_select]
/// Takes from both until both have ended, or it is told to stop, or nothing has
/// come for a minute.
int count_both(levada::receiver<int> numbers, levada::receiver<char> letters,
               const std::stop_token& stop) {
  int count = 0;
  while (numbers || letters) {
    auto quiet = levada::after(std::chrono::minutes{1});
    auto chosen = levada::blocking_select(numbers, letters, stop, quiet);
    if (auto* number = chosen.from(numbers)) {
      count += *number ? 1 : 0;
      if (!*number)
        numbers = {}; // closed; a nil handle is never ready
    } else if (auto* letter = chosen.from(letters)) {
      count += *letter ? 1 : 0;
      if (!*letter)
        letters = {};
    } else {
      break;
    }
  }
  return count;
}
// [/thread_select]

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
  auto numbers = levada::make_channel<int>(rt, {.capacity = 4});
  auto letters = levada::make_channel<char>(rt, {.capacity = 4});
  for (int i = 0; i < 3; ++i) {
    (void)numbers.tx.try_send(i);
    (void)letters.tx.try_send('a');
  }
  numbers.tx.close();
  letters.tx.close();
  std::cout << count_both(numbers.rx, letters.rx, {}) << '\n';
  wait_as_an_actor(rt);
}
