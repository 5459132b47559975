// Permits: places in the buffer that are promised before there is a value.
#include "support.hpp"

using namespace levada_tests;

namespace {

task<levada::permit<int>> reserve(sender<int> out) {
  auto place = co_await out.reserve();
  co_return std::move(place).value();
}

} // namespace

TEST_CASE(
  "a permit's place counts as taken until it is used or dropped "
  "(B-03)") {
  const auto capacity = GENERATE(1, 2, 16);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  for (int i = 1; i < capacity; ++i)
    REQUIRE(tx.try_send(i));
  {
    auto place = tx.try_reserve();
    REQUIRE(place);
    CHECK(tx.try_send(0).full());
    CHECK(tx.try_reserve().full());
  }
  CHECK(tx.try_send(capacity));
  CHECK(rx.drain() == numbers(1, capacity + 1));
}

TEST_CASE("a permit sends without waiting, once (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto place = rt.block_on(reserve, tx);
  CHECK(place.send(7).status() == send_status::queued);
  CHECK_FALSE(place);
  CHECK_THROWS_AS(place.send(8), levada::channel_error);
  CHECK(rx.try_receive().value() == 7);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a permit's value goes straight to a receiver that waits (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto place = rt.block_on(reserve, tx);
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  CHECK(place.send(7).status() == send_status::delivered);
  until_receivers_wait(rx, 1);
  CHECK(tx.try_send(8));
  tx.close();
  CHECK(receiving.blocking_join() == numbers(7, 9));
}

TEST_CASE("reserve waits its turn among those who send (B-03, G-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto reserving = rt.spawn(reserve, tx);
  until_senders_wait(tx, 1);
  auto sending = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 2);
  CHECK(rx.try_receive().value() == 1);
  auto place = reserving.blocking_join();
  CHECK_FALSE(sending.done());
  REQUIRE(place.send(2));
  CHECK(rx.try_receive().value() == 2);
  CHECK(sending.blocking_join() == 1);
  CHECK(rx.try_receive().value() == 3);
}

TEST_CASE("dropping a permit lets the next sender in (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto place = rt.block_on(reserve, tx);
  auto sending = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 1);
  place = {};
  CHECK(sending.blocking_join() == 1);
  CHECK(rx.try_receive().value() == 3);
}

TEST_CASE(
  "a waiting permit does not keep a receiver from a value behind it "
  "(B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto first = rt.block_on(reserve, tx);
  auto second = rt.spawn(reserve, tx);
  until_senders_wait(tx, 1);
  auto sending = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 2);
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got ? *got : -1;
    },
    rx);
  until([&] { return receiving.done() || rx.info().waiting_receivers == 1; });
  first = {};
  second.blocking_join() = {};
  CHECK(sending.blocking_join() == 1);
  CHECK(receiving.blocking_join() == 3);
  CHECK(rx.info().size == 0);
}

TEST_CASE(
  "a closed channel is not drained while a permit lives, whose value "
  "is still taken (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto place = rt.block_on(reserve, tx);
  tx.close();
  CHECK(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.try_receive().empty());
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  CHECK(place.send(5));
  CHECK(receiving.blocking_join() == numbers(5, 6));
  CHECK(rx.is_closed());
}

TEST_CASE("dropping the last permit of a closed channel drains it (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto place = rt.block_on(reserve, tx);
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  tx.close();
  CHECK_FALSE(receiving.done());
  place = {};
  CHECK(receiving.blocking_join().empty());
}

TEST_CASE("a permit keeps the channel open as a sender does (B-03, B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto place = rt.block_on(reserve, tx);
  tx = {};
  CHECK_FALSE(rx.is_closed());
  REQUIRE(place.send(1));
  CHECK(rx.try_receive().value() == 1);
  CHECK(rx.is_closed());
}

TEST_CASE(
  "a permit fails with its value when nobody is left to receive "
  "(B-03, B-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto place = rt.block_on(reserve, tx);
  rx = {};
  auto sent = place.send(9);
  CHECK(sent.closed());
  CHECK(sent.value() == 9);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("closing ends a wait for a place (B-03, X-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto reserving = rt.spawn(
    [](sender<int> out) -> task<bool> {
      auto place = co_await out.reserve();
      co_return place.closed();
    },
    tx);
  until_senders_wait(tx, 1);
  tx.close();
  CHECK(reserving.blocking_join());
  CHECK(tx.try_reserve().closed());
  CHECK(tx.stats().handed_back == 0);
}

TEST_CASE("a rendezvous channel has no places to promise (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  try {
    static_cast<void>(tx.try_reserve());
    FAIL("it promised one");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::invalid_argument);
  }
}

TEST_CASE("a permit that is moved is still one permit (B-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto a = rt.block_on(reserve, tx);
  levada::permit<int> b = std::move(a);
  CHECK_FALSE(a);
  CHECK(b);
  levada::permit<int> c;
  c = std::move(b);
  CHECK(c.send(1));
  CHECK(tx.try_send(2).full());
  CHECK(rx.try_receive().value() == 1);
  CHECK(tx.try_send(2));
}
