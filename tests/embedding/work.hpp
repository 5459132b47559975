// A little of everything: tasks, a channel between them, a timer, a thread, an
// actor's address.
#pragma once

#include <thread>
#include <utility>

#include <levada/levada.hpp>

namespace embedding {

inline levada::task<> numbers(levada::sender<int> out, int count) {
  for (int i = 1; i <= count; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

inline levada::task<> doubled(levada::receiver<int> in,
                              levada::sender<int> out) {
  const std::chrono::microseconds moment{50};
  co_await levada::sleep_for(moment);
  while (auto v = co_await in.receive()) {
    auto sent = co_await out.send(*v * 2);
    if (!sent)
      co_return;
  }
}

/// 2 * (1 + 2 + … + count), computed in `rt`.
inline int work(levada::runtime& rt, int count) {
  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 4});
  auto [out_tx, out_rx] = levada::make_channel<int>(rt, {.name = "doubled"});
  rt.spawn(numbers, std::move(tx), count);
  rt.spawn(doubled, std::move(rx), std::move(out_tx));
  int sum = 0;
  std::jthread adding{[&sum, in = std::move(out_rx)] {
    for (auto& v : in.blocking())
      sum += v;
  }};
  adding.join();
  return sum;
}

} // namespace embedding
