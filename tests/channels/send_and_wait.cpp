// send_and_wait: the sender learns that this very item was received, or has it
// back and the queue does not.
#include "support.hpp"

using namespace levada_tests;

namespace {

/// 0: received; else the item that came back, or -1 when it was dropped.
task<int> deliver(sender<int> out, int item, std::stop_token stop) {
  auto sent = co_await out.send_and_wait(item, stop);
  if (sent)
    co_return sent.status() == send_status::dropped ? -1 : 0;
  co_return sent.status() == send_status::dropped ? -1 : sent.take();
}

} // namespace

TEST_CASE(
  "send_and_wait ends when that item is received, not when it is "
  "buffered (I-10)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto first = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.stats().sent == 1; });
  auto second = rt.spawn(deliver, tx, 2, std::stop_token{});
  until([&] { return tx.stats().sent == 2; });
  CHECK_FALSE(first.done());
  CHECK_FALSE(second.done());
  CHECK(rx.try_receive().value() == 1);
  CHECK(first.blocking_join() == 0);
  CHECK_FALSE(second.done());
  CHECK(rx.try_receive().value() == 2);
  CHECK(second.blocking_join() == 0);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "send_and_wait into the hands of a waiting receiver is over at once "
  "(I-10)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  auto sent = tx.blocking_send_and_wait(5);
  CHECK(sent);
  CHECK(sent.status() == send_status::delivered);
  tx.close();
  CHECK(receiving.blocking_join() == numbers(5, 6));
}

TEST_CASE(
  "receipts come in the order of the items, among plain sends "
  "(I-10, G-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 16});
  std::vector<levada::join_handle<int>> waiting;
  for (int i = 0; i < 4; ++i) {
    REQUIRE(tx.try_send(10 * i));
    waiting.push_back(rt.spawn(deliver, tx, 10 * i + 1, std::stop_token{}));
    until([&] { return tx.size() == static_cast<std::size_t>(2 * i + 2); });
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(rx.try_receive().value() == 10 * i);
    CHECK_FALSE(waiting[static_cast<std::size_t>(i)].done());
    CHECK(rx.try_receive().value() == 10 * i + 1);
    CHECK(waiting[static_cast<std::size_t>(i)].blocking_join() == 0);
  }
}

TEST_CASE(
  "a time that passes un-sends: the queue closes up and the item comes "
  "back (I-10, S-01)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  const auto capacity = GENERATE(5, 8, 100);
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = capacity});
  REQUIRE(tx.try_send("a"));
  auto waiting = rt.spawn(
    [](sender<std::string> out) -> task<std::string> {
      std::string item = "mine";
      auto sent = co_await out.send_and_wait_for(std::move(item), 1s);
      co_return sent.timed_out() ? sent.take() : "it went";
    },
    tx);
  until([&] { return tx.size() == 2 && clock.armed() == 1; });
  REQUIRE(tx.try_send("b"));
  REQUIRE(tx.try_send("c"));
  clock.advance(1s);
  CHECK(waiting.blocking_join() == "mine");
  CHECK(tx.size() == 3);
  CHECK(rx.drain() == std::vector<std::string>({"a", "b", "c"}));
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().handed_back == 1);
}

TEST_CASE(
  "un-sending one item does not disturb the receipts of the others "
  "(I-10, I-37)") {
  // Which of three is withdrawn: the first, one between, the tail.
  const auto gone = GENERATE(0, 1, 2);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  std::array<std::stop_source, 3> stops;
  std::vector<levada::join_handle<int>> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.push_back(rt.spawn(deliver, tx, i + 1,
                               stops[static_cast<std::size_t>(i)].get_token()));
    until([&] { return tx.size() == static_cast<std::size_t>(i + 1); });
  }
  stops[static_cast<std::size_t>(gone)].request_stop();
  CHECK(waiting[static_cast<std::size_t>(gone)].blocking_join() == gone + 1);
  CHECK(tx.size() == 2);
  REQUIRE(tx.try_send(9)); // after the tail was removed, too
  for (int i = 0; i < 3; ++i) {
    if (i == gone)
      continue;
    CHECK_FALSE(waiting[static_cast<std::size_t>(i)].done());
    CHECK(rx.try_receive().value() == i + 1);
    CHECK(waiting[static_cast<std::size_t>(i)].blocking_join() == 0);
  }
  CHECK(rx.try_receive().value() == 9);
  CHECK(rx.try_receive().empty());
}

TEST_CASE("un-sending makes room for whoever waits for it (I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  auto first = rt.spawn(deliver, tx, 1, stop.get_token());
  until([&] { return tx.size() == 1; });
  auto plain = rt.spawn(send_numbers, tx, 2, 3);
  until_senders_wait(tx, 1);
  auto third = rt.spawn(deliver, tx, 3, std::stop_token{});
  until_senders_wait(tx, 2);
  stop.request_stop();
  CHECK(first.blocking_join() == 1);
  CHECK(plain.blocking_join() == 1);
  CHECK(rx.drain() == numbers(2, 4));
  CHECK(third.blocking_join() == 0);
}

