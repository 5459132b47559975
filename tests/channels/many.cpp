// Many at once: send_many, receive_many, drain.
#include <deque>
#include <list>

#include "support.hpp"

using namespace levada_tests;

TEST_CASE("send_many sends all in order, waiting where it must (B-05)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto receiving = rt.spawn(collect<int>, std::move(rx));
  auto went = rt.block_on(tx.send_many(numbers(0, 300)));
  CHECK(went);
  CHECK(went.sent() == 300);
  CHECK(went.rest().empty());
  tx = {};
  CHECK(receiving.blocking_join() == numbers(0, 300));
}

TEST_CASE("send_many takes any range (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 16});
  const std::list<const char*> words{"a", "b"};
  CHECK(rt.block_on(tx.send_many(words)).sent() == 2);
  const std::deque<std::string> more{"c", "d"};
  CHECK(rt.block_on(tx.send_many(more)).sent() == 2);
  CHECK(rt.block_on(tx.send_many(std::vector<std::string>())).sent() == 0);
  CHECK(rx.drain() == std::vector<std::string>({"a", "b", "c", "d"}));
}

TEST_CASE(
  "send_many that meets the closing says how many went and gives the "
  "rest back in order (B-05, B-08)") {
  const auto capacity = GENERATE(0, 1, 2, 16);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto sending = rt.spawn(tx.send_many(numbers(0, 100)));
  until_senders_wait(tx, 1);
  CHECK(rx.try_receive().value() == 0);
  until_senders_wait(tx, 1);
  tx.close();
  auto went = sending.blocking_join();
  CHECK_FALSE(went);
  CHECK(went.closed());
  CHECK(went.sent() == static_cast<std::size_t>(capacity + 1));
  CHECK(went.rest() == numbers(capacity + 1, 100));
  CHECK(rx.drain() == numbers(1, capacity + 1));
  CHECK(conserved(rx.stats()));
}

TEST_CASE("send_many on a rejecting channel stops where it is full (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<int>(rt, {.capacity = 3, .on_full = overflow::reject});
  auto went = rt.block_on(tx.send_many(numbers(0, 5)));
  CHECK(went.error() == errc::full);
  CHECK(went.sent() == 3);
  CHECK(went.rest() == numbers(3, 5));
  CHECK(rx.drain() == numbers(0, 3));
}

TEST_CASE("send_many of move-only items gives them back whole (B-05, B-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 1});
  tx.close();
  std::vector<std::unique_ptr<int>> items;
  for (int i = 0; i < 3; ++i)
    items.push_back(std::make_unique<int>(i));
  auto went = rt.block_on(tx.send_many(std::move(items)));
  CHECK(went.closed());
  REQUIRE(went.rest().size() == 3);
  for (int i = 0; i < 3; ++i)
    CHECK(*went.rest()[static_cast<std::size_t>(i)] == i);
}

TEST_CASE(
  "receive_many waits for the first and takes what else is there "
  "(B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  std::vector<int> got;
  auto receiving = rt.spawn(rx.receive_many(got, 3));
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(0));
  CHECK(receiving.blocking_join().count() == 1);
  CHECK(got == numbers(0, 1));
  for (int i = 1; i < 6; ++i)
    REQUIRE(tx.try_send(i));
  CHECK(rt.block_on(rx.receive_many(got, 3)).count() == 3);
  CHECK(got == numbers(0, 4));
  CHECK(rt.block_on(rx.receive_many(got, 100)).count() == 2);
  CHECK(got == numbers(0, 6));
}

TEST_CASE("receive_many takes from parked senders too (B-05)") {
  const auto capacity = GENERATE(0, 2);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  std::vector<levada::join_handle<int>> sending;
  for (int i = 0; i < 6; ++i) {
    sending.push_back(rt.spawn(send_numbers, tx, i, i + 1));
    if (i >= capacity)
      until_senders_wait(tx, static_cast<std::uint32_t>(i - capacity + 1));
    else
      until([&] { return tx.size() == static_cast<std::size_t>(i + 1); });
  }
  std::deque<int> got;
  CHECK(rt.block_on(rx.receive_many(got, 4)).count() == 4);
  CHECK(std::vector<int>(got.begin(), got.end()) == numbers(0, 4));
  CHECK(rx.drain() == numbers(4, 6));
  for (auto& each : sending)
    CHECK(each.blocking_join() == 1);
}

