// The hot paths whose instructions are counted: see bench/budget.py.
//
//   bench_budget PATH ITEMS
//
// One worker, no clock, nothing random: the same path with the same number of
// items is the same instructions, and from two numbers of items what one item
// costs follows, whatever starting and stopping cost.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

#include <levada/channels/broadcast.hpp>
#include <levada/channels/channel.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/spawn.hpp>

namespace {

using number = std::uint64_t;

template <class Out>
levada::task<> produce(Out out, number count) {
  for (number i = 1; i <= count; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
  }
}

template <class In>
levada::task<number> consume(In in) {
  number sum = 0;
  while (auto item = co_await in.receive())
    sum += *item;
  co_return sum;
}

/// From task to task through one channel; an item is one value.
levada::task<number> stream(number items, std::size_t capacity) {
  auto [tx, rx] = levada::make_channel<number>({.capacity = capacity});
  levada::spawn(produce<levada::sender<number>>, std::move(tx), items);
  co_return co_await consume(std::move(rx));
}

levada::task<number> spsc_buffered(number items) {
  co_return co_await stream(items, 128);
}

levada::task<number> rendezvous(number items) {
  co_return co_await stream(items, 0);
}

levada::task<> echo(levada::receiver<number> in, levada::sender<number> out) {
  while (auto item = co_await in.receive()) {
    auto sent = co_await out.send(*item);
    if (!sent)
      break;
  }
}

/// There and back are two items.
levada::task<number> ping_pong(number items) {
  number sum = 0;
  auto there = levada::make_channel<number>({.capacity = 1});
  auto back = levada::make_channel<number>({.capacity = 1});
  levada::spawn(echo, std::move(there.rx), std::move(back.tx));
  for (number i = 1; i <= items; i += 2) {
    auto sent = co_await there.tx.send(i);
    auto answer = co_await back.rx.receive();
    if (!sent || !answer)
      break;
    sum += *answer + i + 1;
  }
  co_return sum;
}

/// Eight channels in turn, eight producers; an item is one event of the set,
/// and its send.
levada::task<number> select_set(number items) {
  constexpr number width = 8;
  number sum = 0;
  levada::select_set set;
  std::vector<levada::select_key<number>> keys;
  for (number i = 0; i < width; ++i) {
    auto [tx, rx] = levada::make_channel<number>({.capacity = 16});
    levada::spawn(produce<levada::sender<number>>, std::move(tx),
                  items / width);
    keys.push_back(set.add(rx));
  }
  while (auto event = co_await set.next()) {
    const auto& item = *event.from(keys[event.index() - 1]);
    if (item)
      sum += *item;
  }
  co_return sum;
}

/// One item to four receivers that are waited for is four items.
levada::task<number> broadcast(number items) {
  constexpr number receivers = 4;
  auto [tx, rx] = levada::make_broadcast<number>(
    {.capacity = 128, .overflow = levada::overflow::wait});
  std::vector<levada::join_handle<number>> consuming;
  for (number i = 1; i < receivers; ++i)
    consuming.push_back(levada::spawn(
      consume<levada::broadcast_receiver<number>>, tx.subscribe()));
  consuming.push_back(
    levada::spawn(consume<levada::broadcast_receiver<number>>, std::move(rx)));
  levada::spawn(produce<levada::broadcast_sender<number>>, std::move(tx),
                items / receivers);
  number sum = 0;
  for (auto& each : consuming) {
    auto answer = co_await each.join();
    sum += answer;
  }
  co_return sum;
}

levada::task<number> give_back(number what) {
  co_return what;
}

/// A task is spawned, runs, and is joined.
levada::task<number> spawn(number items) {
  number sum = 0;
  for (number i = 1; i <= items; ++i) {
    auto handle = levada::spawn(give_back, i);
    auto answer = co_await handle.join();
    sum += answer;
  }
  co_return sum;
}

struct path {
  std::string_view name;
  levada::task<number> (*run)(number items);
  /// What the results of so many items add up to.
  number (*wanted)(number items);
};

constexpr number sum_to(number n) {
  return n * (n + 1) / 2;
}

constexpr path paths[] = {
  {"spsc_buffered", spsc_buffered, sum_to},
  {"rendezvous", rendezvous, sum_to},
  {"ping_pong", ping_pong, sum_to},
  {"select_set", select_set, [](number n) { return 8 * sum_to(n / 8); }},
  {"broadcast", broadcast, [](number n) { return 4 * sum_to(n / 4); }},
  {"spawn", spawn, sum_to},
};

} // namespace

int main(int argc, char** argv) {
  const std::string_view asked = argc == 3 ? argv[1] : "";
  for (const auto& each : paths) {
    if (each.name != asked)
      continue;
    const number items = std::strtoull(argv[2], nullptr, 10);
    levada::runtime rt{{.workers = 1}};
    const auto found = rt.block_on(each.run(items));
    if (found == each.wanted(items))
      return 0;
    std::cerr << "bench_budget: wrong sum\n";
    return 1;
  }
  std::cerr << "usage: bench_budget PATH ITEMS\npaths:";
  for (const auto& each : paths)
    std::cerr << ' ' << each.name;
  std::cerr << '\n';
  return 2;
}
