// broadcast: a full receiver loses its oldest and is told, or is waited for.
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>

#include "broadcast_support.hpp"

using namespace levada_tests;
using levada::dead_letter_reason;

namespace {

constexpr levada::subscribe_options patient(int capacity) {
  levada::subscribe_options result;
  result.capacity = capacity;
  result.overflow = overflow::wait;
  return result;
}

struct got {
  int value;
  std::uint64_t lagged;
  friend bool operator==(const got&, const got&) = default;
};

std::vector<got> all_of(const broadcast_receiver<int>& rx) {
  std::vector<got> result;
  while (auto v = rx.try_receive())
    result.push_back({*v, v.lagged()});
  return result;
}

} // namespace

TEST_CASE(
  "a full receiver loses its oldest item and is told how many, nobody "
  "else notices (F-09, S-13, S-21, X-10, B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 3});
  auto wide = tx.subscribe({.capacity = 10});
  auto narrow = tx.subscribe({.capacity = 1});
  for (int i = 0; i < 8; ++i)
    CHECK(tx.try_send(i).status() == send_status::queued);
  CHECK(all_of(rx) == std::vector<got>{{5, 5}, {6, 0}, {7, 0}});
  CHECK(rx.lagged_total() == 5);
  CHECK(rx.stats().dead_lettered == 5);
  CHECK(conserved(rx.stats()));
  CHECK(wide.lagged_total() == 0);
  CHECK(wide.drain() == numbers(0, 8));
  CHECK(all_of(narrow) == std::vector<got>{{7, 7}});
  // It is not behind any more, and says so.
  REQUIRE(tx.try_send(8));
  CHECK(all_of(rx) == std::vector<got>{{8, 0}});
  CHECK(rx.lagged_total() == 5);
  CHECK_FALSE(rx.is_closed());
}

TEST_CASE(
  "losses between two receives are counted to the later one (B-10, "
  "S-21)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<std::string>(rt, {.capacity = 2});
  for (int i = 0; i < 4; ++i)
    REQUIRE(tx.try_send(std::to_string(i)));
  auto first = rx.try_receive();
  REQUIRE(first);
  CHECK(*first == "2");
  CHECK(first.lagged() == 2);
  for (int i = 4; i < 7; ++i)
    REQUIRE(tx.try_send(std::to_string(i)));
  std::vector<std::string> rest;
  const auto many = rt.block_on(rx.receive_many(rest, 10));
  CHECK(rest == std::vector<std::string>{"5", "6"});
  CHECK(many.count() == 2);
  CHECK(many.lagged() == 2);
  CHECK(rx.lagged_total() == 4);
}

TEST_CASE("lag reaches every way to receive (F-09, B-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 1});
  const auto overrun = [&tx = tx] {
    for (int i = 0; i < 3; ++i)
      REQUIRE(tx.try_send(i));
  };
  overrun();
  CHECK(rx.try_receive().lagged() == 2);
  overrun();
  CHECK(rx.blocking_receive().lagged() == 2);
  overrun();
  CHECK(rx.blocking_receive_for(1h).lagged() == 2);
  overrun();
  CHECK(rx.consume().lagged() == 2);
  CHECK(rx.consume().error() == errc::not_ready);
  overrun();
  const auto in_task = [](broadcast_receiver<int>* in) -> task<std::uint64_t> {
    const bool there = co_await in->ready();
    auto received = co_await in->receive_for(1h);
    co_return there ? received.lagged() : 99;
  };
  CHECK(rt.block_on(in_task, &rx) == 2);
  overrun();
  const auto in_select
    = [](broadcast_receiver<int>* in) -> task<std::uint64_t> {
    auto chosen = co_await levada::select(*in, levada::after(1h));
    auto* found = chosen.from(*in);
    co_return found != nullptr ? found->lagged() : 99;
  };
  CHECK(rt.block_on(in_select, &rx) == 2);
  overrun();
  auto chosen = levada::blocking_select(rx, levada::otherwise);
  CHECK(chosen.get<0>().lagged() == 2);
  overrun();
  levada::select_set set;
  const auto key = set.add(rx);
  auto event = set.blocking_next();
  REQUIRE(event.from(key) != nullptr);
  CHECK(event.from(key)->lagged() == 2);
  CHECK(event.from(rx) == event.from(key));
  CHECK(rx.lagged_total() == 16);
}

