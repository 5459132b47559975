// Two things that may end one wait, at the same time, many times over: exactly
// one of them does, and nothing is lost or doubled.
#include "support.hpp"

using namespace levada_tests;

namespace {

constexpr int rounds = 100'000;

} // namespace

TEST_CASE(
  "a stop token against a hand-off: the value is received, or still "
  "with its sender (X-06, X-07)",
  "[stress]") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  // A new stop source for each round, asked from another thread as soon as the
  // receiver may be parked.
  std::atomic<std::stop_source*> current{nullptr};
  std::atomic<bool> asked{false};
  std::atomic<bool> over{false};
  std::jthread stopper{[&] {
    while (!over) {
      if (auto* stop = current.exchange(nullptr)) {
        stop->request_stop();
        asked = true; // the source may go now
      } else {
        std::this_thread::yield();
      }
    }
  }};
  auto receiving = rt.spawn(
    [&current, &asked](receiver<int> in) -> task<std::pair<long, int>> {
      long sum = 0;
      int cancelled = 0;
      for (;;) {
        std::stop_source stop;
        asked = false;
        current = &stop;
        auto got = co_await in.receive(stop.get_token());
        if (current.exchange(nullptr) == nullptr)
          while (!asked)
            std::this_thread::yield();
        if (got)
          sum += *got;
        else if (got.closed())
          break;
        else
          ++cancelled;
      }
      co_return std::pair(sum, cancelled);
    },
    std::move(rx));
  auto sending = rt.spawn(send_numbers, tx, 1, rounds + 1);
  CHECK(sending.blocking_join() == rounds);
  tx.close();
  const auto [sum, cancelled] = receiving.blocking_join();
  over = true;
  CHECK(sum == long{rounds} * (rounds + 1) / 2);
  CHECK(cancelled > 0);
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().received == rounds);
}

TEST_CASE(
  "a time that runs out against a hand-off: received once, or handed "
  "back (S-01, B-06)",
  "[stress]") {
  const auto capacity = GENERATE(0, 1);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<std::pair<long, long>> {
      long sum = 0;
      long timeouts = 0;
      for (;;) {
        auto got = co_await in.receive_for(1us);
        if (got)
          sum += *got;
        else if (got.closed())
          break;
        else
          ++timeouts;
      }
      co_return std::pair(sum, timeouts);
    },
    rx);
  long expected = 0;
  std::uint64_t back = 0;
  for (int i = 1; i <= rounds / 4; ++i) {
    auto sent = tx.blocking_send_for(i, 2us);
    if (sent)
      expected += i;
    else
      back += sent.timed_out() && sent.value() == i ? 1 : 0;
  }
  tx.close();
  CHECK(receiving.blocking_join().first == expected);
  const auto stats = tx.stats();
  CHECK(conserved(stats));
  CHECK(stats.received + back == rounds / 4);
}

TEST_CASE(
  "un-sending against receiving: the item is received, or back, never "
  "both (S-01, I-10)",
  "[stress]") {
  const auto capacity = GENERATE(0, 2);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  std::atomic<long> received{0};
  std::jthread receiving{[&received, rx = rx] {
    for (auto& v : rx.blocking())
      received += v;
  }};
  long expected = 0;
  long back = 0;
  for (int i = 1; i <= rounds / 4; ++i) {
    auto sent = tx.blocking_send_and_wait_for(i, 2us);
    (sent ? expected : back) += i;
  }
  tx.close();
  receiving.join();
  CHECK(received == expected);
  CHECK(expected + back == long{rounds / 4} * (rounds / 4 + 1) / 2);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "closing against sending and receiving: each send that succeeded is "
  "received (X-01)",
  "[stress]") {
  const auto capacity = GENERATE(0, 1, 16);
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 5000; ++round) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
    auto a = rt.spawn(send_numbers, tx, 0, 50);
    auto b = rt.spawn(send_numbers, tx, 0, 50);
    auto receiving = rt.spawn(collect<int>, rx);
    if (round % 2 == 0)
      std::this_thread::yield();
    tx.close();
    const auto went = a.blocking_join() + b.blocking_join();
    const auto got = receiving.blocking_join();
    REQUIRE(got.size() == static_cast<std::size_t>(went));
    REQUIRE(conserved(tx.stats()));
  }
}

TEST_CASE(
  "the last receiver going against sending: each item is received, "
  "back, or a dead letter (X-04)",
  "[stress]") {
  const auto capacity = GENERATE(0, 1, 16);
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 5000; ++round) {
    std::atomic<int> dead{0};
    levada::channel_options<int> options;
    options.capacity = capacity;
    options.on_dead_letter
      = [&dead](int&&, levada::dead_letter_reason) { ++dead; };
    auto [tx, rx] = make_channel<int>(rt, options);
    auto sending = rt.spawn(send_numbers, tx, 0, 1000);
    auto receiving = rt.spawn(
      [](receiver<int> in, int count) -> task<int> {
        int got = 0;
        while (got < count) {
          auto v = co_await in.receive();
          if (!v)
            break;
          ++got;
        }
        co_return got;
      },
      std::move(rx), round % 40);
    const auto got = receiving.blocking_join();
    const auto went = sending.blocking_join();
    REQUIRE(went == got + dead);
    REQUIRE(tx.close_record().reason == levada::close_reason::no_receivers);
    REQUIRE(conserved(tx.stats()));
  }
}

TEST_CASE("a runtime stops with everything parked that can be parked") {
  for (int round = 0; round < 50; ++round) {
    runtime rt{{.workers = 2}};
    auto empty = make_channel<std::string>(rt);
    auto full = make_channel<std::string>(rt, {.capacity = 1});
    REQUIRE(full.tx.try_send("before"));
    for (int i = 0; i < 3; ++i) {
      rt.spawn(collect<std::string>, empty.rx).detach();
      rt.spawn(
          [](sender<std::string> out) -> task<> {
            std::string item = "parked";
            auto sent = co_await out.send(std::move(item));
            (void)sent;
          },
          full.tx)
        .detach();
      rt.spawn(
          [](sender<std::string> out) -> task<> {
            std::string item = "parked";
            auto sent = co_await out.send_and_wait(std::move(item));
            (void)sent;
          },
          full.tx)
        .detach();
      rt.spawn(
          [](receiver<std::string> in) -> task<> {
            const bool ready = co_await in.ready();
            (void)ready;
          },
          empty.rx)
        .detach();
      rt.spawn(
          [](sender<std::string> out) -> task<> {
            const bool closed = co_await out.closed();
            (void)closed;
          },
          full.tx)
        .detach();
      rt.spawn(
          [](sender<std::string> out) -> task<> {
            auto place = co_await out.reserve();
            (void)place;
          },
          full.tx)
        .detach();
      rt.spawn([]() -> task<> {
          const sender<std::string> nil;
          auto sent = co_await nil.send_for("never", 1h);
          (void)sent;
        })
        .detach();
    }
    if (round % 2 == 0) {
      until_senders_wait(full.tx, 9);
      until_receivers_wait(empty.rx, 6);
    }
    REQUIRE(rt.stop(30s).clean);
    REQUIRE(full.tx.stats().waiting == 0);
    REQUIRE(conserved(full.tx.stats()));
  }
}
