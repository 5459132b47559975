// Tasks killed at any moment, in whatever they await: every item is somewhere,
// once, and nobody waits for ever.
#include <memory>

#include <levada/channels/broadcast.hpp>
#include <levada/channels/leasing.hpp>
#include <levada/channels/permit.hpp>
#include <levada/channels/select.hpp>
#include <levada/runtime/scope.hpp>

#include "kill_ledger.hpp"

using namespace levada_tests;

namespace {

constexpr int kills = 10'000;

using channel = levada::channel<int>;

task<> sends_in_time(channel at, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    auto sent = co_await at.tx().send_for(all->make(), 1h);
    if (stayed(*all, sent))
      co_return;
  }
}

task<> sends_and_waits(channel at, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    auto sent = co_await at.tx().send_and_wait(all->make());
    if (stayed(*all, sent))
      co_return;
  }
}

task<> sends_many(channel at, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    std::vector<int> items(5);
    for (auto& each : items)
      each = all->make();
    auto sent = co_await at.tx().send_many(items);
    if (sent)
      continue;
    for (const int each : sent.rest())
      all->kept(each);
    co_return;
  }
}

task<> reserves(channel at, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    auto place = co_await at.tx().reserve();
    if (!place)
      co_return;
    const int item = all->make();
    if (item % 4 == 0) {
      all->kept(item); // the place is dropped
      continue;
    }
    auto sent = std::move(place).value().send(item);
    if (stayed(*all, sent))
      co_return;
  }
}

task<> receives_in_time(channel at, ledger* all, std::stop_token dead) {
  while (auto got = co_await at.rx().receive_for(1h)) {
    all->received(*got);
    if (dead.stop_requested())
      co_return;
  }
}

task<> receives_many(channel at, ledger* all, std::stop_token dead) {
  std::vector<int> items;
  while (!dead.stop_requested()) {
    items.clear();
    auto got = co_await at.rx().receive_many(items, 4);
    for (const int each : items)
      all->received(each);
    if (!got)
      co_return;
  }
}

task<> leases(channel at, ledger* all, std::stop_token dead) {
  for (unsigned turn = 0; !dead.stop_requested(); ++turn) {
    auto got = co_await at.rx().lease();
    if (!got)
      co_return;
    if (turn % 3 == 0)
      co_await levada::yield(); // may end here, with its lease
    if (turn % 3 == 1)
      continue; // back it goes
    const int item = *got;
    got.ack();
    all->received(item);
  }
}

task<> waits_until_ready(channel at, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    bool ready = co_await at.rx().ready();
    if (!ready)
      co_return;
    if (auto got = at.rx().consume())
      all->received(*got);
  }
}

/// Takes from one and puts into the other.
task<> relays(channel from, channel to, ledger* all, std::stop_token dead) {
  while (auto got = co_await from.rx().receive()) {
    auto sent = co_await to.tx().send(*got);
    if (stayed(*all, sent) || dead.stop_requested())
      co_return;
  }
}

task<> selects(channel one, channel two, ledger* all, std::stop_token dead) {
  while (!dead.stop_requested()) {
    const int item = all->make();
    auto chosen = co_await levada::select(levada::sending(one.tx(), item),
                                          two.rx(), levada::after(1h));
    if (chosen.index() == 0) {
      auto& sent = chosen.get<0>();
      if (stayed(*all, sent))
        co_return;
      continue;
    }
    all->kept(item); // which has not happened
    if (chosen.cancelled())
      co_return;
    auto& got = chosen.get<1>();
    if (!got)
      co_return;
    all->received(*got);
  }
}

using levada::broadcast_receiver;
using levada::broadcast_sender;

task<> broadcasts(broadcast_sender<int> out, ledger* all,
                  std::stop_token dead) {
  while (!dead.stop_requested()) {
    auto sent = co_await out.send(all->make());
    if (stayed(*all, sent))
      co_return;
  }
}

task<> selects_broadcasts(broadcast_sender<int> out, ledger* all,
                          std::stop_token dead) {
  while (!dead.stop_requested()) {
    const int item = all->make();
    auto chosen = co_await levada::select(levada::sending(out, item), dead);
    if (chosen.index() != 0) {
      all->kept(item);
      co_return;
    }
    auto& sent = chosen.get<0>();
    if (stayed(*all, sent))
      co_return;
  }
}

task<> hears(broadcast_receiver<int> in, std::stop_token dead) {
  while (auto got = co_await in.receive())
    if (dead.stop_requested())
      co_return;
}

/// Hears everything.
task<> witnesses(broadcast_receiver<int> in, ledger* all) {
  while (auto got = co_await in.receive())
    all->received(*got);
}

