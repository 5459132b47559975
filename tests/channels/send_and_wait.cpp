// send_and_wait: the sender learns that this very item was received, or has it
// back and the queue does not.
#include "support.hpp"

using namespace levada_tests;

namespace {

/// 0: received; else the item that came back, or -1 when it was dropped.
task<int> deliver(sender<int> out, int item, std::stop_token stop) {
  auto sent = co_await out.send_and_wait(item, stop);
  if (sent)
    co_return 0;
  co_return sent.dropped() ? -1 : sent.take();
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

TEST_CASE(
  "send_and_wait on a full channel that rejects hands the item back at once "
  "(I-10, X-08)") {
  const bool by_task = GENERATE(true, false);
  const int capacity = GENERATE(0, 1, 3);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(
    rt, {.capacity = capacity, .on_full = overflow::reject});
  for (int i = 0; i < capacity; ++i)
    REQUIRE(tx.try_send(std::make_unique<int>(i)));
  const auto check = [](auto sent) {
    CHECK_FALSE(sent);
    CHECK(sent.full());
    CHECK_FALSE(sent.dropped());
    CHECK(sent.error() == errc::full);
    CHECK(*sent.take() == 7);
  };
  if (by_task) {
    rt.block_on(
      [](sender<std::unique_ptr<int>> out, auto judge) -> task<> {
        auto item = std::make_unique<int>(7);
        auto sent = co_await out.send_and_wait(std::move(item));
        judge(std::move(sent));
        item = std::make_unique<int>(7);
        auto timed = co_await out.send_and_wait_for(std::move(item), 1h);
        judge(std::move(timed));
      },
      tx, check);
  } else {
    check(tx.blocking_send_and_wait(std::make_unique<int>(7)));
    check(tx.blocking_send_and_wait_for(std::make_unique<int>(7), 1h));
  }
  CHECK(tx.size() == static_cast<std::size_t>(capacity));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "send_and_wait with room waits for the receipt under every policy "
  "(I-10, X-08)") {
  const auto policy
    = GENERATE(overflow::wait, overflow::reject, overflow::drop_oldest,
               overflow::drop_newest_queued, overflow::drop_incoming);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1, .on_full = policy});
  auto waiting = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.size() == 1; });
  CHECK_FALSE(waiting.done());
  CHECK(rx.try_receive().value() == 1);
  CHECK(waiting.blocking_join() == 0);
}

TEST_CASE(
  "send_and_wait is told when its own item is the one that is dropped "
  "(I-10, X-08)") {
  const bool rendezvous = GENERATE(true, false);
  runtime rt{{.workers = 1}};
  std::vector<int> letters;
  auto [tx, rx] = make_channel<int>(
    rt, {.capacity = rendezvous ? 0 : 1,
         .on_full = overflow::drop_incoming,
         .on_dead_letter = [&](int&& item, levada::dead_letter_reason why) {
           CHECK(why == levada::dead_letter_reason::overflow);
           letters.push_back(item);
         }});
  if (!rendezvous)
    REQUIRE(tx.try_send(1));
  auto sent = tx.blocking_send_and_wait(2);
  CHECK_FALSE(sent);
  CHECK(sent.error() == errc::dropped);
  CHECK(sent.dropped());
  CHECK(sent.status() == send_status::dropped);
  CHECK_FALSE(sent.has_value());
  CHECK(letters == std::vector<int>{2});
  CHECK(rt.block_on(deliver, tx, 3, std::stop_token{}) == -1);
  CHECK(letters == std::vector<int>{2, 3});
  CHECK(rx.drain() == (rendezvous ? std::vector<int>{} : std::vector<int>{1}));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "send_and_wait on a full channel that drops others takes their place "
  "(I-10, X-08)") {
  const bool oldest = GENERATE(true, false);
  const bool by_task = GENERATE(true, false);
  runtime rt{{.workers = 1}};
  std::vector<int> letters;
  auto [tx, rx] = make_channel<int>(
    rt,
    {.capacity = 3,
     .on_full = oldest ? overflow::drop_oldest : overflow::drop_newest_queued,
     .on_dead_letter = [&](int&& item, levada::dead_letter_reason) {
       letters.push_back(item);
     }});
  for (int i = 1; i < 4; ++i)
    REQUIRE(tx.try_send(i));
  std::vector<int> rest;
  if (by_task) {
    auto waiting = rt.spawn(deliver, tx, 4, std::stop_token{});
    until([&] { return tx.stats().sent == 4; });
    CHECK_FALSE(waiting.done());
    rest = rx.drain();
    CHECK(waiting.blocking_join() == 0);
  } else {
    bool received = false;
    std::thread waiting{[&received, tx = tx] {
      received = static_cast<bool>(tx.blocking_send_and_wait(4));
    }};
    until([&] { return tx.stats().sent == 4; });
    rest = rx.drain();
    waiting.join();
    CHECK(received);
  }
  CHECK(letters == std::vector<int>{oldest ? 1 : 3});
  CHECK(rest
        == (oldest ? std::vector<int>{2, 3, 4} : std::vector<int>{1, 2, 4}));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "one send_and_wait that takes another's place ends that other's wait "
  "(I-10, X-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::drop_oldest});
  auto first = rt.spawn(deliver, tx, 1, std::stop_token{});
  until([&] { return tx.stats().sent == 1; });
  auto second = rt.spawn(deliver, tx, 2, std::stop_token{});
  CHECK(first.blocking_join() == -1);
  CHECK_FALSE(second.done());
  CHECK(rx.try_receive().value() == 2);
  CHECK(second.blocking_join() == 0);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a send_and_wait that gives up before it waits drops nobody's item "
  "(I-10, S-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::drop_oldest});
  REQUIRE(tx.try_send(1));
  std::stop_source stop;
  stop.request_stop();
  CHECK(rt.block_on(deliver, tx, 2, stop.get_token()) == 2);
  auto stopped = tx.blocking_send_and_wait(3, stop.get_token());
  CHECK(stopped.cancelled());
  CHECK(stopped.take() == 3);
  auto late = tx.blocking_send_and_wait_for(4, 0s);
  CHECK(late.timed_out());
  CHECK(late.take() == 4);
  CHECK(rx.drain() == std::vector<int>{1});
  CHECK(tx.stats().dead_lettered == 0);
}

TEST_CASE(
  "send_and_wait that drops for a place survives the channel's end "
  "(I-10, X-08)",
  "[stress]") {
  // The dropped item is told of when the sender may have gone on already, and
  // with it the last handle.
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 2000; ++round) {
    std::atomic<int> letters{0};
    auto ends = make_channel<std::string>(
      rt, {.capacity = 1,
           .on_full = overflow::drop_oldest,
           .on_dead_letter
           = [&](std::string&&, levada::dead_letter_reason) { ++letters; }});
    REQUIRE(ends.tx.try_send("dropped"));
    auto receiving = rt.spawn(
      [](receiver<std::string> in) -> task<std::string> {
        std::string last;
        while (auto v = co_await in.receive()) {
          last = *v;
          if (last == "kept")
            break;
        }
        co_return last;
      },
      std::move(ends.rx));
    auto sending = rt.spawn(
      [](sender<std::string> out) -> task<bool> {
        std::string item = "kept";
        auto sent = co_await out.send_and_wait(std::move(item));
        co_return static_cast<bool>(sent);
      },
      std::move(ends.tx));
    CHECK(sending.blocking_join());
    CHECK(receiving.blocking_join() == "kept");
    until([&] { return rt.channels().empty(); });
    CHECK(letters <= 1);
  }
}
