// Items to an actor through a channel, against messages from actor to actor.
//
//   bench_actors [ITEMS [ROUNDS]]
//
// In one process, on one runtime of two workers, the two take turns; the figures
// are the medians. The plain actor sends as fast as it can and its receiver's
// mailbox grows as it likes: nothing else bounds it. The channel's sender, a
// task, feels the actor's pace.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include <levada/channels/on_receive.hpp>
#include <levada/levada.hpp>

namespace {

using steady = std::chrono::steady_clock;
using item = std::int64_t;

struct total {
  item sum = 0;
  item count = 0;
};

void check(item sum, item items) {
  if (sum == items * (items - 1) / 2)
    return;
  std::cerr << "bench_actors: items were lost\n";
  std::exit(1);
}

caf::behavior plain_receiver(caf::stateful_actor<total>* self, item items,
                             levada::sender<item> done) {
  return {[=](item one) {
    self->state.sum += one;
    if (++self->state.count == items) {
      (void)done.try_send(self->state.sum);
      self->quit();
    }
  }};
}

/// A thousand at a time: between them its mailbox has its turn.
caf::behavior plain_sender(caf::stateful_actor<total>* self, caf::actor to,
                           item items) {
  self->send(self, caf::ok_atom::value);
  return {[=](caf::ok_atom) {
    auto& next = self->state.count;
    for (int i = 0; i < 1000 && next < items; ++i)
      self->send(to, next++);
    if (next < items)
      self->send(self, caf::ok_atom::value);
    else
      self->quit();
  }};
}

void channel_receiver(caf::stateful_actor<total>* self,
                      levada::receiver<item> in, levada::sender<item> done) {
  levada::on_receive(
    self, std::move(in), [self](item one) { self->state.sum += one; },
    [self, done] { (void)done.try_send(self->state.sum); });
}

levada::task<> channel_sender(levada::sender<item> out, item items) {
  for (item i = 0; i < items; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
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

figure measure_plain(levada::runtime& rt, item items) {
  auto [done, all] = levada::make_channel<item>(rt, {.capacity = 1});
  const stopwatch watch;
  auto to = rt.system().spawn(plain_receiver, items, done);
  rt.system().spawn(plain_sender, to, items);
  const auto sum = all.blocking_receive();
  const auto result = watch.each(items);
  check(*sum, items);
  return result;
}

figure measure_channel(levada::runtime& rt, item items, int capacity) {
  auto [done, all] = levada::make_channel<item>(rt, {.capacity = 1});
  auto [tx, rx] = levada::make_channel<item>(rt, {.capacity = capacity});
  const stopwatch watch;
  rt.system().spawn(channel_receiver, std::move(rx), done);
  rt.spawn(channel_sender, std::move(tx), items).detach();
  const auto sum = all.blocking_receive();
  const auto result = watch.each(items);
  check(*sum, items);
  return result;
}

figure median(const std::vector<figure>& figures) {
  const auto middle = [&](double figure::* part) {
    std::vector<double> all;
    for (const auto& each : figures)
      all.push_back(each.*part);
    std::sort(all.begin(), all.end());
    return all[all.size() / 2];
  };
  return {middle(&figure::wall), middle(&figure::cpu)};
}

} // namespace

int main(int argc, char** argv) {
  const item items = argc > 1 ? std::atoll(argv[1]) : 1'000'000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  const std::vector<int> capacities{0, 16, 64, 1024};
  levada::runtime rt{{.workers = 2}};
  std::vector<figure> plain;
  std::vector<std::vector<figure>> through(capacities.size());
  for (int i = 0; i < rounds; ++i) {
    plain.push_back(measure_plain(rt, items));
    for (std::size_t c = 0; c < capacities.size(); ++c)
      through[c].push_back(measure_channel(rt, items, capacities[c]));
  }
  const auto base = median(plain);
  std::cout << std::fixed << std::setprecision(1)
            << "actor to actor: " << base.wall << " ns an item, " << base.cpu
            << " ns of processors\n";
  for (std::size_t c = 0; c < capacities.size(); ++c) {
    const auto each = median(through[c]);
    std::cout << "channel to actor, capacity " << capacities[c] << ": "
              << each.wall << " ns an item, " << each.cpu
              << " ns of processors; " << base.wall / each.wall << " and "
              << base.cpu / each.cpu << " times as fast\n";
  }
}
