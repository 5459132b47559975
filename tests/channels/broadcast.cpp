// broadcast: who gets what, coming and going, closing.
#include <memory>
#include <optional>

#include "broadcast_support.hpp"

using namespace levada_tests;
using levada::close_reason;

static_assert(levada::subscribable_sender<broadcast_sender<int>>);
static_assert(levada::cloneable_sender<broadcast_sender<int>>);
static_assert(levada::cloneable_sender<sender<int>>);
static_assert(!levada::subscribable_sender<sender<int>>);
static_assert(!std::is_copy_constructible_v<broadcast_receiver<int>>);

TEST_CASE("every receiver gets every item, in one order (F-07)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_broadcast<std::string>(rt);
  auto second = tx.subscribe();
  auto third = rx.subscribe();
  CHECK(tx.receiver_count() == 3);
  std::vector<levada::join_handle<std::vector<std::string>>> all;
  all.push_back(rt.spawn(collect_all<std::string>, std::move(rx)));
  all.push_back(rt.spawn(collect_all<std::string>, std::move(second)));
  all.push_back(rt.spawn(collect_all<std::string>, std::move(third)));
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back("item " + std::to_string(i));
    REQUIRE(tx.blocking_send(expected.back()));
  }
  tx = {};
  for (auto& each : all)
    CHECK(each.blocking_join() == expected);
}

TEST_CASE(
  "a send to nobody succeeds, is discarded, and is counted and told to "
  "the hook (F-07, S-22)") {
  runtime rt{{.workers = 1}};
  std::vector<int> letters;
  auto [tx, rx] = make_broadcast<int>(
    rt,
    {.on_dead_letter = [&letters](int&& item, levada::dead_letter_reason why) {
      letters.push_back(why == levada::dead_letter_reason::no_receivers ? item
                                                                        : -1);
    }});
  CHECK(tx.try_send(1).status() == send_status::queued);
  rx.close();
  CHECK(letters == numbers(1, 2)); // it was buffered when its receiver left
  CHECK_FALSE(tx.has_receivers());
  auto sent = tx.blocking_send(2);
  CHECK(sent);
  CHECK(sent.status() == send_status::dropped);
  CHECK(tx.try_send(3).status() == send_status::dropped);
  CHECK(letters == numbers(1, 4));
  CHECK(tx.stats().sent == 3);
  CHECK(tx.stats().received == 1);
  CHECK(tx.stats().dead_lettered == 2);
  CHECK(conserved(tx.stats()));
  CHECK_FALSE(tx.is_closed());
  auto later = tx.subscribe();
  REQUIRE(tx.try_send(4));
  CHECK(later.drain() == numbers(4, 5));
}

TEST_CASE("who subscribes late sees only what comes later (F-08, B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  REQUIRE(tx.try_send(1));
  auto from_sender = tx.subscribe();
  auto from_receiver = rx.subscribe();
  CHECK(from_sender.try_receive().empty());
  REQUIRE(tx.try_send(2));
  CHECK(rx.drain() == numbers(1, 3));
  CHECK(from_sender.drain() == numbers(2, 3));
  CHECK(from_receiver.drain() == numbers(2, 3));
}

TEST_CASE("subscribing to a closed broadcast gives a closed receiver (F-08)") {
  const auto resend = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.name = "done", .resend_latest = resend});
  REQUIRE(tx.try_send(1));
  tx.close();
  auto late = tx.subscribe();
  auto later = rx.subscribe({.capacity = 3});
  CHECK(late);
  CHECK(late.is_closed());
  CHECK(late.try_receive().closed());
  CHECK(later.blocking_receive().closed());
  CHECK(late.close_record().reason == close_reason::closed);
  CHECK(late.name() == "done");
  CHECK(late.subscribe().is_closed());
  CHECK_FALSE(late.close());
  CHECK(tx.receiver_count() == 0);
}

TEST_CASE(
  "a receiver that goes is counted no more, and nobody waits for it "
  "(F-11, B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  {
    auto second = tx.subscribe({.capacity = 1, .overflow = overflow::wait});
    CHECK(tx.receiver_count() == 2);
    REQUIRE(tx.try_send(1));
    CHECK(tx.try_send(2).full());
  }
  CHECK(tx.receiver_count() == 1);
  CHECK(tx.info().receiver_handles == 1);
  CHECK(tx.try_send(2));
  CHECK(rx.drain() == numbers(1, 3));
  CHECK(rt.channels().size() == 2); // nothing of it is left
}