TEST_CASE(
  "a broadcast receiver waits in select and select_set, and is told of "
  "the end there (F-07)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  auto other = tx.subscribe();
  const auto choose
    = [](broadcast_receiver<int> a, broadcast_receiver<int> b) -> task<int> {
    int sum = 0;
    for (;;) {
      auto chosen = co_await levada::select(a, b);
      auto* one = chosen.from(a);
      if (one == nullptr)
        one = chosen.from(b);
      if (!*one)
        break;
      sum += **one;
    }
    co_return sum;
  };
  const auto use_set = [](broadcast_receiver<int> a) -> task<int> {
    levada::select_set set;
    const auto key = set.add(a);
    int sum = 0;
    while (auto event = co_await set.next()) {
      auto* found = event.from(key);
      if (*found)
        sum += **found;
    }
    co_return sum;
  };
  auto in_set = tx.subscribe();
  auto choosing = rt.spawn(choose, std::move(rx), std::move(other));
  auto setting = rt.spawn(use_set, std::move(in_set));
  for (int i = 1; i <= 10; ++i)
    REQUIRE(tx.blocking_send(i));
  tx.close();
  CHECK(setting.blocking_join() == 55);
  CHECK(choosing.blocking_join() >= 55); // until the first of the two has ended
}

TEST_CASE(
  "dropped items go to the hook, once for each receiver that lost them "
  "(F-09)") {
  runtime rt{{.workers = 1}};
  std::vector<std::string> letters;
  levada::broadcast_options<std::string> options;
  options.capacity = 1;
  options.on_dead_letter
    = [&letters](std::string&& item, dead_letter_reason why) {
        CHECK(why == dead_letter_reason::overflow);
        letters.push_back(std::move(item));
      };
  auto [tx, rx] = make_broadcast<std::string>(rt, options);
  auto second = tx.subscribe();
  auto wide = tx.subscribe({.capacity = 9});
  REQUIRE(tx.try_send("a"));
  REQUIRE(tx.try_send("b"));
  CHECK(letters == std::vector<std::string>{"a", "a"});
  CHECK(wide.drain() == std::vector<std::string>{"a", "b"});
  CHECK(rx.drain() == std::vector<std::string>{"b"});
  CHECK(second.drain() == std::vector<std::string>{"b"});
}

TEST_CASE("what a receiver had buffered when it left goes to the hook (F-11)") {
  runtime rt{{.workers = 1}};
  std::vector<std::string> letters;
  levada::broadcast_options<std::string> options;
  options.on_dead_letter
    = [&letters](std::string&& item, dead_letter_reason why) {
        letters.push_back(item + ": " + to_string(why));
      };
  auto [tx, rx] = make_broadcast<std::string>(rt, options);
  auto second = tx.subscribe();
  REQUIRE(tx.try_send("a"));
  second.close();
  CHECK(letters == std::vector<std::string>{"a: no receivers"});
  CHECK(rx.drain() == std::vector<std::string>{"a"});
}