/// One victim of some kind.
void spawn_victim(levada::scope& group, std::mt19937& dice,
                  const std::vector<channel>& channels, ledger* all) {
  const auto dead = group.stop_token();
  const auto one = [&] { return channels[dice() % channels.size()]; };
  switch (dice() % 13) {
    case 0:
      return void(group.spawn(sends_until, one(), all, dead));
    case 1:
      return void(group.spawn(sends_in_time, one(), all, dead));
    case 2:
      return void(group.spawn(sends_and_waits, one(), all, dead));
    case 3:
      return void(group.spawn(sends_many, one(), all, dead));
    case 4: // (a rendezvous has no places)
      return void(group.spawn(reserves, channels.back(), all, dead));
    case 5:
      return void(group.spawn(receives_in_time, one(), all, dead));
    case 6:
      return void(group.spawn(receives_many, one(), all, dead));
    case 7:
      return void(group.spawn(leases, one(), all, dead));
    case 8:
      return void(group.spawn(waits_until_ready, one(), all, dead));
    case 9:
      return void(group.spawn(relays, one(), one(), all, dead));
    case 10:
      return void(group.spawn(selects, one(), one(), all, dead));
    default: // (about as many take as give)
      return void(group.spawn(receives_until, one(), all, dead));
  }
}

} // namespace

TEST_CASE("tasks killed in any await lose nothing and leave nobody waiting",
          "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  runtime rt{{.workers = GENERATE(1U, 2U)}};
  ledger all{1 << 22};
  std::vector<channel> channels;
  for (const int capacity : {0, 0, 1, 3})
    channels.push_back(make_channel<int>(rt, {.capacity = capacity}));
  constexpr std::size_t each = 4;
  std::vector<std::unique_ptr<levada::scope>> groups(8);
  const auto kill = [](std::unique_ptr<levada::scope>& group) {
    if (!group)
      return;
    group->cancel();
    group->blocking_join();
    group.reset();
  };
  for (std::size_t dead = 0; dead < kills / 2; dead += each) {
    auto& group = groups[dice() % groups.size()];
    kill(group);
    group = std::make_unique<levada::scope>(rt);
    for (std::size_t i = 0; i < each; ++i)
      spawn_victim(*group, dice, channels, &all);
    let_run(dice, 2'000);
  }
  for (auto& group : groups)
    kill(group);
  for (const auto& each_channel : channels)
    empty_deserted(each_channel, all);
  CAPTURE(all.made(), all.received(), all.kept());
  CHECK(all.balanced());
  CHECK(all.received() > kills / 2);
}

TEST_CASE(
  "killing who broadcasts or hears one loses nothing for the others, and they "
  "go on",
  "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  runtime rt{{.workers = GENERATE(1U, 2U)}};
  ledger all{1 << 22};
  auto [tx, rx] = levada::make_broadcast<int>(
    rt, {.capacity = 4, .overflow = levada::overflow::wait});
  auto witness = rt.spawn(witnesses, std::move(rx), &all);
  const auto spawn_one = [&](levada::scope& where) {
    const auto dead = where.stop_token();
    switch (dice() % 4) {
      case 0:
        return void(where.spawn(broadcasts, tx, &all, dead));
      case 1:
        return void(where.spawn(selects_broadcasts, tx, &all, dead));
      case 2:
        return void(where.spawn(
          hears, tx.subscribe({.capacity = 1 + static_cast<int>(dice() % 3)}),
          dead));
      default:
        return void(where.spawn(
          hears,
          tx.subscribe({.capacity = 1 + static_cast<int>(dice() % 3),
                        .overflow = levada::overflow::wait}),
          dead));
    }
  };
  std::vector<std::unique_ptr<levada::scope>> living(8);
  const auto kill = [](std::unique_ptr<levada::scope>& one) {
    if (!one)
      return;
    one->cancel();
    one->blocking_join();
    one.reset();
  };
  for (int dead = 0; dead < kills / 2; ++dead) {
    auto& one = living[dice() % living.size()];
    kill(one);
    one = std::make_unique<levada::scope>(rt);
    spawn_one(*one);
    let_run(dice, 1'000);
  }
  for (auto& one : living)
    kill(one);
  // Only the witness hears now: who sends waits for none of the dead.
  CHECK(tx.receiver_count() == 1);
  for (int i = 0; i < 100; ++i) {
    auto sent = tx.blocking_send_for(all.make(), 30s);
    REQUIRE(sent);
  }
  CHECK(tx.info().waiting_senders == 0);
  tx.close();
  witness.blocking_join();
  CAPTURE(all.made(), all.received(), all.kept());
  CHECK(all.balanced());
  CHECK(all.received() > kills / 10);
}
