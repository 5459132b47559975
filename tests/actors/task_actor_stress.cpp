// Task actors killed at any moment, in whatever they await: every item is
// somewhere, once, who asked is answered, and nobody waits for ever.
#include <caf/all.hpp>

#include <levada/channels/request.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/task_actor.hpp>

#include "../channels/kill_ledger.hpp"
#include "support.hpp"

using namespace levada_tests;
using levada::task_actor;

namespace {

constexpr int kills = 10'000;

using channel = levada::channel<int>;
using caf::exit_reason;
using caf::get_atom;

/// What the victims work with.
struct place {
  channel one;
  channel two;
  ledger* all;
  caf::actor oracle;
};

task<> receives(task_actor self, place at) {
  const auto stop = self.stop_token();
  while (auto got = co_await at.one.rx().receive(stop))
    at.all->received(*got);
}

task<> sends(task_actor self, place at) {
  const auto stop = self.stop_token();
  for (;;) {
    auto sent = co_await at.one.tx().send(at.all->make(), stop);
    if (!sent) {
      at.all->kept(sent.take());
      co_return;
    }
  }
}

task<> relays(task_actor self, place at) {
  const auto stop = self.stop_token();
  while (auto got = co_await at.one.rx().receive(stop)) {
    auto sent = co_await at.two.tx().send_and_wait(*got, stop);
    if (!sent) {
      at.all->kept(sent.take());
      co_return;
    }
  }
}

/// Mailbox, channels, timer and stop in one select.
task<> selects(task_actor self, place at) {
  const auto stop = self.stop_token();
  bool lives = true;
  while (lives) {
    const int item = at.all->make();
    auto chosen = co_await levada::select(self.mailbox(), at.one.rx(),
                                          levada::sending(at.two.tx(), item),
                                          levada::after(1h), stop);
    if (chosen.index() == 2) {
      if (auto& sent = chosen.get<2>(); !sent) {
        at.all->kept(sent.take());
        lives = false;
      }
      continue;
    }
    at.all->kept(item); // which has not happened
    if (chosen.index() == 0) {
      auto& message = chosen.get<0>();
      lives = message && message->handle([](get_atom) { return 1; });
    } else if (chosen.index() == 1) {
      auto& got = chosen.get<1>();
      if (got)
        at.all->received(*got);
      lives = static_cast<bool>(got);
    } else {
      lives = false;
    }
  }
}

task<> serves(task_actor self, place) {
  auto served = co_await self.serve([](get_atom) { return 1; });
  (void)served;
}

task<> receives_messages(task_actor self, place) {
  while (auto got = co_await self.receive([](get_atom) { return 1; })) {}
}

task<> asks(task_actor self, place at) {
  for (;;) {
    auto answer = co_await levada::request<int>(at.oracle, 1h, get_atom::value);
    if (!answer || self.exit_reason())
      co_return;
  }
}

task<> sleeps(task_actor, place) {
  co_await levada::sleep_for(1h);
}

caf::actor spawn_victim(runtime& rt, unsigned kind, const place& at) {
  switch (kind) {
    case 0:
      return levada::spawn_actor(rt, receives, at);
    case 1:
      return levada::spawn_actor(rt, sends, at);
    case 2:
      return levada::spawn_actor(rt, relays, at);
    case 3:
      return levada::spawn_actor(rt, selects, at);
    case 4:
      return levada::spawn_actor(rt, serves, at);
    case 5:
      return levada::spawn_actor(rt, receives_messages, at);
    case 6:
      return levada::spawn_actor(rt, asks, at);
    default:
      return levada::spawn_actor(rt, sleeps, at);
  }
}

/// Asks one that dies: it is answered by it, or in its name.
task<bool> asks_victim(caf::actor whom) {
  auto answer = co_await levada::request<int>(whom, 1h, get_atom::value);
  co_return answer || answer.receiver_down();
}

task<> answers(task_actor self) {
  auto served = co_await self.serve([](get_atom) { return 42; });
  (void)served;
}

} // namespace

TEST_CASE(
  "task actors killed in any await lose nothing, and who asks them is "
  "answered",
  "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  runtime rt{{.workers = 2}};
  ledger all{1 << 22};
  const auto make = [&](int capacity) {
    return make_channel<int>(rt, {.capacity = capacity});
  };
  std::vector<channel> channels;
  for (const int capacity : {0, 1, 3})
    channels.push_back(make(capacity));
  const auto oracle = levada::spawn_actor(rt, answers);
  caf::scoped_actor self{rt.system()};
  struct life {
    caf::actor who;
    levada::join_handle<bool> asked;
  };
  std::vector<life> living(6);
  int answered = 0;
  int asked = 0;
  const auto kill = [&](life& one) {
    if (!one.who)
      return;
    self->monitor(one.who);
    // Who sleeps, or listens to its channel alone, is told to go in this way only.
    if (dice() % 2 == 0)
      caf::anon_send_exit(one.who, exit_reason::user_shutdown);
    caf::anon_send_exit(one.who, exit_reason::kill);
    one.who = nullptr;
    (void)down(self);
    if (!one.asked)
      return;
    ++asked;
    answered += one.asked.blocking_join();
  };
  for (int dead = 0; dead < kills; ++dead) {
    auto& one = living[dice() % living.size()];
    kill(one);
    const place at{channels[dice() % channels.size()],
                   channels[dice() % channels.size()], &all, oracle};
    one.who = spawn_victim(rt, dice() % 8, at);
    if (dice() % 2 == 0)
      one.asked = rt.spawn(asks_victim, one.who);
    let_run(dice, 1'000);
  }
  for (auto& one : living)
    kill(one);
  caf::anon_send_exit(oracle, exit_reason::user_shutdown);
  self->monitor(oracle);
  (void)down(self);
  CHECK(answered == asked);
  for (const auto& each : channels)
    empty_deserted(each, all);
  CAPTURE(all.made(), all.received(), all.kept());
  CHECK(all.balanced());
  CHECK(all.received() > kills / 10);
}
