// Stop tokens: the wait ends, and the value is where it was or where it went.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE("a stop token ends a receive, nothing is taken (X-06)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  std::stop_source stop;
  auto waiting = rt.spawn(
    [](receiver<int> in, std::stop_token token) -> task<bool> {
      auto got = co_await in.receive(token);
      co_return got.cancelled() && got.error() == errc::cancelled;
    },
    rx, stop.get_token());
  until_receivers_wait(rx, 1);
  stop.request_stop();
  CHECK(waiting.blocking_join());
  CHECK(rx.info().waiting_receivers == 0);
  CHECK(rx.stats().received == 0);
  if (tx.try_send(1).status() == send_status::queued)
    CHECK(rx.try_receive().value() == 1);
}

TEST_CASE("a stop token ends a send, the value comes back (X-07)") {
  const auto capacity = GENERATE(0, 1, 16);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = capacity});
  while (tx.try_send("before"))
    ;
  std::stop_source stop;
  auto waiting = rt.spawn(
    [](sender<std::string> out, std::stop_token token) -> task<std::string> {
      std::string item = "mine";
      auto sent = co_await out.send(std::move(item), token);
      co_return sent.cancelled() ? sent.take() : "it went";
    },
    tx, stop.get_token());
  until_senders_wait(tx, 1);
  stop.request_stop();
  CHECK(waiting.blocking_join() == "mine");
  CHECK(rx.drain().size() == static_cast<std::size_t>(capacity));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "an operation that need not wait succeeds although the stop was "
  "requested (X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  stop.request_stop();
  rt.block_on([&tx = tx, &rx = rx, token = stop.get_token()]() -> task<> {
    auto sent = co_await tx.send(1, token);
    CHECK(sent);
    auto refused = co_await tx.send(2, token);
    CHECK(refused.cancelled());
    CHECK(refused.value() == 2);
    auto got = co_await rx.receive(token);
    CHECK(got.value() == 1);
    auto nothing = co_await rx.receive(token);
    CHECK(nothing.cancelled());
  });
  CHECK(rx.blocking_receive(stop.get_token()).cancelled());
  CHECK(tx.blocking_send(3, stop.get_token()));
  CHECK(tx.blocking_send(4, stop.get_token()).cancelled());
  CHECK(rx.blocking_receive(stop.get_token()).value() == 3);
}

TEST_CASE(
  "one stop ends everybody who waits with it, and nobody else "
  "(X-06)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  std::stop_source stop;
  std::vector<levada::join_handle<bool>> stopped;
  std::vector<levada::join_handle<int>> staying;
  for (std::uint32_t i = 0; i < 5; ++i) {
    stopped.push_back(rt.spawn(
      [](receiver<int> in, std::stop_token token) -> task<bool> {
        auto got = co_await in.receive(token);
        co_return got.cancelled();
      },
      rx, stop.get_token()));
    staying.push_back(rt.spawn(
      [](receiver<int> in) -> task<int> {
        auto got = co_await in.receive();
        co_return got.value();
      },
      rx));
  }
  until_receivers_wait(rx, 10);
  stop.request_stop();
  for (auto& each : stopped)
    CHECK(each.blocking_join());
  until_receivers_wait(rx, 5);
  for (int i = 0; i < 5; ++i)
    CHECK(tx.try_send(1));
  for (auto& each : staying)
    CHECK(each.blocking_join() == 1);
}

TEST_CASE("a stop token ends ready, closed, reserve and send_and_wait (X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  auto ready = rt.spawn(
    [](receiver<int> in, std::stop_token token) -> task<bool> {
      const bool is_ready = co_await in.ready(token);
      co_return is_ready;
    },
    rx, stop.get_token());
  auto closed = rt.spawn(
    [](sender<int> out, std::stop_token token) -> task<bool> {
      const bool is_closed = co_await out.closed(token);
      co_return is_closed;
    },
    tx, stop.get_token());
  until_receivers_wait(rx, 1);
  until([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 2 && tasks[0].reason != levada::wait_reason::nothing
           && tasks[1].reason != levada::wait_reason::nothing;
  });
  stop.request_stop();
  CHECK_FALSE(ready.blocking_join());
  CHECK_FALSE(closed.blocking_join());

  REQUIRE(tx.try_send(1));
  stop = std::stop_source{};
  auto reserving = rt.spawn(
    [](sender<int> out, std::stop_token token) -> task<bool> {
      auto place = co_await out.reserve(token);
      co_return place.cancelled();
    },
    tx, stop.get_token());
  until_senders_wait(tx, 1);
  auto sending = rt.spawn(
    [](sender<int> out, std::stop_token token) -> task<int> {
      auto sent = co_await out.send_and_wait(5, token);
      co_return sent.cancelled() ? sent.take() : 0;
    },
    tx, stop.get_token());
  until_senders_wait(tx, 2);
  stop.request_stop();
  CHECK(reserving.blocking_join());
  CHECK(sending.blocking_join() == 5);
  CHECK(rx.try_receive().value() == 1);
  CHECK(rx.try_receive().empty());
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "a stop requested from inside the channel's own task is safe "
  "(X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::stop_source stop;
  auto waiting = rt.spawn(
    [](receiver<int> in, std::stop_token token) -> task<bool> {
      auto got = co_await in.receive(token);
      co_return got.cancelled();
    },
    rx, stop.get_token());
  until_receivers_wait(rx, 1);
  rt.block_on([&stop]() -> task<> {
    stop.request_stop();
    co_return;
  });
  CHECK(waiting.blocking_join());
}

TEST_CASE("a thread's wait ends with its stop token (X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::atomic<int> cancelled{0};
  {
    std::jthread receiving{[&, rx = rx](const std::stop_token& token) {
      cancelled += rx.blocking_receive(token).cancelled();
    }};
    until_receivers_wait(rx, 1);
  } // the jthread's destructor asks it to stop
  auto [tx2, rx2] = make_channel<int>(rt);
  {
    std::jthread sending{[&, tx = tx2](const std::stop_token& token) {
      auto sent = tx.blocking_send(4, token);
      cancelled += sent.cancelled() && sent.value() == 4;
    }};
    until_senders_wait(tx2, 1);
  }
  CHECK(cancelled == 2);
}