TEST_CASE("an item received before the stop stays received (S-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  auto waiting = rt.spawn(deliver, tx, 1, stop.get_token());
  until([&] { return tx.size() == 1; });
  CHECK(rx.try_receive().value() == 1);
  stop.request_stop();
  CHECK(waiting.blocking_join() == 0);
}

TEST_CASE(
  "a draining close lets the items be received, and their senders know "
  "(X-01, I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto buffered = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.size() == 1; });
  auto parked = rt.spawn(deliver, tx, 2, std::stop_token{});
  until_senders_wait(tx, 1);
  tx.close();
  CHECK(parked.blocking_join() == 2);
  CHECK_FALSE(buffered.done());
  CHECK(rx.try_receive().value() == 1);
  CHECK(buffered.blocking_join() == 0);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("un-sending from a closing channel drains it (I-10, B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  auto waiting = rt.spawn(deliver, tx, 1, stop.get_token());
  until([&] { return tx.size() == 1; });
  tx.close();
  stop.request_stop();
  CHECK(waiting.blocking_join() == 1);
  CHECK(rx.is_closed());
  CHECK(rx.try_receive().closed());
}

TEST_CASE(
  "what is dropped for another item has no receipt, and its sender is "
  "told (I-10, X-08)") {
  runtime rt{{.workers = 1}};
  SECTION("the oldest") {
    auto [tx, rx] = make_channel<int>(
      rt, {.capacity = 2, .on_full = overflow::drop_oldest});
    auto waiting = rt.spawn(deliver, tx, 1, std::stop_token{});
    until([&] { return tx.size() == 1; });
    REQUIRE(tx.try_send(2));
    CHECK_FALSE(waiting.done());
    REQUIRE(tx.try_send(3));
    CHECK(waiting.blocking_join() == -1);
    CHECK(rx.drain() == numbers(2, 4));
    CHECK(conserved(tx.stats()));
  }
  SECTION("the newest") {
    auto [tx, rx] = make_channel<int>(
      rt, {.capacity = 2, .on_full = overflow::drop_newest_queued});
    auto staying = rt.spawn(deliver, tx, 1, std::stop_token{});
    until([&] { return tx.size() == 1; });
    auto going = rt.spawn(deliver, tx, 2, std::stop_token{});
    until([&] { return tx.size() == 2; });
    REQUIRE(tx.try_send(3));
    CHECK(going.blocking_join() == -1);
    CHECK_FALSE(staying.done());
    CHECK(rx.try_receive().value() == 1);
    CHECK(staying.blocking_join() == 0);
    CHECK(rx.try_receive().value() == 3);
    CHECK(conserved(tx.stats()));
  }
  SECTION("by force_send, which gives it to somebody else") {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    auto waiting = rt.spawn(deliver, tx, 1, std::stop_token{});
    until([&] { return tx.size() == 1; });
    CHECK(tx.force_send(2) == 1);
    CHECK(waiting.blocking_join() == -1);
    CHECK(conserved(tx.stats()));
  }
}

TEST_CASE("the last receiver gone ends every wait for a receipt (X-04, I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto buffered = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.size() == 1; });
  auto parked = rt.spawn(deliver, tx, 2, std::stop_token{});
  until_senders_wait(tx, 1);
  rx = {};
  CHECK(buffered.blocking_join() == 1);
  CHECK(parked.blocking_join() == 2);
  CHECK(tx.stats().handed_back == 2);
  CHECK(tx.stats().dead_lettered == 0);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "closing by force ends a wait for a receipt, and the value comes back "
  "(I-10, I-21)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto buffered = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.size() == 1; });
  REQUIRE(tx.try_send(2)); // nobody waits for this one
  rt.close(tx.id(), {.force = true});
  CHECK(buffered.blocking_join() == 1);
  CHECK(tx.stats().handed_back == 1);
  CHECK(tx.stats().dead_lettered == 1);
  CHECK(tx.close_record().undelivered == 2);
  CHECK(rx.try_receive().closed());
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a thread's send_and_wait waits, and gives up in time (I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto late = tx.blocking_send_and_wait_for(1, 1ms);
  CHECK(late.timed_out());
  CHECK(late.value() == 1);
  CHECK(tx.size() == 0);
  auto none = tx.blocking_send_and_wait_for(1, 0ms);
  CHECK(none.timed_out());
  CHECK(tx.size() == 0);
  std::jthread receiving{
    [&rx = rx] { static_cast<void>(rx.blocking_receive()); }};
  CHECK(tx.blocking_send_and_wait(2));
}
