// select: what ends its wait besides its channels, and what it is like under
// load.
#include <atomic>

#include <levada/channels/select.hpp>
#include <levada/channels/timers.hpp>

#include "duel.hpp"
#include "support.hpp"

using namespace levada_tests;

TEST_CASE("otherwise is taken only when nothing is ready (G-22)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const receiver<int> nil;
  const auto look = [&] {
    return levada::blocking_select(nil, rx, levada::otherwise).index();
  };
  CHECK(look() == 2);
  REQUIRE(tx.try_send(1));
  CHECK(look() == 1);
  CHECK(look() == 2);
}

TEST_CASE(
  "an item that is moved about is always in one of two places for a "
  "non-blocking select (G-25)",
  "[stress]") {
  // Go's TestNonblockSelectRace: one of two channels is ready at any instant.
  rounds_to_go rounds{5'000};
  runtime rt{{.workers = 1}};
  levada::channel_ends<int> a;
  levada::channel_ends<int> b;
  std::array<int, 3> count{};
  duel moving{[&a, &b] {
    static_cast<void>(b.tx.try_send(1));
    static_cast<void>(a.rx.try_receive());
  }};
  while (rounds.next()) {
    a = make_channel<int>(rt, {.capacity = 1});
    b = make_channel<int>(rt, {.capacity = 1});
    REQUIRE(a.tx.try_send(1));
    std::size_t index = 2;
    moving.run([&] {
      auto chosen = levada::blocking_select(levada::biased, a.rx, b.rx,
                                            levada::otherwise);
      index = chosen.index();
    });
    ++count[index];
    moving.won(index == 0);
  }
  CAPTURE(count[0], count[1]);
  CHECK(count[2] == 0);
  if (rounds.all_done()) {
    CHECK(count[0] > rounds.done() / 100);
    CHECK(count[1] > rounds.done() / 100);
  }
}

TEST_CASE("a closed receive case is ready and says so (G-23, S-07)") {
  runtime rt{{.workers = 1}};
  auto open = make_channel<int>(rt);
  auto closing = make_channel<int>(rt);
  auto selecting = rt.spawn([&]() -> task<bool> {
    auto chosen = co_await levada::select(open.rx, closing.rx);
    co_return chosen.index() == 1 && chosen.get<1>().closed();
  });
  until_receivers_wait(closing.rx, 1);
  closing.tx.close();
  CHECK(selecting.blocking_join());
  CHECK(open.rx.info().waiting_receivers == 0);
}

TEST_CASE(
  "a closing ends a parked send case, with its value back (G-23, "
  "X-01)") {
  runtime rt{{.workers = 1}};
  auto open = make_channel<int>(rt);
  auto closing = make_channel<int>(rt);
  auto selecting = rt.spawn([&]() -> task<int> {
    auto chosen
      = co_await levada::select(open.rx, levada::sending(closing.tx, 42));
    co_return chosen.index() == 1 && chosen.get<1>().closed()
      ? chosen.get<1>().take()
      : 0;
  });
  until_senders_wait(closing.tx, 1);
  closing.tx.close();
  CHECK(selecting.blocking_join() == 42);
  CHECK(conserved(closing.tx.stats()));
}

TEST_CASE("a timer is a case, and fires when nothing else does (G-27)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto selecting = rt.spawn([rx = rx]() -> task<std::size_t> {
    auto chosen = co_await levada::select(rx, levada::after(1s));
    co_return chosen.index();
  });
  until([&] { return clock.armed() == 1; });
  until_receivers_wait(rx, 1);
  SECTION("the time comes first") {
    clock.advance(999ms);
    CHECK_FALSE(selecting.done());
    clock.advance(1ms);
    CHECK(selecting.blocking_join() == 1);
    CHECK(tx.try_send(1).full());
  }
  SECTION("the item comes first") {
    REQUIRE(tx.try_send(1));
    CHECK(selecting.blocking_join() == 0);
    CHECK(clock.armed() == 0);
  }
}

TEST_CASE("a stop token is a case (G-29)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::stop_source stop;
  auto selecting
    = rt.spawn([rx = rx, token = stop.get_token()]() -> task<std::size_t> {
        auto token_case = token;
        auto chosen = co_await levada::select(rx, token_case);
        co_return chosen.index();
      });
  until_receivers_wait(rx, 1);
  stop.request_stop();
  CHECK(selecting.blocking_join() == 1);
  CHECK(rx.info().waiting_receivers == 0);
}

TEST_CASE(
  "a select over nil handles waits for ever, but ends with its runtime "
  "(G-21)") {
  runtime rt{{.workers = 1}};
  auto selecting = rt.spawn([]() -> task<bool> {
    const receiver<int> nil;
    const sender<int> none;
    auto chosen = co_await levada::select(nil, levada::sending(none, 1));
    co_return chosen.cancelled();
  });
  until([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason != levada::wait_reason::nothing;
  });
  CHECK(rt.stop(30s).clean);
  CHECK(selecting.blocking_join());
}

