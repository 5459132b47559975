// Timed operations of tasks, on a clock the test drives. A time that passed
// leaves nothing behind, a time that did not changes nothing.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "a timed receive ends when its time has come, and not before (B-06, "
  "I-16)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto waiting = rt.spawn(
    [](receiver<int> in) -> task<bool> {
      auto got = co_await in.receive_for(100ms);
      co_return got.timed_out() && got.error() == errc::timed_out;
    },
    rx);
  until([&] { return clock.armed() == 1 && rx.info().waiting_receivers == 1; });
  clock.advance(99ms);
  CHECK_FALSE(waiting.done());
  CHECK(rx.info().waiting_receivers == 1);
  clock.advance(1ms);
  CHECK(waiting.blocking_join());
  CHECK(rx.info().waiting_receivers == 0);
  // Nobody is left who could take it.
  CHECK(tx.try_send(1).status() == send_status::queued);
}

TEST_CASE(
  "a timed receive takes a value that comes in time, and disarms its "
  "timer (B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto waiting = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive_for(100ms);
      co_return got.value();
    },
    rx);
  until_receivers_wait(rx, 1);
  clock.advance(50ms);
  REQUIRE(tx.try_send(7));
  CHECK(waiting.blocking_join() == 7);
  CHECK(clock.armed() == 0);
}

TEST_CASE(
  "a timed send that runs out hands its value back, and the queue no "
  "longer holds it (X-07, B-06, S-01)") {
  const auto capacity = GENERATE(0, 1, 2, 16);
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = capacity});
  for (int i = 0; i < capacity; ++i)
    REQUIRE(tx.try_send("before"));
  auto waiting = rt.spawn(
    [](sender<std::string> out) -> task<std::string> {
      std::string item = "mine";
      auto sent = co_await out.send_for(std::move(item), 1s);
      co_return sent.timed_out() ? sent.take() : "it went";
    },
    tx);
  until([&] { return clock.armed() == 1 && tx.info().waiting_senders == 1; });
  clock.advance(1s);
  CHECK(waiting.blocking_join() == "mine");
  CHECK(tx.stats().handed_back == 1);
  CHECK(rx.drain().size() == static_cast<std::size_t>(capacity));
  CHECK(rx.try_receive().empty());
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a timed send that finds a receiver in time succeeds (B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto waiting = rt.spawn(
    [](sender<int> out) -> task<bool> {
      auto sent = co_await out.send_for(3, 1s);
      co_return static_cast<bool>(sent);
    },
    tx);
  until_senders_wait(tx, 1);
  CHECK(rx.try_receive().value() == 3);
  CHECK(waiting.blocking_join());
  CHECK(clock.armed() == 0);
}

TEST_CASE("zero or a negative time is one try (I-16, B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  rt.block_on([&tx = tx, &rx = rx, &clock]() -> task<> {
    const auto past = clock.now() - 1h;
    auto nothing = co_await rx.receive_for(0s);
    CHECK(nothing.timed_out());
    auto nothing_at_all = co_await rx.receive_for(-5s);
    CHECK(nothing_at_all.timed_out());
    auto went = co_await tx.send_for(1, 0s);
    CHECK(went);
    auto full = co_await tx.send_for(2, -1s);
    CHECK(full.timed_out());
    CHECK(full.value() == 2);
    auto too_late = co_await tx.send_until(3, past);
    CHECK(too_late.timed_out());
    auto got = co_await rx.receive_until(past);
    CHECK(got.value() == 1);
    auto none = co_await rx.receive_until(past);
    CHECK(none.timed_out());
  });
  CHECK(clock.armed() == 0);
}

TEST_CASE("the longest time means for ever, and does not overflow (B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto waiting = rt.spawn(
    [](receiver<int> in) -> task<int> {
      int sum = 0;
      auto a = co_await in.receive_for(std::chrono::hours::max());
      sum += a.value();
      auto b = co_await in.receive_for(std::chrono::nanoseconds::max());
      sum += b.value();
      auto c = co_await in.receive_until(levada::time_point::max());
      sum += c.value();
      co_return sum;
    },
    rx);
  for (int i = 0; i < 3; ++i) {
    until_receivers_wait(rx, 1);
    clock.advance(24h);
    CHECK(tx.try_send(1));
  }
  CHECK(waiting.blocking_join() == 3);
}

TEST_CASE("a closing ends a timed wait as closed, not as timed out (X-01)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<bool> {
      auto got = co_await in.receive_for(1s);
      co_return got.closed() && !got.timed_out();
    },
    rx);
  until_receivers_wait(rx, 1);
  tx.close();
  CHECK(receiving.blocking_join());
  auto [tx2, rx2] = make_channel<int>(rt);
  auto sending = rt.spawn(
    [](sender<int> out) -> task<bool> {
      auto sent = co_await out.send_for(1, 1s);
      co_return sent.closed() && sent.value() == 1;
    },
    tx2);
  until_senders_wait(tx2, 1);
  tx2.close();
  CHECK(sending.blocking_join());
  CHECK(clock.armed() == 0);
}

TEST_CASE("of many who wait only those time out whose time has come (B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 2, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  std::vector<levada::join_handle<int>> waiting;
  for (int i = 0; i < 10; ++i)
    waiting.push_back(rt.spawn(
      [](receiver<int> in, int seconds) -> task<int> {
        const std::chrono::seconds length(seconds);
        auto got = co_await in.receive_for(length);
        co_return got ? *got : -seconds;
      },
      rx, 10 - i));
  until([&] { return clock.armed() == 10; });
  until_receivers_wait(rx, 10);
  clock.advance(5s);
  until_receivers_wait(rx, 5);
  for (int i = 0; i < 5; ++i)
    CHECK(tx.try_send(100));
  int timed_out = 0;
  int got = 0;
  for (auto& each : waiting)
    (each.blocking_join() < 0 ? timed_out : got) += 1;
  CHECK(timed_out == 5);
  CHECK(got == 5);
}

TEST_CASE(
  "a receiver whose time ran out does not keep its place (G-05, "
  "B-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto first = rt.spawn(
    [](receiver<int> in) -> task<bool> {
      auto got = co_await in.receive_for(1s);
      co_return got.timed_out();
    },
    rx);
  until_receivers_wait(rx, 1);
  auto second = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got.value();
    },
    rx);
  until_receivers_wait(rx, 2);
  until([&] { return clock.armed() == 1; });
  clock.advance(1s);
  CHECK(first.blocking_join());
  CHECK(tx.try_send(5).status() == send_status::delivered);
  CHECK(second.blocking_join() == 5);
}
