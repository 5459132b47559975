// Order: values leave as they came, waiters are served as they came, and nobody
// overtakes.
#include <map>
#include <mutex>
#include <set>

#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "values arrive in the order they were sent, in every flavour (G-05, "
  "F-02, I-18)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  const auto watch = rx.downgrade();
  auto consuming = rt.spawn(collect<int>, std::move(rx));
  auto producing = rt.spawn(
    [](sender<int> out) -> task<int> {
      int accepted = 0;
      for (int i = 0; i < 500; ++i) {
        auto sent = co_await out.send(i);
        accepted += sent ? 1 : 0;
      }
      co_return accepted;
    },
    std::move(tx));
  const auto accepted = producing.blocking_join();
  const auto got = consuming.blocking_join();

  CHECK(std::is_sorted(got.begin(), got.end()));
  CHECK(std::adjacent_find(got.begin(), got.end()) == got.end());
  const auto stats = watch.stats();
  CHECK(conserved(stats));
  CHECK(stats.sent == static_cast<std::uint64_t>(accepted));
  CHECK(stats.received == got.size());
  CHECK(stats.dead_lettered == stats.sent - stats.received);
  if (kind.on_full == overflow::wait)
    CHECK(got == numbers(0, 500));
}

TEST_CASE(
  "receivers are served in the order they came, in every flavour "
  "(G-05, F-04)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  std::vector<levada::join_handle<int>> waiting;
  for (std::uint32_t i = 0; i < 4; ++i) {
    waiting.push_back(rt.spawn(
      [](receiver<int> in) -> task<int> {
        auto got = co_await in.receive();
        co_return got ? *got : -1;
      },
      rx));
    until_receivers_wait(rx, i + 1);
  }
  for (int i = 0; i < 4; ++i)
    CHECK(tx.try_send(i).status() == send_status::delivered);
  for (int i = 0; i < 4; ++i)
    CHECK(waiting[static_cast<std::size_t>(i)].blocking_join() == i);
}

TEST_CASE("parked senders get in, in the order they came (G-05)") {
  const auto capacity = GENERATE(0, 1, 2, 16);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  for (int i = 0; i < capacity; ++i)
    REQUIRE(tx.try_send(i));
  std::vector<levada::join_handle<int>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(
      rt.spawn(send_numbers, tx, capacity + i, capacity + i + 1));
    until_senders_wait(tx, static_cast<std::uint32_t>(i + 1));
  }
  for (int i = 0; i < capacity + 4; ++i)
    CHECK(rx.try_receive().value() == i);
  CHECK(rx.try_receive().empty());
  for (auto& each : waiting)
    CHECK(each.blocking_join() == 1);
}

TEST_CASE(
  "a receive from a full channel takes the head and lets the parked "
  "sender in at the tail (G-06, S-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  auto parked = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 1);
  CHECK(tx.size() == 2);
  CHECK(rx.try_receive().value() == 1);
  CHECK(tx.size() == 2);
  CHECK(tx.info().waiting_senders == 0);
  CHECK(rx.try_receive().value() == 2);
  CHECK(rx.try_receive().value() == 3);
  CHECK(parked.blocking_join() == 1);
}

TEST_CASE("a newcomer does not overtake a parked sender (G-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(send_numbers, tx, 2, 3);
  until_senders_wait(tx, 1);
  REQUIRE(rx.try_receive().value() == 1);
  // The place that got free belongs to the one who waited.
  CHECK(tx.try_send(3).full());
  CHECK(rx.try_receive().value() == 2);
  CHECK(parked.blocking_join() == 1);
}

TEST_CASE("a newcomer does not overtake a parked receiver (G-05)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto parked = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got ? *got : -1;
    },
    rx);
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(7));
  CHECK(rx.try_receive().empty());
  CHECK(parked.blocking_join() == 7);
}

TEST_CASE(
  "with many senders and receivers each value arrives once, and each "
  "sender's values in order (I-18, F-02)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  constexpr int producers = 4;
  constexpr int consumers = 3;
  constexpr int each_sends = 300;
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  std::vector<levada::join_handle<std::vector<int>>> consuming;
  for (int i = 0; i < consumers; ++i)
    consuming.push_back(rt.spawn(collect<int>, rx));
  for (int i = 0; i < producers; ++i)
    rt.spawn(send_numbers, tx, i * each_sends, (i + 1) * each_sends).detach();
  tx = {};
  rx = {};
  std::multiset<int> all;
  for (auto& each : consuming) {
    std::map<int, int> last;
    for (const auto value : each.blocking_join()) {
      const auto from = value / each_sends;
      CHECK((last.count(from) == 0 || last[from] < value));
      last[from] = value;
      all.insert(value);
    }
  }
  const auto expected = numbers(0, producers * each_sends);
  CHECK(std::vector<int>(all.begin(), all.end()) == expected);
}

TEST_CASE(
  "a ring of tasks hands a token on in order, buffered and not (Go: "
  "fifo)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  // Each station passes its number on only after its predecessor's arrived.
  std::vector<int> order;
  auto first = make_channel<int>(rt, kind.options<int>());
  auto start = first.tx;
  receiver<int> before = first.rx;
  std::vector<levada::join_handle<void>> stations;
  for (int i = 0; i < 10; ++i) {
    auto next = make_channel<int>(rt, kind.options<int>());
    stations.push_back(rt.spawn(
      [&order](receiver<int> in, sender<int> out, int self) -> task<> {
        auto token = co_await in.receive();
        if (token)
          order.push_back(self);
        auto sent = co_await out.send(self);
        (void)sent;
      },
      before, next.tx, i));
    before = next.rx;
  }
  REQUIRE(start.blocking_send(-1));
  CHECK(before.blocking_receive().value() == 9);
  for (auto& each : stations)
    each.blocking_join();
  CHECK(order == numbers(0, 10));
}