TEST_CASE("a nil handle switches a case off (G-02, G-20)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 100});
  auto b = make_channel<int>(rt, {.capacity = 100});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(i));
  }
  receiver<int> switchable;
  for (int i = 0; i < 100; ++i)
    REQUIRE(levada::blocking_select(switchable, b.rx).index() == 1);
  switchable = a.rx;
  CHECK(levada::blocking_select(switchable, b.rx).index() == 0);
}

TEST_CASE(
  "the value of a send case is evaluated once, and kept by a loser's "
  "owner only as documented (G-20, S-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::shared_ptr<int>>(rt);
  auto item = std::make_shared<int>(1);
  rt.block_on([&, tx = tx]() -> task<> {
    auto chosen
      = co_await levada::select(levada::sending(tx, item), levada::otherwise);
    CHECK(chosen.index() == 1);
  });
  // The loser's copy went with the expression; no channel holds one.
  CHECK(item.use_count() == 1);
}

TEST_CASE(
  "every sender and every receiver in a crowd of selects gets its due "
  "(G-26, Go: TestSelectStress)",
  "[stress]") {
  runtime rt{{.workers = 2}};
  constexpr int count = 20'000;
  std::array<levada::channel_ends<int>, 4> c;
  for (int i = 0; i < 4; ++i)
    c[static_cast<std::size_t>(i)]
      = make_channel<int>(rt, {.capacity = i % 2 == 0 ? 0 : i + 1});
  std::vector<levada::join_handle<void>> all;
  for (int k = 0; k < 4; ++k) {
    all.push_back(rt.spawn(
      [](sender<int> out) -> task<> {
        for (int i = 0; i < count; ++i) {
          auto sent = co_await out.send(0);
          (void)sent;
        }
      },
      c[static_cast<std::size_t>(k)].tx));
    all.push_back(rt.spawn(
      [](receiver<int> in) -> task<> {
        for (int i = 0; i < count; ++i) {
          auto got = co_await in.receive();
          (void)got;
        }
      },
      c[static_cast<std::size_t>(k)].rx));
  }
  all.push_back(rt.spawn([c]() -> task<> {
    auto out = std::array{c[0].tx, c[1].tx, c[2].tx, c[3].tx};
    std::array<int, 4> n{};
    for (int i = 0; i < 4 * count; ++i) {
      auto chosen = co_await levada::select(
        levada::sending(out[3], 0), levada::sending(out[2], 0),
        levada::sending(out[0], 0), levada::sending(out[1], 0));
      const std::array<std::size_t, 4> which{3, 2, 0, 1};
      const auto k = which[chosen.index()];
      if (++n[k] == count)
        out[k] = {};
    }
  }));
  all.push_back(rt.spawn([c]() -> task<> {
    auto in = std::array{c[0].rx, c[1].rx, c[2].rx, c[3].rx};
    std::array<int, 4> n{};
    for (int i = 0; i < 4 * count; ++i) {
      auto chosen = co_await levada::select(in[0], in[1], in[2], in[3]);
      const auto k = chosen.index();
      if (++n[k] == count)
        in[k] = {};
    }
  }));
  for (auto& each : all)
    each.blocking_join();
  for (auto& each : c) {
    const auto stats = each.tx.stats();
    CHECK(stats.sent == 2 * count);
    CHECK(stats.received == 2 * count);
    CHECK(each.rx.info().waiting_receivers == 0);
    CHECK(each.tx.info().waiting_senders == 0);
  }
}

TEST_CASE("a stop that comes while a select begins to wait wakes it once") {
  runtime rt{{.workers = 2}};
  std::vector<receiver<int>> in; // many: beginning to wait takes its time
  std::vector<sender<int>> out;
  for (int i = 0; i < 12; ++i) {
    auto [tx, rx] = make_channel<int>(rt);
    in.push_back(std::move(rx));
    out.push_back(std::move(tx));
  }
  const auto wait
    = [](const std::vector<receiver<int>>* c, std::stop_token stop,
         std::atomic<bool>* begun) -> task<std::size_t> {
    const auto& r = *c;
    *begun = true;
    auto chosen
      = co_await levada::select(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7],
                                r[8], r[9], r[10], r[11], stop);
    co_return chosen.index();
  };
  for (int i = 0; i < 3000; ++i) {
    std::stop_source stop;
    std::atomic<bool> begun{false};
    auto waiting = rt.spawn(wait, &in, stop.get_token(), &begun);
    until([&] { return begun.load(); });
    std::atomic<int> spun{0};
    while (++spun < i % 600) {}
    stop.request_stop();
    REQUIRE(waiting.blocking_join() == 12);
  }
  CHECK(in[0].info().waiting_receivers == 0);
}
