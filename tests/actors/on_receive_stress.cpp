// Actors that receive or send, killed at any moment: nothing is lost, nothing
// comes twice, nobody waits for ever.
#include <algorithm>
#include <climits>
#include <optional>
#include <random>
#include <stdexcept>

#include <levada/channels/actor_send.hpp>
#include <levada/channels/broadcast.hpp>

#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;
using caf::exit_reason;

constexpr int victims = 5000;

/// A runtime of its own, or one in a system with CAF's own scheduler.
class home {
public:
  home(bool borrows, std::size_t workers) {
    if (!borrows) {
      rt_.emplace(levada::runtime_options{.workers = workers});
      return;
    }
    config_.set("scheduler.max-threads", workers);
    system_.emplace(config_);
    rt_.emplace(*system_);
  }
  runtime& rt() {
    return *rt_;
  }

private:
  caf::actor_system_config config_;
  std::optional<caf::actor_system> system_;
  std::optional<runtime> rt_;
};

/// How a victim ends by itself, after so many items.
struct fate {
  int items;
  enum { quits, throws, cancels, is_killed } how;
};

/// Any of these ends, after at most so many items.
fate draw_fate(std::mt19937& dice, unsigned most) {
  return {1 + static_cast<int>(dice() % most),
          static_cast<decltype(fate::how)>(dice() % 4)};
}

struct tally {
  /// How often each has come; empty when their order tells.
  std::vector<std::atomic<int>> seen;
  std::atomic<int> count{0};
  std::atomic<int> disorder{0};
  std::atomic<int> last{-1};

  explicit tally(int items) : seen(static_cast<std::size_t>(items)) {
  }
  void note(int item) {
    if (!seen.empty())
      ++seen[static_cast<std::size_t>(item)];
    ++count;
    if (last.exchange(item) >= item)
      ++disorder;
  }
};

template <class Receiver>
void victim(event_based_actor* self, const Receiver& in, tally* to, fate mine,
            std::uint32_t credit) {
  self->set_exception_handler([](std::exception_ptr&) -> caf::error {
    return exit_reason::user_shutdown;
  });
  auto listening = std::make_shared<subscription>();
  auto left = std::make_shared<int>(mine.items);
  *listening = on_receive(self, in,
                          [=](int n) {
                            to->note(n);
                            if (--*left > 0)
                              return;
                            if (mine.how == fate::quits)
                              self->quit();
                            else if (mine.how == fate::throws)
                              throw std::runtime_error("a victim's fate");
                            else if (mine.how == fate::cancels)
                              listening->cancel();
                          },
                          {}, {.credit = credit});
}

/// Some microseconds, without giving up the processor.
void spend(std::mt19937& dice, unsigned most) {
  std::atomic<unsigned> turns{1 + static_cast<unsigned>(dice() % most)};
  while (turns.fetch_sub(1) > 1)
    ;
}

} // namespace

TEST_CASE(
  "actors that die one after the other receive every item once, in "
  "order (U-25)",
  "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  home where{GENERATE(false, true), 2};
  auto& rt = where.rt();
  for (const int capacity : {0, 1, 5, 64}) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
    tally all{0};
    auto sending = rt.spawn(send_numbers, tx, 0, INT_MAX);
    for (int i = 0; i < victims / 4; ++i) {
      const auto mine = draw_fate(dice, 40);
      const auto who = rt.system().spawn(victim<receiver<int>>, rx, &all, mine,
                                         1 + std::uint32_t(dice() % 20));
      if (mine.how == fate::is_killed) {
        spend(dice, 10000);
        caf::anon_send_exit(who, dice() % 2 == 0 ? exit_reason::kill
                                                 : exit_reason::user_shutdown);
      }
      CAPTURE(i, mine.items, int(mine.how), all.count.load());
      REQUIRE(end_of(rt.system(), who) != "it did not end");
    }
    tx.close();
    const auto went = sending.blocking_join();
    while (auto left = rx.try_receive())
      all.note(*left);
    CHECK(all.disorder == 0);
    CHECK(all.count == went);
    const auto stats = tx.stats();
    CHECK(conserved(stats));
    CHECK(stats.received == static_cast<std::uint64_t>(went));
    CHECK(tx.info().waiting_receivers == 0);
    CHECK(tx.info().receiver_handles == 1);
  }
}

