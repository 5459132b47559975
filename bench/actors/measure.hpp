// What the measurements of actors share.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <vector>

#include <caf/all.hpp>

#include <levada/levada.hpp>

namespace bench_actors {

using steady = std::chrono::steady_clock;
using item = std::int64_t;

struct total {
  item sum = 0;
  item count = 0;
};

inline void check(item sum, item items) {
  if (sum == items * (items - 1) / 2)
    return;
  std::cerr << "bench_actors: items were lost\n";
  std::exit(1);
}

/// Nanoseconds an item, on the wall and of the processors.
struct figure {
  double wall;
  double cpu;
};

class stopwatch {
public:
  figure each(item items) const {
    const std::chrono::duration<double, std::nano> took
      = steady::now() - begin_;
    const auto cpu = static_cast<double>(std::clock() - cpu_) * 1e9
                     / static_cast<double>(CLOCKS_PER_SEC);
    return {took.count() / static_cast<double>(items),
            cpu / static_cast<double>(items)};
  }

private:
  steady::time_point begin_ = steady::now();
  std::clock_t cpu_ = std::clock();
};

inline figure median(const std::vector<figure>& figures) {
  const auto middle = [&](double figure::* part) {
    std::vector<double> all;
    for (const auto& each : figures)
      all.push_back(each.*part);
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
  };
  return {middle(&figure::wall), middle(&figure::cpu)};
}

inline levada::task<> channel_sender(levada::sender<item> out, item items) {
  for (item i = 0; i < items; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

/// Messages to a channel's address, beside requests to an actor.
void measure_messages(levada::runtime& rt, item items, int rounds);

} // namespace bench_actors