TEST_CASE(
  "wait: a send waits until all patient receivers have room, and then all "
  "get it (B-12, U-27, X-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 100});
  auto slow = tx.subscribe(patient(2));
  auto slower = tx.subscribe(patient(2));
  REQUIRE(tx.try_send(0));
  REQUIRE(tx.try_send(1));
  CHECK(tx.try_send(2).full());
  auto parked = rt.spawn(send_one, tx, 2);
  until_senders_wait(tx, 1);
  CHECK(rx.size() == 2); // nobody has it before all can have it
  REQUIRE(slow.try_receive());
  CHECK(tx.info().waiting_senders == 1);
  CHECK(slow.size() == 1);
  REQUIRE(slower.try_receive());
  CHECK_FALSE(parked.blocking_join());
  CHECK(rx.drain() == numbers(0, 3));
  CHECK(slow.drain() == numbers(1, 3));
  CHECK(slower.drain() == numbers(1, 3));
  CHECK(slow.lagged_total() == 0);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("senders that wait are served in order and not overtaken (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 1, .overflow = overflow::wait});
  REQUIRE(tx.try_send(0));
  std::vector<levada::join_handle<std::error_code>> sending;
  for (int i = 1; i < 6; ++i) {
    sending.push_back(rt.spawn(send_one, tx, i));
    until_senders_wait(tx, static_cast<std::uint32_t>(i));
  }
  std::vector<int> seen;
  for (int i = 0; i < 5; ++i) {
    seen.push_back(rx.blocking_receive().value());
    CHECK(tx.try_send(99).full()); // those who wait come first
  }
  seen.push_back(rx.blocking_receive().value());
  CHECK(seen == numbers(0, 6));
  for (auto& each : sending)
    CHECK_FALSE(each.blocking_join());
}

TEST_CASE("a patient receiver that goes releases the senders (B-12, F-11)") {
  const auto by_registry = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  auto slow = tx.subscribe(patient(1));
  REQUIRE(tx.try_send(0));
  auto first = rt.spawn(send_one, tx, 1);
  until_senders_wait(tx, 1);
  auto second = rt.spawn(send_one, tx, 2);
  until_senders_wait(tx, 2);
  if (by_registry)
    rt.destroy(slow.id());
  else
    slow = {};
  CHECK_FALSE(first.blocking_join());
  CHECK_FALSE(second.blocking_join());
  CHECK(rx.drain() == numbers(0, 3));
}

TEST_CASE(
  "ending a wait leaves nothing half-sent: time, stop, cancelled task, "
  "close (B-12, U-27)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<std::string>(rt);
  auto slow = tx.subscribe(patient(1));
  REQUIRE(tx.try_send("first"));
  auto timed = tx.blocking_send_for("second", 1ms);
  CHECK(timed.timed_out());
  CHECK(timed.value() == "second");
  CHECK(tx.blocking_send_for("third", 0s).timed_out());

  const auto send_until_stopped
    = [](broadcast_sender<std::string> out,
         std::stop_token stop) -> task<std::string> {
    std::string item = "fourth";
    auto sent = co_await out.send(std::move(item), stop);
    const auto back = sent.has_value() ? sent.take() : "it went";
    co_return sent.error().message() + ": " + back;
  };
  std::stop_source stop;
  auto stopped = rt.spawn(send_until_stopped, tx, stop.get_token());
  until_senders_wait(tx, 1);
  stop.request_stop();
  CHECK(stopped.blocking_join() == to_string(errc::cancelled) + ": fourth");

  auto closed = rt.spawn(send_until_stopped, tx, std::stop_token{});
  until_senders_wait(tx, 1);
  tx.close();
  CHECK(closed.blocking_join() == to_string(errc::closed) + ": fourth");
  CHECK(rx.drain() == std::vector<std::string>{"first"});
  CHECK(slow.drain() == std::vector<std::string>{"first"});
  CHECK(tx.stats().sent == 4);
  CHECK(tx.stats().handed_back == 3);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a task that waits to send is cancelled with its runtime and gets its "
  "value back (B-12)") {
  std::error_code ended;
  std::string back;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_broadcast<std::string>(
      rt, {.capacity = 1, .overflow = overflow::wait});
    REQUIRE(tx.try_send("first"));
    auto waiting = rt.spawn(
      [](broadcast_sender<std::string> out, std::error_code* how,
         std::string* item) -> task<> {
        auto sent = co_await out.send("second");
        *how = sent.error();
        *item = sent.has_value() ? sent.take() : "lost";
      },
      tx, &ended, &back);
    until_senders_wait(tx, 1);
    CHECK(rt.stop(10s).clean);
  }
  CHECK((ended == errc::closed || ended == errc::runtime_stopped));
  CHECK(back == "second");
}

TEST_CASE(
  "the policy is switched while it runs, and releases who waits (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 2, .overflow = overflow::wait});
  REQUIRE(tx.try_send(0));
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(send_one, tx, 2);
  until_senders_wait(tx, 1);
  rx.set_overflow(overflow::drop_oldest);
  CHECK_FALSE(parked.blocking_join());
  REQUIRE(tx.try_send(3));
  CHECK(all_of(rx) == std::vector<got>{{2, 2}, {3, 0}});
  rx.set_overflow(overflow::wait);
  REQUIRE(tx.try_send(4));
  REQUIRE(tx.try_send(5));
  CHECK(tx.try_send(6).full());
  CHECK(rx.drain() == numbers(4, 6));
}

TEST_CASE("a slow receiver costs only itself: others get all, at once (X-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 2});
  auto small = tx.subscribe({.capacity = 1});
  const auto id = small.id();
  auto fast = rt.spawn(collect_all<int>, std::move(small));
  for (int i = 0; i < 100; ++i) {
    until([&rt, id] { return rt.find(id).waiting_receivers == 1; });
    REQUIRE(tx.try_send(i));
  }
  tx.close();
  CHECK(fast.blocking_join() == numbers(0, 100));
  CHECK(rx.lagged_total() == 98);
}