TEST_CASE("actors that die side by side receive every item once (U-25)",
          "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  home where{GENERATE(false, true), 3};
  auto& rt = where.rt();
  for (const int capacity : {0, 3}) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
    constexpr int items = 1 << 22;
    tally all{items};
    auto sending = rt.spawn(send_numbers, tx, 0, items);
    auto beside = rt.spawn(
      [](receiver<int> in, tally* to) -> task<> {
        while (auto got = co_await in.receive()) {
          to->note(*got);
          co_await levada::yield();
        }
      },
      rx, &all);
    std::vector<caf::actor> living;
    for (int i = 0; i < victims / 2; ++i) {
      const auto mine = draw_fate(dice, 60);
      living.push_back(rt.system().spawn(victim<receiver<int>>, rx, &all, mine,
                                         1 + std::uint32_t(dice() % 8)));
      if (living.size() < 4)
        continue;
      const auto chosen = dice() % living.size();
      caf::anon_send_exit(living[chosen], exit_reason::kill);
      REQUIRE(end_of(rt.system(), living[chosen]) != "it did not end");
      living.erase(living.begin() + static_cast<std::ptrdiff_t>(chosen));
    }
    for (const auto& each : living) {
      caf::anon_send_exit(each, exit_reason::kill);
      REQUIRE(end_of(rt.system(), each) != "it did not end");
    }
    tx.close();
    const auto went = sending.blocking_join();
    beside.blocking_join();
    // handed back after the one beside had learnt of the end
    while (auto left = rx.try_receive())
      all.note(*left);
    CHECK(all.count == went);
    CHECK(std::all_of(all.seen.begin(), all.seen.begin() + went,
                      [](const auto& times) { return times == 1; }));
    CHECK(conserved(tx.stats()));
    CHECK(tx.stats().received == static_cast<std::uint64_t>(went));
  }
}

namespace {

using broadcast_end = std::shared_ptr<levada::broadcast_receiver<int>>;

task<int> broadcast_numbers(levada::broadcast_sender<int> out, int last) {
  int went = 0;
  for (int i = 0; i < last; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
    ++went;
  }
  co_return went;
}

task<> note_all(broadcast_end in, tally* to) {
  while (auto got = co_await in->receive())
    to->note(*got);
}

} // namespace

TEST_CASE(
  "actors that die one after the other receive every item of a broadcast that "
  "waits for them once, in order (U-25)",
  "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  const auto workers = GENERATE(1U, 2U, 3U);
  runtime rt{{.workers = workers}};
  for (const int capacity : {1, 4, 16}) {
    auto [tx, first] = levada::make_broadcast<int>(
      rt, {.capacity = capacity, .overflow = overflow::wait});
    const auto rx
      = std::make_shared<levada::broadcast_receiver<int>>(std::move(first));
    const auto other
      = std::make_shared<levada::broadcast_receiver<int>>(tx.subscribe());
    tally all{0};
    tally beside{0};
    auto reading = rt.spawn(note_all, other, &beside);
    auto sending = rt.spawn(broadcast_numbers, tx, INT_MAX);
    for (int i = 0; i < victims / 8; ++i) {
      const auto mine = draw_fate(dice, 40);
      const auto who = rt.system().spawn(
        [rx, &all, mine](event_based_actor* self, std::uint32_t credit) {
          victim(self, *rx, &all, mine, credit);
        },
        1 + std::uint32_t(dice() % 20));
      if (mine.how == fate::is_killed) {
        spend(dice, 10000);
        caf::anon_send_exit(who, exit_reason::kill);
      }
      REQUIRE(end_of(rt.system(), who) != "it did not end");
    }
    tx.close();
    const auto went = sending.blocking_join();
    reading.blocking_join();
    while (auto left = rx->try_receive())
      all.note(*left);
    CHECK(all.disorder == 0);
    CHECK(all.count == went);
    CHECK(beside.disorder == 0);
    CHECK(beside.count == went);
    CHECK(rx->lagged_total() == 0);
    CHECK(conserved(rx->stats()));
    CHECK(conserved(tx.stats()));
  }
}

TEST_CASE("actors that die while they send have sent, or have not (U-25)",
          "[stress]") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 dice{seed};
  home where{GENERATE(false, true), 2};
  auto& rt = where.rt();
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  std::atomic<std::uint64_t> acknowledged{0};
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<std::uint64_t> {
      std::uint64_t count = 0;
      while (auto got = co_await in.receive()) {
        ++count;
        if (count % 7 == 0)
          co_await levada::yield();
      }
      co_return count;
    },
    std::move(rx));
  for (int i = 0; i < victims; ++i) {
    const auto who = rt.system().spawn(
      [](event_based_actor* self, sender<int> out,
         std::atomic<std::uint64_t>* sent) {
        for (int n = 0; n < 10; ++n)
          levada::send(self, out, n).then([sent] { ++*sent; });
      },
      tx, &acknowledged);
    if (dice() % 2 == 0) {
      spend(dice, 2000);
      caf::anon_send_exit(who, exit_reason::kill);
    }
    REQUIRE(end_of(rt.system(), who) != "it did not end");
  }
  CHECK(tx.info().waiting_senders == 0);
  CHECK(tx.info().sender_handles == 1);
  const auto stats = [&] {
    tx.close();
    return tx.stats();
  };
  stats();
  const auto received = receiving.blocking_join();
  const auto after = tx.stats();
  CHECK(conserved(after));
  CHECK(after.received == received);
  CHECK(after.sent == received + after.handed_back);
  CHECK(acknowledged <= received);
}