TEST_CASE("size counts what a receiver has not received yet (F-12, B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 3});
  auto wide = tx.subscribe({.capacity = 100});
  for (int i = 0; i < 5; ++i)
    REQUIRE(tx.try_send(i));
  CHECK(rx.size() == 3);
  CHECK(rx.capacity() == 3); // exact, not rounded up
  CHECK(wide.size() == 5);
  CHECK(wide.capacity() == 100);
  REQUIRE(wide.try_receive());
  CHECK(wide.size() == 4);
  CHECK(rx.size() == 3);
}

TEST_CASE("no value is special: an empty optional is an item (F-13, S-14)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<std::optional<int>>(rt, {.resend_latest = true});
  REQUIRE(tx.try_send(std::nullopt));
  auto got = rx.try_receive();
  REQUIRE(got);
  CHECK_FALSE(got->has_value());
  auto late = tx.subscribe();
  auto again = late.try_receive();
  REQUIRE(again);
  CHECK_FALSE(again->has_value());
}

TEST_CASE(
  "resend_latest: a new receiver first gets the latest item, also when "
  "it was sent to nobody (F-10, B-11)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<std::string>(rt, {.resend_latest = true});
  for (const auto* each : {"one", "two", "three"})
    REQUIRE(tx.try_send(each));
  auto late = tx.subscribe();
  REQUIRE(tx.try_send("four"));
  CHECK(late.drain() == std::vector<std::string>{"three", "four"});
  CHECK(rx.drain().size() == 4);
  rx.close();
  late.close();
  REQUIRE(tx.try_send("five"));
  CHECK(tx.stats().dead_lettered == 0); // it waits for somebody
  auto next = tx.subscribe();
  CHECK(next.drain() == std::vector<std::string>{"five"});
  auto other = next.subscribe();
  CHECK(other.drain() == std::vector<std::string>{"five"});
  CHECK(tx.stats().received == 5);
}

TEST_CASE("resend_latest is switched while it runs (F-10, S-14)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  CHECK_FALSE(tx.resend_latest());
  REQUIRE(tx.try_send(1));
  CHECK(tx.subscribe().drain().empty());
  tx.resend_latest(true);
  CHECK(tx.resend_latest());
  CHECK(tx.subscribe().drain() == numbers(1, 2));
  tx.resend_latest(false);
  CHECK(tx.subscribe().drain().empty());
}

TEST_CASE(
  "an item kept for the next receiver is a dead letter when another one "
  "replaces it, or the close (F-10, S-14)") {
  runtime rt{{.workers = 1}};
  std::vector<std::string> letters;
  levada::broadcast_options<std::string> options;
  options.resend_latest = true;
  options.on_dead_letter
    = [&letters](std::string&& item, levada::dead_letter_reason why) {
        letters.push_back(item + ": " + to_string(why));
      };
  auto [tx, rx] = make_broadcast<std::string>(rt, options);
  rx.close();
  REQUIRE(tx.try_send("one"));
  CHECK(letters.empty());
  REQUIRE(tx.try_send("two"));
  CHECK(letters == std::vector<std::string>{"one: no receivers"});
  tx.close();
  CHECK(letters
        == std::vector<std::string>{"one: no receivers", "two: no receivers"});
  CHECK(tx.stats().dead_lettered == 2);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("the latest item is let go by the close (F-10, S-14)") {
  const auto by_handle = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<std::shared_ptr<int>>(rt, {.resend_latest = true});
  auto item = std::make_shared<int>(1);
  REQUIRE(tx.try_send(item));
  CHECK(rx.drain().size() == 1);
  CHECK(item.use_count() == 2);
  if (by_handle)
    tx.close();
  else
    tx = {};
  CHECK(item.use_count() == 1);
}

TEST_CASE(
  "closing: what is buffered is received first, then closed, with the "
  "cause (F-16)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  auto second = tx.subscribe();
  auto waiting = rt.spawn(collect_all<int>, tx.subscribe());
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(i));
  CHECK(tx.close("out of sensors"));
  CHECK_FALSE(tx.close());
  CHECK(waiting.blocking_join() == numbers(0, 3));
  auto sent = tx.try_send(3);
  CHECK(sent.closed());
  CHECK(sent.value() == 3);
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.drain() == numbers(0, 3));
  CHECK(rx.is_closed());
  CHECK(rx.try_receive().closed());
  CHECK(rx.close_record().reason == close_reason::failed);
  CHECK(rx.close_record().cause != nullptr);
  CHECK(to_string(rx.close_record()).find("out of sensors")
        != std::string::npos);
  CHECK(second.blocking_receive().value() == 0);
}

