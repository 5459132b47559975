// Closing: who may, what it does to whoever waits, and what stays receivable.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "what is buffered is received before the closing shows, then closed "
  "for ever (G-07, F-06, X-03)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  REQUIRE_FALSE(rx.try_receive());
  const bool buffers = tx.try_send(4) && tx.size() == 1;
  CHECK(tx.close());
  CHECK(tx.is_closed());
  if (buffers) {
    CHECK_FALSE(rx.is_closed());
    CHECK(rx.try_receive().value() == 4);
  }
  CHECK(rx.is_closed());
  for (int i = 0; i < 3; ++i) {
    auto again = rx.try_receive();
    CHECK_FALSE(again);
    CHECK(again.closed());
    CHECK(again.error() == errc::closed);
    CHECK_FALSE(again.empty());
  }
  const auto waited = rt.block_on([&rx = rx]() -> task<bool> {
    auto last = co_await rx.receive();
    co_return last.closed();
  });
  CHECK(waited);
}

TEST_CASE(
  "a send on a closed channel fails and hands the value back (G-08, "
  "F-03, J-03)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, kind.options<std::string>());
  tx.close();
  auto tried = tx.try_send("mine");
  CHECK(tried.closed());
  CHECK_FALSE(tried.full());
  CHECK(tried.take() == "mine");
  auto blocked = tx.blocking_send("mine");
  CHECK(blocked.closed());
  CHECK(blocked.take() == "mine");
  rt.block_on([&tx = tx]() -> task<> {
    std::string item = "mine";
    auto sent = co_await tx.send(std::move(item));
    CHECK(sent.error() == errc::closed);
    CHECK(sent.take() == "mine");
  });
  CHECK(tx.stats().sent == 0);
}

TEST_CASE(
  "close wakes a parked sender with its value back (X-01, F-03, J-04, "
  "S-07, S-12)") {
  const auto capacity = GENERATE(0, 1, 2, 16);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = capacity});
  for (int i = 0; i < capacity; ++i)
    REQUIRE(tx.try_send(std::to_string(i)));
  auto parked = rt.spawn(
    [](sender<std::string> out) -> task<std::string> {
      std::string item = "mine";
      auto sent = co_await out.send(std::move(item));
      co_return sent.closed() ? sent.take() : "it went";
    },
    tx);
  until_senders_wait(tx, 1);
  CHECK(tx.close());
  CHECK(parked.blocking_join() == "mine");
  // It did not slip in after the closing.
  CHECK(rx.drain().size() == static_cast<std::size_t>(capacity));
  CHECK(rx.is_closed());
  CHECK(rx.stats().handed_back == 1);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("close wakes everybody who waits to receive (G-08, G-13)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<levada::unit>(rt, kind.options<levada::unit>());
  std::vector<levada::join_handle<bool>> waiting;
  for (int i = 0; i < 8; ++i)
    waiting.push_back(rt.spawn(
      [](receiver<levada::unit> in) -> task<bool> {
        auto got = co_await in.receive();
        co_return got.closed();
      },
      rx));
  until_receivers_wait(rx, 8);
  CHECK(tx.close());
  for (auto& each : waiting)
    CHECK(each.blocking_join());
}

TEST_CASE("a second close is harmless and says so (X-02, F-06, J-07)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  const auto other = tx;
  CHECK(tx.close());
  CHECK_FALSE(tx.close());
  CHECK_FALSE(other.close());
  CHECK_FALSE(other.close("too late"));
  CHECK(tx.close_record().reason == levada::close_reason::closed);
  CHECK(tx.close_record().cause == nullptr);
}

TEST_CASE("of many who close at once exactly one is told it was open (X-02)") {
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 200; ++round) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    std::atomic<int> closed{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 3; ++i)
        threads.emplace_back([&closed, tx = tx] { closed += tx.close(); });
    }
    REQUIRE(closed == 1);
  }
}

TEST_CASE(
  "the last sender gone closes the channel, the copies before do not "
  "(B-01)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  {
    const auto copy = tx;
    auto moved = std::move(tx);
    CHECK_FALSE(tx);
    CHECK(rx.info().sender_handles == 2);
    moved = {};
    CHECK_FALSE(rx.is_closed());
    CHECK(rx.info().sender_handles == 1);
  }
  CHECK(rx.is_closed());
  CHECK(rx.close_record().reason == levada::close_reason::finished);
  CHECK(rx.info().sender_handles == 0);
}

TEST_CASE(
  "the last receiver gone closes the channel and frees parked senders "
  "(X-04, B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(
    [](sender<int> out) -> task<int> {
      auto sent = co_await out.send(2);
      co_return sent.closed() ? sent.take() : 0;
    },
    tx);
  until_senders_wait(tx, 1);
  {
    const auto copy = rx;
    rx = {};
    CHECK_FALSE(tx.is_closed());
  }
  CHECK(tx.is_closed());
  CHECK_FALSE(tx.has_receivers());
  CHECK(parked.blocking_join() == 2);
  CHECK(tx.close_record().reason == levada::close_reason::no_receivers);
  const auto stats = tx.stats();
  CHECK(stats.dead_lettered == 1);
  CHECK(stats.handed_back == 1);
  CHECK(conserved(stats));
}

TEST_CASE(
  "a receiver that closes detaches alone, the channel goes on for the "
  "others (X-04, F-30, F-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto other = rx;
  REQUIRE(tx.try_send(1));
  CHECK(rx.close());
  CHECK_FALSE(rx.close());
  CHECK(rx.try_receive().closed());
  CHECK(rx.is_closed());
  CHECK(rx.id() == tx.id());
  CHECK_FALSE(tx.is_closed());
  CHECK_FALSE(rx.close_record()); // the handle is closed, its channel is not
  CHECK(other.try_receive().value() == 1);
  CHECK(other.close());
  CHECK(tx.is_closed());
  CHECK(tx.try_send(2).closed());
}

TEST_CASE(
  "is_closed differs between the ends while the channel drains "
  "(I-07, I-20)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  CHECK(rx.info().state == levada::channel_state::open);
  tx.close();
  CHECK(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.info().state == levada::channel_state::closing);
  CHECK(rx.try_receive());
  CHECK(rx.is_closed());
  CHECK(rx.info().state == levada::channel_state::closed);
}

TEST_CASE(
  "the loop over a channel ends when it is closed and drained (G-09, "
  "F-34, J-05)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  rt.spawn(send_numbers, std::move(tx), -50, 50).detach();
  // Zero is a value like any other and ends nothing.
  CHECK(rt.block_on(collect<int>, rx) == numbers(-50, 50));
  CHECK(rx.close_record().reason == levada::close_reason::finished);
}

TEST_CASE("closing a nil handle is refused in words (G-02)") {
  const sender<int> nil;
  try {
    nil.close();
    FAIL("it was not refused");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::nil_channel);
  }
}
