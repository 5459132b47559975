// Items to an actor through a channel, against messages from actor to actor.
//
//   bench_actors [ITEMS [ROUNDS]]
//
// In one process, on one runtime of two workers, the two take turns; the figures
// are the medians. The plain actor sends as fast as it can and its receiver's
// mailbox grows as it likes: nothing else bounds it. The channel's sender, a
// task, feels the actor's pace. Then messages to channels: see messages.cpp.

#include <cstdint>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <vector>

#include <levada/channels/on_receive.hpp>

#include "measure.hpp"

using namespace bench_actors;

namespace {

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
  measure_messages(rt, items / 4, rounds);
}
