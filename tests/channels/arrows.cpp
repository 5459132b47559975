// Arrows, as in Go: they throw where a named operation would return a result.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE("arrows send and receive (G-15, J-08)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto sending = rt.spawn(
    [](sender<int> out) -> task<> {
      const int last = 25;
      co_await (out << 23);
      co_await (out << 24);
      co_await (out << last);
    },
    std::move(tx));
  rt.block_on(
    [](receiver<int> in) -> task<> {
      int v = 0;
      co_await (in >> v);
      CHECK(v == 23);
      co_await (v << in);
      CHECK(v == 24);
      long wider = 0;
      co_await (in >> wider);
      CHECK(wider == 25);
    },
    rx);
  sending.blocking_join();
}

TEST_CASE(
  "an arrow from a closed and drained channel throws, and leaves the "
  "variable alone (G-15, X-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  tx.close();
  rt.block_on(
    [](receiver<int> in) -> task<> {
      int v = 0;
      co_await (in >> v);
      CHECK(v == 1);
      bool thrown = false;
      try {
        co_await (in >> v);
      } catch (const levada::channel_closed& error) {
        thrown = error.code() == errc::closed;
      }
      CHECK(thrown);
      CHECK(v == 1);
    },
    rx);
}

TEST_CASE("an arrow into a closed channel throws, parked or not (G-15, G-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto attempt = [](sender<int> out) -> task<bool> {
    bool thrown = false;
    try {
      co_await (out << 1);
    } catch (const levada::channel_closed&) {
      thrown = true;
    }
    co_return thrown;
  };
  auto parked = rt.spawn(attempt, tx);
  until_senders_wait(tx, 1);
  tx.close();
  CHECK(parked.blocking_join());
  CHECK(rt.block_on(attempt, tx));
}

TEST_CASE("arrows take a channel with both ends (G-15, G-11)") {
  runtime rt{{.workers = 1}};
  levada::channel<std::string> both
    = make_channel<std::string>(rt, {.capacity = 2});
  rt.block_on(
    [](levada::channel<std::string> ch) -> task<> {
      std::string v = "a";
      co_await (ch << v);
      co_await (ch << "b");
      co_await (ch >> v);
      CHECK(v == "a");
      co_await (v << ch);
      CHECK(v == "b");
    },
    both);
}

TEST_CASE("an arrow moves a move-only value (G-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 1});
  rt.block_on([&tx = tx, &rx = rx]() -> task<> {
    auto item = std::make_unique<int>(3);
    co_await (tx << std::move(item));
    CHECK(item == nullptr);
    co_await (rx >> item);
    CHECK(*item == 3);
  });
}

TEST_CASE("a receiver is received by an arrow, not sent (G-12, G-15)") {
  runtime rt{{.workers = 1}};
  auto inner = make_channel<int>(rt);
  auto [tx, rx] = make_channel<receiver<int>>(rt, {.capacity = 1});
  rt.block_on([&tx = tx, &rx = rx, &inner]() -> task<> {
    co_await (tx << inner.rx);
    receiver<int> got;
    co_await (rx >> got);
    CHECK(got == inner.rx);
  });
}

TEST_CASE(
  "the producer and consumer of the article print what they must, in "
  "order (J-01, J-09)") {
  runtime rt{{.workers = 1}};
  std::ostringstream out;
  auto [numbers_tx, numbers_rx] = make_channel<int>(rt);
  auto [exit_tx, exit_rx] = make_channel<std::string>(rt, {.capacity = 2});
  rt.spawn(
      [&out](sender<int> to, sender<std::string> exit) -> task<> {
        for (int i = 0; i < 5; ++i) {
          out << "sending " << i << '\n';
          co_await (to << i);
          out << "sent " << i << '\n';
        }
        to.close();
        co_await (exit << "finished producing");
      },
      std::move(numbers_tx), exit_tx)
    .detach();
  rt.spawn(
      [&out](receiver<int> from, sender<std::string> exit) -> task<> {
        while (auto v = co_await from.receive())
          out << "received " << *v << '\n';
        co_await (exit << "finished consuming");
      },
      std::move(numbers_rx), std::move(exit_tx))
    .detach();
  exit_tx = {};
  std::vector<std::string> ends;
  for (auto& each : exit_rx.blocking())
    ends.push_back(each);
  std::sort(ends.begin(), ends.end());
  CHECK(
    ends
    == std::vector<std::string>({"finished consuming", "finished producing"}));
  const auto text = out.str();
  for (int i = 0; i < 5; ++i) {
    const auto number = std::to_string(i);
    const auto sending = text.find("sending " + number);
    const auto sent = text.find("sent " + number);
    const auto received = text.find("received " + number);
    REQUIRE(sending != std::string::npos);
    REQUIRE(sent != std::string::npos);
    REQUIRE(received != std::string::npos);
    CHECK(sending < sent);
    CHECK(sending < received);
  }
}
