// Channels killed as the actors they are, whoever uses them at that moment: every
// item is received, handed back or a dead letter, and everybody goes on.
#include <levada/channels/actor_send.hpp>
#include <levada/channels/caf_messages.hpp>
#include <levada/channels/request.hpp>
#include <levada/channels/select.hpp>

#include "../channels/kill_ledger.hpp"
#include "actor_support.hpp"

using namespace levada_tests;

namespace {

constexpr int kills = 10'000;

using caf::event_based_actor;
using caf::exit_reason;
using channel = levada::channel<int>;

task<> sends(channel at, ledger* all) {
  for (;;) {
    const int item = all->make();
    auto sent = co_await at.tx().send(item);
    if (sent)
      continue;
    all->kept(sent.take());
    co_return;
  }
}

task<> selects(channel at, ledger* all) {
  for (;;) {
    const int item = all->make();
    auto chosen = co_await levada::select(levada::sending(at.tx(), item),
                                          levada::after(1h));
    auto& sent = chosen.get<0>();
    if (sent)
      continue;
    all->kept(sent.take());
    co_return;
  }
}

task<> receives(channel at, ledger* all) {
  while (auto got = co_await at.rx().receive())
    all->received(*got);
}

/// By messages: gets until it is told that nothing comes.
task<> gets(levada::caf_channel<int> from, ledger* all) {
  for (;;) {
    auto got = co_await levada::request(from, 1h, levada::get_atom::value);
    if (!got)
      co_return;
    all->received(*got);
  }
}

void listens(event_based_actor* self, channel at, ledger* all) {
  on_receive(self, at.rx(), [all](int item) { all->received(item); }, {},
             {.credit = 4});
}

/// Has one item under way, again and again.
void sends_on(event_based_actor* self, const channel& at, ledger* all) {
  const int item = all->make();
  levada::send(self, at.tx(), item)
    .then([=] { sends_on(self, at, all); },
          [=](const std::error_code&, int) { all->kept(item); });
}

} // namespace

TEST_CASE(
  "channels killed under those who use them lose nothing, and let everybody go",
  "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  runtime rt{{.workers = 2}};
  ledger all{1 << 22};
  std::vector<levada::channel_stats> unbalanced;
  for (int dead = 0; dead < kills; ++dead) {
    channel at = make_channel<int>(
      rt, {.capacity = static_cast<int>(dice() % 4),
           .on_dead_letter = [&all](int&& item, levada::dead_letter_reason) {
             all.kept(item);
           }});
    std::vector<levada::join_handle<>> tasks;
    std::vector<caf::actor> actors;
    for (int i = 0; i < 3; ++i)
      switch (dice() % 6) {
        case 0:
          tasks.push_back(rt.spawn(sends, at, &all));
          break;
        case 1:
          tasks.push_back(rt.spawn(selects, at, &all));
          break;
        case 2:
          tasks.push_back(rt.spawn(receives, at, &all));
          break;
        case 3:
          tasks.push_back(rt.spawn(gets, levada::speak_caf(at), &all));
          break;
        case 4:
          actors.push_back(rt.system().spawn(listens, at, &all));
          break;
        default:
          actors.push_back(
            rt.system().spawn([](event_based_actor* self, channel to,
                                 ledger* in) { sends_on(self, to, in); },
                              at, &all));
      }
    let_run(dice, 1'000);
    caf::anon_send_exit(at.tx().as_actor(), exit_reason::kill);
    for (auto& each : tasks)
      each.blocking_join();
    for (const auto& each : actors)
      REQUIRE(end_of(rt.system(), each) != "it did not end");
    // (what an exit message drops is dropped by a job)
    until([&] { return at.stats().buffered == 0; });
    const auto stats = at.stats();
    if (!conserved(stats) || stats.waiting != 0)
      unbalanced.push_back(stats);
  }
  CHECK(unbalanced.empty());
  CAPTURE(all.made(), all.received(), all.kept());
  CHECK(all.balanced());
  CHECK(all.received() > kills / 10);
}
