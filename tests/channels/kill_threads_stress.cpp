// Threads whose waits are ended by their stop tokens at any moment: every item is
// somewhere, once, and no thread waits for ever.
#include <array>

#include <levada/channels/leasing.hpp>
#include <levada/channels/permit.hpp>
#include <levada/channels/select.hpp>
#include <levada/runtime/scope.hpp>

#include "kill_ledger.hpp"

using namespace levada_tests;

namespace {

constexpr std::size_t kills = 10'000;
constexpr std::size_t threads = 2;

using channel = levada::channel<int>;

bool received(ledger& all, levada::receive_result<int> got) {
  if (got)
    all.received(*got);
  return static_cast<bool>(got);
}

bool select_once(const channel& one, const channel& two, ledger& all,
                 const std::stop_token& dead) {
  const int item = all.make();
  auto out = one.tx();
  auto in = two.rx();
  auto chosen = levada::blocking_select(levada::sending(out, item), in, dead);
  if (chosen.index() == 0)
    return !stayed(all, chosen.get<0>());
  all.kept(item); // which has not happened
  return chosen.index() == 1 && received(all, std::move(chosen.get<1>()));
}

bool reserve_once(const channel& at, ledger& all, const std::stop_token& dead) {
  auto place = at.tx().blocking_reserve(dead);
  if (!place)
    return false;
  return !stayed(all, std::move(place).value().send(all.make()));
}

bool lease_once(const channel& at, ledger& all, const std::stop_token& dead) {
  auto got = at.rx().blocking_lease(dead);
  if (!got)
    return false;
  if (*got % 3 == 0 && got.delivery_count() < 3)
    return true; // back it goes
  const int item = *got;
  got.ack();
  all.received(item);
  return true;
}

bool receive_many(const channel& at, ledger& all, const std::stop_token& dead) {
  std::vector<int> items;
  const auto got = at.rx().blocking_receive_many(items, 3, dead);
  for (const int each : items)
    all.received(each);
  return static_cast<bool>(got);
}

/// One operation of some kind, until one of them is ended.
void live(std::mt19937& dice, const std::vector<channel>& channels, ledger& all,
          const std::stop_token& dead) {
  const auto kind = dice() % 9;
  const auto& one = channels[dice() % channels.size()];
  const auto& two = channels[dice() % channels.size()];
  const auto once = [&] {
    switch (kind) {
      case 0:
        return !stayed(all, one.tx().blocking_send(all.make(), dead));
      case 1:
        return !stayed(all, one.tx().blocking_send_for(all.make(), 1h, dead));
      case 2:
        return !stayed(all, one.tx().blocking_send_and_wait(all.make(), dead));
      case 3: // (a rendezvous has no places)
        return reserve_once(channels.back(), all, dead);
      case 4:
        return select_once(one, two, all, dead);
      case 5:
        return lease_once(one, all, dead);
      case 6:
        return receive_many(one, all, dead);
      default:
        return received(all, one.rx().blocking_receive(dead));
    }
  };
  while (!dead.stop_requested() && once()) {}
}

/// A thread that lives many times, each until its token is stopped.
struct victim {
  std::vector<std::stop_source> lives{kills / threads};
  std::atomic<std::size_t> life{0};
  std::jthread thread;

  void start(unsigned seed, const std::vector<channel>& channels, ledger& all) {
    thread = std::jthread{[this, seed, &channels, &all] {
      std::mt19937 dice{seed};
      for (const auto& each : lives) {
        live(dice, channels, all, each.get_token());
        ++life;
        life.notify_all();
      }
    }};
  }
};

} // namespace

TEST_CASE("threads stopped in any wait lose nothing and never wait for ever",
          "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  runtime rt{{.workers = 1}};
  ledger all{1 << 22};
  std::vector<channel> channels;
  for (const int capacity : {0, 1, 3})
    channels.push_back(make_channel<int>(rt, {.capacity = capacity}));
  // What tasks do beside them, in the other half of the meetings.
  levada::scope beside{rt};
  beside.spawn(sends_until, channels.front(), &all, beside.stop_token());
  beside.spawn(receives_until, channels.front(), &all, beside.stop_token());
  std::array<victim, threads> victims;
  for (auto& each : victims)
    each.start(static_cast<unsigned>(dice()), channels, all);
  for (std::size_t dead = 0; dead < kills;) {
    auto& chosen = victims[dice() % threads];
    const auto life = chosen.life.load();
    if (life == chosen.lives.size())
      continue;
    let_run(dice, 2'000);
    chosen.lives[life].request_stop();
    chosen.life.wait(life); // or it would wait for ever
    ++dead;
  }
  for (auto& each : victims)
    each.thread.join();
  beside.cancel();
  beside.blocking_join();
  for (const auto& each : channels)
    empty_deserted(each, all);
  CAPTURE(all.made(), all.received(), all.kept());
  CHECK(all.balanced());
  CHECK(all.received() > int{kills} / 10);
}
