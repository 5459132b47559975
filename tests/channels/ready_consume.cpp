// ready and consume, and waiting for the closing: waits that take nothing.
#include "support.hpp"

using namespace levada_tests;

namespace {

task<bool> is_ready(receiver<int> in) {
  const bool result = co_await in.ready();
  co_return result;
}

} // namespace

TEST_CASE(
  "ready takes nothing and may be asked again and again (F-31, F-05, "
  "S-11)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto sending = rt.spawn(send_numbers, tx, 5, 6);
  if (kind.on_full != overflow::wait && tx.capacity() == 0) {
    static_cast<void>(sending.blocking_join());
    CHECK(rx.consume().error() == errc::not_ready);
    return;
  }
  CHECK(rt.block_on(is_ready, rx));
  CHECK(rt.block_on(is_ready, rx));
  CHECK(rx.stats().received == 0);
  auto other = rx;
  CHECK(rt.block_on(is_ready, other));
  CHECK(other.consume().value() == 5);
  CHECK(sending.blocking_join() == 1);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("ready waits until something comes (F-31)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto waiting = rt.spawn(is_ready, rx);
  until_receivers_wait(rx, 1);
  auto sending = rt.spawn(send_numbers, tx, 5, 6);
  CHECK(waiting.blocking_join());
  CHECK(rx.consume().value() == 5);
  CHECK(sending.blocking_join() == 1);
}

TEST_CASE(
  "ready is false once the channel is closed and drained, and never "
  "throws (F-31)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  tx.close("with a cause");
  CHECK(rt.block_on(is_ready, rx));
  CHECK(rx.consume().value() == 1);
  CHECK_FALSE(rt.block_on(is_ready, rx));
  CHECK(rx.consume().closed());
}

TEST_CASE("a closing wakes those who wait in ready (F-31)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  std::vector<levada::join_handle<bool>> waiting;
  for (int i = 0; i < 4; ++i)
    waiting.push_back(rt.spawn(is_ready, rx));
  until_receivers_wait(rx, 4);
  tx.close();
  for (auto& each : waiting)
    CHECK_FALSE(each.blocking_join());
}

TEST_CASE("consume without anything ready says so, and harms nothing (F-32)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto early = rx.consume();
  CHECK_FALSE(early);
  CHECK(early.error() == errc::not_ready);
  REQUIRE(tx.try_send(1));
  CHECK(rx.consume().value() == 1);
  CHECK(rx.consume().error() == errc::not_ready);
}

TEST_CASE(
  "of several who were told, one is faster, and the others lose "
  "nothing (F-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto other = rx;
  CHECK(rt.block_on(is_ready, rx));
  CHECK(rt.block_on(is_ready, other));
  CHECK(rx.consume().value() == 1);
  CHECK(other.consume().error() == errc::not_ready);
}

TEST_CASE("a handle dropped after ready loses nothing (F-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  {
    const auto passing = rx;
    CHECK(rt.block_on(is_ready, passing));
  }
  CHECK(rx.try_receive().value() == 1);
}

TEST_CASE(
  "one who waits in ready does not keep a value from one who receives "
  "(F-31)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto told = rt.spawn(is_ready, rx);
  until_receivers_wait(rx, 1);
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got ? *got : -1;
    },
    rx);
  until_receivers_wait(rx, 2);
  CHECK(tx.try_send(4).status() == send_status::delivered);
  CHECK(receiving.blocking_join() == 4);
  tx.close();
  // Told of a value that was gone, or of the closing: either is an answer.
  static_cast<void>(told.blocking_join());
  CHECK(rx.consume().closed());
}

TEST_CASE("ready then consume receives all there is, in order (F-33)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  rt.spawn(send_numbers, std::move(tx), 0, 200).detach();
  const auto got = rt.block_on(
    [](receiver<int> in) -> task<std::vector<int>> {
      std::vector<int> result;
      for (;;) {
        const bool more = co_await in.ready();
        if (!more)
          break;
        result.push_back(in.consume().value());
      }
      co_return result;
    },
    rx);
  CHECK(got == numbers(0, 200));
}

TEST_CASE("a sender learns that the channel closed, by whomever (B-04)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto closed = [](sender<int> out) -> task<bool> {
    const bool result = co_await out.closed();
    co_return result;
  };
  REQUIRE(tx.try_send(1));
  std::vector<levada::join_handle<bool>> waiting;
  for (int i = 0; i < 3; ++i)
    waiting.push_back(rt.spawn(closed, tx));
  until([&] {
    const auto tasks = rt.tasks();
    return std::count_if(tasks.begin(), tasks.end(),
                         [](const auto& each) {
                           return each.reason == levada::wait_reason::closing;
                         })
           == 3;
  });
  SECTION("the receiver goes") {
    rx = {};
  }
  SECTION("somebody closes, and items are left") {
    tx.close();
  }
  for (auto& each : waiting)
    CHECK(each.blocking_join());
  CHECK(rt.block_on(closed, tx));
}