TEST_CASE(
  "the last sender gone closes, a detached one says so itself (F-16, "
  "F-17)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  auto clone = tx;
  CHECK(tx.detach());
  CHECK_FALSE(tx.detach());
  CHECK_FALSE(rx.is_closed());
  auto sent = tx.try_send(1);
  CHECK(sent.error() == errc::sender_closed);
  CHECK(sent.value() == 1);
  CHECK(tx.is_closed());
  CHECK(clone.try_send(2));
  clone.close();
  CHECK(clone.try_send(3).error() == errc::closed);
  CHECK(tx.try_send(4).error() == errc::sender_closed); // the handle first
  auto other = make_broadcast<int>(rt);
  other.tx.detach();
  CHECK(other.rx.is_closed());
  CHECK(other.rx.close_record().reason == close_reason::finished);
}

TEST_CASE("auto_close: the last receiver gone closes, too (F-16)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(
    rt, {.capacity = 1, .overflow = overflow::wait, .auto_close = true});
  auto second = tx.subscribe();
  rx.close();
  CHECK_FALSE(tx.is_closed());
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(send_one, tx, 2);
  until_senders_wait(tx, 1);
  second = {};
  CHECK(parked.blocking_join() == errc::closed);
  CHECK(tx.is_closed());
  CHECK(tx.close_record().reason == close_reason::no_receivers);
  CHECK(tx.subscribe().is_closed());
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "closed() and receivers_changed() wake for what they wait for (B-12, "
  "B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  const auto counts = [](broadcast_sender<int> out) -> task<std::vector<int>> {
    std::vector<int> seen;
    while (auto n = co_await out.receivers_changed())
      seen.push_back(static_cast<int>(*n));
    co_return seen;
  };
  CHECK(tx.receiver_count() == 1);
  auto seeing = rt.spawn(counts, tx);
  auto closing = rt.spawn(
    [](broadcast_sender<int> out) -> task<bool> {
      co_return co_await out.closed();
    },
    tx);
  until_receivers_wait(tx, 1);
  auto second = tx.subscribe();
  until_receivers_wait(tx, 1); // it has seen that, and waits for the next
  second.close();
  until_receivers_wait(tx, 1);
  tx.close();
  CHECK(closing.blocking_join());
  CHECK(seeing.blocking_join() == std::vector<int>{2, 1});
}

TEST_CASE(
  "a sender awaits its first receiver without losing the moment (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  rx.close();
  auto active = rt.spawn(
    [](broadcast_sender<int> out) -> task<std::size_t> {
      std::size_t n = 0;
      while (!out.has_receivers()) {
        auto changed = co_await out.receivers_changed();
        if (!changed)
          break;
        n = *changed;
      }
      co_return n;
    },
    tx);
  until_receivers_wait(tx, 1);
  auto late = tx.subscribe();
  CHECK(active.blocking_join() == 1);
  // What changed since this handle last looked is told at once.
  broadcast_sender<int> handle = tx;
  CHECK(handle.receiver_count() == 1);
  auto more = tx.subscribe();
  std::size_t told = 0;
  rt.block_on(
    [](broadcast_sender<int>* out, std::size_t* n) -> task<> {
      auto changed = co_await out->receivers_changed();
      *n = changed ? *changed : 0;
    },
    &handle, &told);
  CHECK(told == 2);
}

TEST_CASE(
  "receivers_changed is ended by a stop token, and by the close (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  CHECK(tx.has_receivers());
  std::stop_source stop;
  const auto wait
    = [](broadcast_sender<int> out, std::stop_token token) -> task<errc> {
    auto changed = co_await out.receivers_changed(token);
    co_return static_cast<errc>(changed.error().value());
  };
  auto first = rt.spawn(wait, tx, stop.get_token());
  until_receivers_wait(tx, 1);
  stop.request_stop();
  CHECK(first.blocking_join() == errc::cancelled);
  auto second = rt.spawn(wait, tx, std::stop_token{});
  until_receivers_wait(tx, 1);
  tx.close();
  CHECK(second.blocking_join() == errc::closed);
}