TEST_CASE("receive_many of nothing takes nothing and does not wait (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::vector<int> got;
  CHECK(rt.block_on(rx.receive_many(got, 0)).count() == 0);
  REQUIRE(tx.try_send(1));
  CHECK(rt.block_on(rx.receive_many(got, 0)).count() == 0);
  CHECK(rx.size() == 1);
}

TEST_CASE("receive_many on a closed channel drains, then says closed (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(rt.block_on(tx.send_many(numbers(0, 3))));
  tx.close();
  std::vector<int> got;
  CHECK(rt.block_on(rx.receive_many(got, 2)).count() == 2);
  CHECK(rt.block_on(rx.receive_many(got, 2)).count() == 1);
  const auto last = rt.block_on(rx.receive_many(got, 2));
  CHECK(last.closed());
  CHECK(last.count() == 0);
  CHECK(got == numbers(0, 3));
}

TEST_CASE(
  "drain takes everything at one instant, and refills from parked "
  "senders (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 2});
  CHECK(rx.drain().empty());
  REQUIRE(tx.try_send("a"));
  REQUIRE(tx.try_send("b"));
  auto parked = rt.spawn(
    [](sender<std::string> out) -> task<> {
      std::string item = "c";
      auto sent = co_await out.send(std::move(item));
      (void)sent;
    },
    tx);
  until_senders_wait(tx, 1);
  CHECK(rx.drain() == std::vector<std::string>({"a", "b", "c"}));
  parked.blocking_join();
  CHECK(rx.stats().received == 3);
  CHECK(receiver<int>{}.drain().empty());
}

TEST_CASE("a thread sends many, in order, past the capacity (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto receiving = rt.spawn(collect<int>, std::move(rx));
  auto went = tx.blocking_send_many(numbers(0, 100));
  CHECK(went.sent() == 100);
  tx.close();
  CHECK(receiving.blocking_join() == numbers(0, 100));
  auto late = tx.blocking_send_many(numbers(0, 2));
  CHECK(late.closed());
  CHECK(late.rest() == numbers(0, 2));
}

TEST_CASE(
  "what goes at once and what waits keep their order, items that own "
  "memory too (B-05)") {
  const auto capacity = GENERATE(0, 1, 5, 64, 1000);
  const auto most = GENERATE(1, 3, 1000);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = capacity});
  std::vector<std::string> items;
  for (int i = 0; i < 700; ++i)
    items.push_back("an item too long to lie in the string: "
                    + std::to_string(i));
  std::jthread sending{[out = std::move(tx), items] {
    if (!out.blocking_send_many(items))
      return;
    (void)static_cast<bool>(out.blocking_send_many(items));
  }};
  std::vector<std::string> got;
  for (;;) {
    const auto had = got.size();
    const auto went
      = rx.blocking_receive_many(got, static_cast<std::size_t>(most));
    if (!went)
      break;
    REQUIRE(got.size() == had + went.count());
    REQUIRE(went.count() <= static_cast<std::size_t>(most));
  }
  auto twice = items;
  twice.insert(twice.end(), items.begin(), items.end());
  CHECK(got == twice);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "many items at once wake as many receivers, each gets the next (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  std::vector<levada::join_handle<int>> receiving;
  for (std::uint32_t i = 0; i < 3; ++i) {
    receiving.push_back(rt.spawn(
      [](receiver<int> in) -> task<int> {
        auto got = co_await in.receive();
        co_return got.value();
      },
      rx));
    until_receivers_wait(rx, i + 1);
  }
  CHECK(tx.blocking_send_many(numbers(0, 5)).sent() == 5);
  for (int i = 0; i < 3; ++i)
    CHECK(receiving[static_cast<std::size_t>(i)].blocking_join() == i);
  CHECK(rx.drain() == numbers(3, 5));
}

TEST_CASE("a thread sends many of what a vector does not hold as such (B-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<bool>(rt, {.capacity = 4});
  const std::vector<bool> items{true, false, true};
  CHECK(tx.blocking_send_many(items).sent() == 3);
  std::vector<bool> got;
  CHECK(rx.blocking_receive_many(got, 8).count() == 3);
  CHECK(got == items);
}
