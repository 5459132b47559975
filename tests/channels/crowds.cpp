// Crowds that send and receive while the channel closes, its last receiver goes,
// or the runtime stops: everything is accounted for.
#include <atomic>

#include "support.hpp"

using namespace levada_tests;

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

TEST_CASE(
  "what has returned has happened: nothing is under way between sent and "
  "buffered (S-26)") {
  const auto capacity = GENERATE(1, 3, 16);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  // Alone, each result shows at once in what the channel says.
  CHECK(tx.try_send(1).status() == send_status::queued);
  CHECK(rx.size() == 1);
  CHECK(tx.stats().sent == 1);
  CHECK(rx.try_receive().value() == 1);
  CHECK(tx.size() == 0);
  CHECK(tx.stats().received == 1);
  // In a crowd, every picture of the channel adds up, at any moment.
  auto sending = rt.spawn(send_numbers, std::move(tx), 0, 20000);
  auto receiving = rt.spawn(collect<int>, rx);
  bool adds_up = true;
  std::uint64_t pictures = 0;
  do {
    const auto info = rx.info();
    adds_up = adds_up && conserved(info.stats)
              && info.stats.buffered == info.size
              && info.size <= static_cast<std::uint32_t>(capacity);
    ++pictures;
  } while (!receiving.done());
  CHECK(adds_up);
  CHECK(pictures > 0);
  CHECK(sending.blocking_join() == 20000);
  CHECK(receiving.blocking_join() == numbers(0, 20000));
}

TEST_CASE(
  "a send that has returned true before a close is received, one after it "
  "is not (S-26)") {
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 100; ++round) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = levada::unbounded});
    std::atomic<bool> closed{false};
    int before = 0;
    int late = 0;
    {
      std::jthread sending{[&, out = tx] {
        while (before < 5000) {
          const bool was_closed = closed.load();
          if (!out.try_send(before))
            return;
          ++before;
          if (was_closed)
            ++late;
        }
      }};
      std::this_thread::yield();
      tx.close();
      closed = true;
    }
    REQUIRE(late == 0);
    REQUIRE(rx.drain() == numbers(0, before));
    REQUIRE(rx.is_closed());
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

TEST_CASE("closing wakes a crowd of tasks and threads alike, each once") {
  constexpr int tasks = 1000;
  constexpr int threads = 3;
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  std::atomic<int> closed{0};
  const auto wait
    = [](levada::receiver<int> in, std::atomic<int>* count) -> task<> {
    auto item = co_await in.receive();
    *count += item.closed() ? 1 : 0;
  };
  std::vector<levada::join_handle<void>> waiting;
  std::vector<std::thread> blocked;
  for (int i = 0; i < tasks; ++i) {
    if (i % (tasks / threads) == tasks / threads / 2)
      blocked.emplace_back([&, in = rx]() mutable {
        auto item = in.blocking_receive();
        closed += item.closed() ? 1 : 0;
      });
    waiting.push_back(rt.spawn(wait, rx, &closed));
  }
  until_receivers_wait(rx, tasks + threads);
  tx.close();
  for (auto& each : waiting)
    each.blocking_join();
  for (auto& each : blocked)
    each.join();
  CHECK(closed == tasks + threads);
}
