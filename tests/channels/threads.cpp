// The same channels from plain threads.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "threads send and receive through every flavour in order (I-18, "
  "B-23, F-21)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  std::jthread sending{[tx = std::move(tx)] {
    for (int i = 0; i < 1000; ++i)
      if (!tx.blocking_send(i))
        return;
  }};
  std::vector<int> got;
  while (auto v = rx.blocking_receive())
    got.push_back(*v);
  CHECK(got == numbers(0, 1000));
}

TEST_CASE("a thread and a task meet in every flavour, both ways (B-23)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto there = make_channel<int>(rt, kind.options<int>());
  auto back = make_channel<int>(rt, kind.options<int>());
  rt.spawn(
      [](receiver<int> in, sender<int> out) -> task<> {
        while (auto v = co_await in.receive()) {
          const int answer = *v + 1;
          auto sent = co_await out.send(answer);
          if (!sent)
            break;
        }
      },
      std::move(there.rx), std::move(back.tx))
    .detach();
  for (int i = 0; i < 500; ++i) {
    REQUIRE(there.tx.blocking_send(i));
    REQUIRE(back.rx.blocking_receive().value() == i + 1);
  }
  there.tx = {};
  CHECK(back.rx.blocking_receive().closed());
}

TEST_CASE("a range over a channel ends when it is closed and drained (G-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 3});
  REQUIRE(tx.try_send("a"));
  REQUIRE(tx.try_send("b"));
  REQUIRE(tx.try_send("c"));
  tx.close();
  std::string all;
  for (auto& v : rx.blocking()) {
    std::string taken = std::move(v); // each value may be moved from
    all += taken;
  }
  CHECK(all == "abc");
  for (auto& v : rx.blocking())
    FAIL("a closed and drained channel gave " << v);
}

TEST_CASE("leaving the range keeps the rest in the channel (G-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  for (int i = 0; i < 5; ++i)
    REQUIRE(tx.try_send(i));
  for (const auto& v : rx.blocking())
    if (v == 2)
      break;
  CHECK(rx.drain() == numbers(3, 5));
}

TEST_CASE("a thread's timed wait ends, and leaves nothing behind (B-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  CHECK(rx.blocking_receive_for(1ms).timed_out());
  CHECK(rx.info().waiting_receivers == 0);
  CHECK(tx.blocking_send_for(1, 1ms));
  auto late = tx.blocking_send_for(2, 1ms);
  CHECK(late.timed_out());
  CHECK(late.value() == 2);
  CHECK(tx.info().waiting_senders == 0);
  const auto past = std::chrono::steady_clock::now() - 1h;
  CHECK(tx.blocking_send_until(3, past).timed_out());
  CHECK(rx.blocking_receive_until(past).value() == 1);
  CHECK(rx.blocking_receive_until(past).timed_out());
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a timed wait is never over before its time (B-06, I-16)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  for (const auto length : {1ms, 3ms, 10ms}) {
    const auto begin = std::chrono::steady_clock::now();
    CHECK(rx.blocking_receive_for(length).timed_out());
    CHECK(std::chrono::steady_clock::now() - begin >= length);
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(tx.blocking_send_for(1, 500us).timed_out());
  CHECK(std::chrono::steady_clock::now() - begin >= 500us);
}

TEST_CASE("the longest time means for ever on a thread too (B-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::jthread sending{[&tx = tx, &rx = rx] {
    for (int i = 0; i < 2; ++i) {
      until_receivers_wait(rx, 1);
      static_cast<void>(tx.try_send(i));
    }
  }};
  CHECK(rx.blocking_receive_for(std::chrono::hours::max()).value() == 0);
  CHECK(rx.blocking_receive_until(levada::time_point::max()).value() == 1);
}

TEST_CASE("closing wakes blocked threads at both ends (X-01, G-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::atomic<int> closed{0};
  {
    std::vector<std::jthread> receiving;
    for (int i = 0; i < 4; ++i)
      receiving.emplace_back(
        [&closed, rx = rx] { closed += rx.blocking_receive().closed(); });
    until_receivers_wait(rx, 4);
    tx.close();
  }
  CHECK(closed == 4);
  auto [tx2, rx2] = make_channel<int>(rt);
  {
    std::vector<std::jthread> sending;
    for (int i = 0; i < 4; ++i)
      sending.emplace_back([&closed, tx = tx2, i] {
        auto sent = tx.blocking_send(i);
        closed += sent.closed() && sent.value() == i;
      });
    until_senders_wait(tx2, 4);
    tx2.close();
  }
  CHECK(closed == 8);
}

TEST_CASE("stopping the runtime ends what its threads wait for") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
  auto [tx, rx] = make_channel<int>(*rt);
  std::atomic<bool> closed{false};
  std::jthread receiving{
    [&closed, rx = rx] { closed = rx.blocking_receive().closed(); }};
  until_receivers_wait(rx, 1);
  rt.reset();
  receiving.join();
  CHECK(closed);
}

TEST_CASE("a blocking operation inside a task is refused in words (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  rt.block_on([&tx = tx, &rx = rx]() -> task<> {
    const auto refused = [](auto&& operation) {
      try {
        operation();
      } catch (const levada::channel_error& error) {
        return error.code() == errc::wrong_thread;
      }
      return false;
    };
    CHECK(refused([&] { static_cast<void>(tx.blocking_send(1)); }));
    CHECK(refused([&] { static_cast<void>(tx.blocking_send_for(1, 1s)); }));
    CHECK(refused([&] { static_cast<void>(tx.blocking_send_and_wait(1)); }));
    CHECK(refused([&] { static_cast<void>(rx.blocking_receive()); }));
    CHECK(refused([&] { static_cast<void>(rx.blocking_receive_for(1s)); }));
    CHECK(refused([&] {
      for (auto& v : rx.blocking())
        static_cast<void>(v);
    }));
    co_return;
  });
  CHECK(tx.stats().sent == 0);
}

TEST_CASE("handles and values outlive the runtime") {
  receiver<std::string> rx;
  {
    runtime rt{{.workers = 1}};
    auto ends = make_channel<std::string>(rt, {.name = "n", .capacity = 2});
    REQUIRE(ends.tx.try_send("kept"));
    rx = ends.rx;
  }
  CHECK(rx.name() == "n");
  CHECK(rx.blocking_receive().value() == "kept");
  CHECK(rx.blocking_receive().closed());
  CHECK(rx.blocking_receive_for(1h).closed());
}
