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

TEST_CASE("a thread that waits for long is seen to, whatever the flavour") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  std::atomic<int> got{0};
  std::jthread receiving{[&got, rx = rx] {
    while (auto v = rx.blocking_receive())
      got += *v;
  }};
  for (int i = 1; i <= 3; ++i) {
    until_receivers_wait(rx, 1); // its patience has an end
    REQUIRE(tx.try_send(i).status() == send_status::delivered);
  }
  until_receivers_wait(rx, 1);
  tx.close();
  receiving.join();
  CHECK(got == 6);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("so is one that waits for room, and those behind it, in order") {
  const auto kind = GENERATE(from_range(bounded_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  int next = 0;
  while (tx.try_send(next))
    ++next;
  const int first = next;
  std::vector<std::jthread> sending;
  for (; next < first + 3; ++next) {
    sending.emplace_back(
      [tx = tx, next] { static_cast<void>(tx.blocking_send(next)); });
    until_senders_wait(tx, static_cast<std::uint32_t>(next - first + 1));
  }
  for (int i = 0; i < next; ++i)
    CHECK(rx.blocking_receive().value() == i);
  sending.clear();
  CHECK(rx.stats().sent == static_cast<std::uint64_t>(next));
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a patient thread sees limits and closings (B-06, X-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 64});
  const auto begin = std::chrono::steady_clock::now();
  CHECK(rx.blocking_receive_for(1ms).timed_out());
  CHECK(std::chrono::steady_clock::now() - begin >= 1ms);
  CHECK(rx.blocking_receive_for(0ms).timed_out());
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(rx.blocking_receive(stopped.get_token()).error() == errc::cancelled);
  std::stop_source later;
  std::jthread stopping{[&later] { later.request_stop(); }};
  CHECK(rx.blocking_receive(later.get_token()).error() == errc::cancelled);
  while (tx.try_send(1))
    ;
  CHECK(tx.blocking_send_for(1, 1ms).timed_out());
  std::jthread closing{[tx = tx] { tx.close(); }};
  CHECK(tx.blocking_send(1).closed());
  CHECK(rx.drain().size() == 64);
  CHECK(rx.blocking_receive().closed());
  CHECK(conserved(rx.stats()));
}

TEST_CASE("threads at both ends of a buffer lose nothing and keep order",
          "[stress]") {
  const auto capacity = GENERATE(1U, 7U, 8U, 64U);
  INFO(capacity);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  constexpr int each = 20'000;
  constexpr int senders = 3;
  std::atomic<int> received{0};
  std::atomic<int> out_of_order{0};
  {
    std::vector<std::jthread> threads;
    for (int s = 0; s < senders; ++s)
      threads.emplace_back([tx = tx, s] {
        for (int i = 0; i < each; ++i)
          if (!tx.blocking_send(s * each + i))
            return;
      });
    for (int r = 0; r < 3; ++r)
      threads.emplace_back([&, rx = rx] {
        std::vector<int> last(senders, -1);
        while (auto v = rx.blocking_receive()) {
          auto& before = last[static_cast<std::size_t>(*v / each)];
          out_of_order += *v <= before ? 1 : 0;
          before = *v;
          ++received;
        }
      });
    tx = {};
  }
  CHECK(received == senders * each);
  CHECK(out_of_order == 0);
  CHECK(conserved(rx.stats()));
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