TEST_CASE("bad options are refused where they are given (S-13, F-09)") {
  runtime rt{{.workers = 1}};
  CHECK(is_invalid([&] { make_broadcast<int>(rt, {.capacity = 0}); }));
  CHECK(is_invalid([&] { make_broadcast<int>(rt, {.capacity = -1}); }));
  CHECK(is_invalid([&] { make_broadcast<int>(rt, {.capacity = 1LL << 40}); }));
  CHECK(is_invalid(
    [&] { make_broadcast<int>(rt, {.overflow = overflow::reject}); }));
  CHECK(rt.channels().empty());
  auto [tx, rx] = make_broadcast<int>(rt);
  CHECK(is_invalid([&, &tx = tx] { tx.subscribe({.capacity = 0}); }));
  CHECK(is_invalid([&, &rx = rx] { rx.subscribe({.capacity = 0}); }));
  CHECK(is_invalid(
    [&, &tx = tx] { tx.subscribe({.overflow = overflow::drop_incoming}); }));
  CHECK(is_invalid([&, &rx = rx] { rx.set_overflow(overflow::reject); }));
  CHECK(tx.receiver_count() == 1);
  CHECK(tx.try_send(1)); // the sender has nothing to do with it
}

TEST_CASE(
  "nil handles wait for ever, are not closed, and cannot subscribe "
  "(F-17)") {
  runtime rt{{.workers = 1}};
  broadcast_sender<int> tx;
  broadcast_receiver<int> rx;
  CHECK_FALSE(tx);
  CHECK_FALSE(rx);
  CHECK(tx.try_send(1).full());
  CHECK(tx.blocking_send_for(1, 1ms).timed_out());
  CHECK(rx.try_receive().empty());
  CHECK_FALSE(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(tx.receiver_count() == 0);
  CHECK(rx.lagged_total() == 0);
  CHECK_THROWS_AS(tx.subscribe(), levada::channel_error);
  CHECK_THROWS_AS(rx.subscribe(), levada::channel_error);
  CHECK_THROWS_AS(tx.close(), levada::channel_error);
}

TEST_CASE(
  "each receiver is a channel of its own to the registry, which can "
  "close it alone (F-11)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.name = "news"});
  auto log = tx.subscribe({.name = "log", .capacity = 7});
  CHECK(rx.name() == "news");
  CHECK(log.name() == "log");
  CHECK(rt.channels().size() == 3);
  CHECK(rt.find(log.id()).capacity == 7);
  REQUIRE(tx.try_send(1));
  rt.destroy(log.id());
  CHECK(log.try_receive().closed());
  CHECK(log.close_record().reason == close_reason::killed);
  CHECK(tx.receiver_count() == 1);
  REQUIRE(tx.try_send(2));
  CHECK(rx.drain() == numbers(1, 3));
  rt.destroy(tx.id());
  CHECK(rx.close_record().reason == close_reason::killed);
  CHECK(tx.try_send(3).closed());
}

TEST_CASE(
  "the runtime's end closes everything, and handles outlive it (F-16)") {
  broadcast_sender<std::string> tx;
  broadcast_receiver<std::string> rx;
  {
    runtime rt{{.workers = 1}};
    auto made = make_broadcast<std::string>(rt, {.resend_latest = true});
    tx = std::move(made.tx);
    rx = std::move(made.rx);
    REQUIRE(tx.try_send("kept"));
  }
  CHECK(tx.try_send("x").closed());
  CHECK(rx.close_record().reason == close_reason::runtime_stopped);
  CHECK(rx.drain() == std::vector<std::string>{"kept"});
  CHECK(rx.is_closed());
  auto late = tx.subscribe();
  CHECK(late.is_closed());
  CHECK(rx.subscribe().is_closed());
}

TEST_CASE("it can be made inside a task without naming the runtime") {
  runtime rt{{.workers = 1}};
  const auto got = rt.block_on([]() -> task<int> {
    auto [tx, rx] = make_broadcast<int>();
    auto sent = co_await tx.send(5);
    auto received = co_await rx.receive();
    co_return sent ? *received : -1;
  });
  CHECK(got == 5);
}
