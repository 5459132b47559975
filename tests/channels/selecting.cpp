// selecting: a loop over several receivers, until all of them have stopped.
#include <levada/channels/selecting.hpp>

#include <array>

#include <levada/channels/event.hpp>
#include <levada/channels/filter.hpp>
#include <levada/channels/map.hpp>
#include <levada/channels/merge.hpp>
#include <levada/channels/timer.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;
using levada::selecting;

namespace {

/// What came from each, "stopped" as -1.
task<std::array<std::vector<int>, 3>>
follow_three(receiver<int> a, receiver<int> b, any_receiver<int> c) {
  std::array<std::vector<int>, 3> seen;
  selecting loop{a, b, c};
  while (auto chosen = co_await loop.next()) {
    if (auto* got = chosen.from(a))
      seen[0].push_back(*got ? **got : -1);
    else if (auto* item = chosen.from(b))
      seen[1].push_back(*item ? **item : -1);
    else if (auto* other = chosen.from(c))
      seen[2].push_back(*other ? **other : -1);
  }
  co_return seen;
}

int no_two(int n) {
  if (n == 2)
    throw std::runtime_error{"two"};
  return n;
}

} // namespace

TEST_CASE(
  "a loop gives what every receiver has, in order, and ends when all have "
  "stopped (F-50, F-54)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 2}};
    auto a = make_channel<int>(rt, kind.options<int>());
    auto b = make_channel<int>(rt);
    auto c = make_channel<int>(rt, {.capacity = 1});
    rt.spawn(send_numbers, std::move(a.tx), 0, 100);
    rt.spawn(send_numbers, std::move(b.tx), 0, 10);
    rt.spawn(send_numbers, std::move(c.tx), 0, 50);
    const auto seen = rt.block_on(
      follow_three, std::move(a.rx), std::move(b.rx),
      levada::filter(std::move(c.rx), [](int n) { return n % 2 == 0; }));
    auto expected = numbers(0, 100);
    expected.push_back(-1);
    CHECK(seen[0] == expected);
    CHECK(seen[1].size() == 11);
    CHECK(seen[1].back() == -1);
    CHECK(seen[2].size() == 26);
    CHECK(seen[2].back() == -1);
  }
}

TEST_CASE("an empty loop ends at once, and one receiver twice is one (F-50)") {
  runtime rt{{.workers = 1}};
  selecting nothing;
  const auto over = nothing.blocking_next();
  CHECK_FALSE(over);
  CHECK(over.error() == make_error_code(errc::empty));
  CHECK(over.index() == levada::loop_event::npos);
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto copy = rx;
  selecting loop{rx, rx, copy};
  CHECK(loop.size() == 1);
  tx.close();
  const auto end = loop.blocking_next();
  CHECK(end.is(rx));
  CHECK(end.was_stopped());
  CHECK_FALSE(loop.blocking_next());
}

TEST_CASE("receivers that always have something take exact turns (F-50)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 100});
  auto b = make_channel<int>(rt, {.capacity = 100});
  auto c = make_channel<int>(rt, {.capacity = 100});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(i));
    REQUIRE(c.tx.try_send(i));
  }
  auto mapped = levada::map(c.rx, [](int n) { return n; });
  selecting loop{levada::unchecked, a.rx, b.rx, mapped};
  std::vector<std::size_t> order;
  for (int i = 0; i < 90; ++i)
    order.push_back(loop.blocking_next().index());
  for (std::size_t i = 0; i < order.size(); ++i)
    CHECK(order[i] == i % 3);
}

TEST_CASE(
  "one that drops all it gets does not keep the others waiting (F-50)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 8});
  auto b = make_channel<int>(rt, {.capacity = 1});
  auto busy = levada::filter(a.rx, [tx = a.tx](int n) {
    (void)tx.try_send(n); // there is always one more
    return false;
  });
  REQUIRE(a.tx.try_send(1));
  REQUIRE(b.tx.try_send(2));
  selecting loop{busy, b.rx};
  const auto chosen = loop.blocking_next();
  REQUIRE(chosen.from(b.rx) != nullptr);
  CHECK(**chosen.from(b.rx) == 2);
}

TEST_CASE(
  "an event has its receiver's result, and only that one's (F-51, F-52, "
  "F-38)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<std::string>(rt, {.capacity = 1});
  const levada::event signal{rt};
  REQUIRE(b.tx.try_send("text"));
  selecting loop{a.rx, b.rx, signal};
  const auto text = loop.blocking_next();
  CHECK(text.index() == 1);
  CHECK(text.from(a.rx) == nullptr);
  CHECK_FALSE(text.is(signal));
  CHECK(text.is(b.rx));
  CHECK(text.from(b.rx)->value() == "text");
  CHECK_FALSE(text.was_stopped());
  signal.set();
  CHECK(loop.blocking_next().is(signal));
  b.tx.close();
  const auto stopped = loop.blocking_next();
  CHECK(stopped.was_stopped());
  CHECK(stopped.from(b.rx)->closed());
  CHECK_THROWS_AS(stopped.from(b.rx)->value(), levada::channel_closed);
}

TEST_CASE("a select's result tells whose it is, too (F-38)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(a.tx.try_send(1));
  auto first = levada::blocking_select(a.rx, b.rx);
  CHECK(first.is(a.rx));
  CHECK_FALSE(first.is(b.rx));
  auto second = levada::blocking_select(a.rx, levada::sending(b.tx, 1));
  CHECK(second.is(b.tx));
  CHECK_FALSE(second.is(b.rx));
}

TEST_CASE("a stopped receiver is reported once and then left out (F-54)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  a.tx.close();
  for (int i = 0; i < 3; ++i)
    REQUIRE(b.tx.try_send(i));
  b.tx.close();
  selecting loop{a.rx, b.rx};
  int stops = 0;
  int items = 0;
  while (const auto chosen = loop.blocking_next()) {
    if (const auto* got = chosen.from(a.rx)) {
      CHECK(got->closed());
      ++stops;
    } else if (const auto* item = chosen.from(b.rx)) {
      items += *item ? 1 : 0;
    }
  }
  CHECK(stops == 1);
  CHECK(items == 3);
  CHECK(loop.size() == 0);
}

TEST_CASE(
  "an event nobody asked for is thrown by the next wait, with what it held "
  "(F-53)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<std::unique_ptr<int>>(rt, {.capacity = 2});
  auto b = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(a.tx.try_send(std::make_unique<int>(7)));
  selecting loop{a.rx, b.rx};
  const auto forgotten = loop.blocking_next();
  CHECK(forgotten);
  CHECK(forgotten.from(b.rx) == nullptr); // the wrong one
  REQUIRE(b.tx.try_send(8));
  bool thrown = false;
  try {
    (void)loop.blocking_next();
  } catch (const levada::unhandled_event& error) {
    thrown = true;
    CHECK(error.index() == 0);
    CHECK(error.from(b.rx) == nullptr);
    REQUIRE(error.from(a.rx) != nullptr);
    CHECK(*error.from(a.rx)->value() == 7);
    CHECK(error.code() == make_error_code(errc::invalid_argument));
  }
  CHECK(thrown);
  const auto next = loop.blocking_next(); // the loop goes on
  CHECK(**next.from(b.rx) == 8);
  a.tx.close();
  (void)loop.blocking_next();
  CHECK_THROWS_AS(loop.blocking_next(), levada::unhandled_selected);
}

TEST_CASE(
  "an event that does not matter is ignored, in an unchecked loop each one "
  "(F-53)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  for (int i = 0; i < 4; ++i)
    REQUIRE(tx.try_send(i));
  selecting loop{rx};
  loop.blocking_next().ignore();
  (void)loop.blocking_next().is(rx);
  selecting loose{levada::unchecked, rx};
  (void)loose.blocking_next();
  (void)loose.blocking_next();
  CHECK(rx.size() == 0);
}

TEST_CASE(
  "what a receiver's function throws comes out of next, and the loop goes on "
  "(F-51, F-55)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto other = make_channel<int>(rt, {.capacity = 4});
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.try_send(i));
  auto mapped = levada::map(rx, no_two);
  auto filtered
    = levada::filter(other.rx, [](int n) { return no_two(n) != 0; });
  selecting loop{mapped, filtered};
  CHECK(**loop.blocking_next().from(mapped) == 1);
  CHECK_THROWS_WITH(loop.blocking_next(), "two");
  CHECK(**loop.blocking_next().from(mapped) == 3);
  REQUIRE(other.tx.try_send(2));
  REQUIRE(other.tx.try_send(4));
  CHECK_THROWS_WITH(loop.blocking_next(), "two");
  CHECK(**loop.blocking_next().from(filtered) == 4);
}

TEST_CASE(
  "leaving a loop loses nothing, and another one goes on (F-56, S-11)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt, {.capacity = 2});
  auto mapped = levada::map(b.rx, [](int n) { return n; });
  const auto some = [](receiver<int>* one, any_receiver<int>* other,
                       int count) -> task<std::vector<int>> {
    std::vector<int> seen;
    selecting loop{*one, *other};
    while (auto chosen = co_await loop.next()) {
      if (auto* got = chosen.from(*one))
        seen.push_back(*got ? **got : -1);
      else if (auto* item = chosen.from(*other))
        seen.push_back(*item ? **item + 1000 : -2);
      if (static_cast<int>(seen.size()) == count)
        break;
    }
    co_return seen;
  };
  rt.spawn(send_numbers, std::move(a.tx), 0, 100);
  rt.spawn(send_numbers, std::move(b.tx), 0, 100);
  std::vector<int> first;
  std::vector<int> second;
  for (bool more = true; more;) {
    const auto seen = rt.block_on(some, &a.rx, &mapped, 7);
    more = seen.size() == 7;
    for (const int n : seen)
      if (n >= 0)
        (n < 1000 ? first : second).push_back(n % 1000);
    if (first.size() + second.size() == 200)
      break;
  }
  CHECK(first == numbers(0, 100));
  CHECK(second == numbers(0, 100));
}

TEST_CASE("a loop that is stopped or cancelled has taken nothing (F-56)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::stop_source stop;
  const auto wait
    = [](receiver<int> from, std::stop_token token) -> task<std::error_code> {
    selecting loop{from};
    auto chosen = co_await loop.next(token);
    co_return chosen.error();
  };
  auto waiting = rt.spawn(wait, rx, stop.get_token());
  until_receivers_wait(rx, 1);
  stop.request_stop();
  CHECK(waiting.blocking_join() == make_error_code(errc::cancelled));
  CHECK(rx.info().waiting_receivers == 0);
  levada::scope children{rt};
  auto child = children.spawn(wait, rx, std::stop_token{});
  until_receivers_wait(rx, 1);
  children.cancel();
  CHECK(child.blocking_join() == make_error_code(errc::cancelled));
  REQUIRE(tx.try_send(1));
  CHECK(*rx.try_receive() == 1);
}

TEST_CASE("receivers of any kind join and leave between two waits (F-58)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  auto mapped = levada::map(b.rx, [](int n) { return n * 10; });
  selecting loop{a.rx};
  CHECK(loop.add(mapped));
  CHECK_FALSE(loop.add(mapped));
  REQUIRE(b.tx.try_send(1));
  REQUIRE(b.tx.try_send(2));
  CHECK(**loop.blocking_next().from(mapped) == 10);
  CHECK(loop.remove(mapped));
  CHECK_FALSE(loop.remove(mapped));
  REQUIRE(a.tx.try_send(5));
  CHECK(loop.blocking_next().is(a.rx));
  CHECK(loop.size() == 1);
  CHECK(*mapped.try_receive() == 20); // nothing was taken ahead
  CHECK(loop.remove(a.rx));
  CHECK_FALSE(loop.blocking_next());
}

TEST_CASE("timers, merges and signals stand in a loop (F-50)") {
  runtime rt{{.workers = 2}};
  const auto work = []() -> task<int> {
    auto a = make_channel<int>({.capacity = 1});
    auto b = make_channel<int>({.capacity = 1});
    auto both = levada::merge(a.rx, b.rx);
    levada::timer ticks{1ms, levada::missed_tick::skip_and_drift};
    selecting loop{both, ticks};
    int ticked = 0;
    int sum = 0;
    while (auto chosen = co_await loop.next()) {
      if (chosen.is(ticks)) {
        if (chosen.was_stopped())
          continue;
        ++ticked;
        (void)(ticked % 2 == 0 ? a : b).tx.try_send(ticked);
        if (ticked == 6) {
          ticks.stop();
          a.tx.close();
          b.tx.close();
        }
      } else if (auto* got = chosen.from(both)) {
        sum += *got ? **got : 0;
      }
    }
    co_return sum;
  };
  CHECK(rt.block_on(work) == 21);
}

TEST_CASE("never is never ready, and can be closed as an any_receiver (F-84)") {
  runtime rt{{.workers = 2}};
  any_receiver<int> none = levada::never<int>();
  CHECK(none.try_receive().empty());
  CHECK(none.consume().error() == make_error_code(errc::not_ready));
  CHECK_FALSE(none.is_closed());
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  selecting loop{none, rx};
  REQUIRE(tx.try_send(1));
  CHECK(loop.blocking_next().is(rx));
  none.close();
  CHECK(none.is_closed());
  CHECK(loop.blocking_next().is(none));
  const auto ready = [](any_receiver<int>* it) -> task<bool> {
    co_return co_await it->ready();
  };
  CHECK_FALSE(rt.block_on(ready, &none));
  CHECK(none.consume().closed());
  CHECK(none.blocking_receive().closed());
}

TEST_CASE(
  "an optional receiver that is none waits for ever, also when it is closed "
  "(F-85)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  receiver<int> none;
  CHECK_FALSE(none); // is it set?
  CHECK(rx);
  CHECK_FALSE(none.close());
  CHECK_FALSE(none.is_closed());
  CHECK(none.try_receive().empty());
  CHECK(none.consume().error() == make_error_code(errc::not_ready));
  selecting loop{none, rx};
  REQUIRE(tx.try_send(1));
  CHECK(loop.blocking_next().is(rx));
  auto late = make_channel<int>(rt, {.capacity = 1});
  none = late.rx; // now it is one
  REQUIRE(late.tx.try_send(2));
  CHECK(**loop.blocking_next().from(none) == 2);
  none = {};
  late.tx.close();
  tx.close();
  CHECK(loop.blocking_next().is(rx));
  std::stop_source stop;
  stop.request_stop();
  CHECK(loop.blocking_next(stop.get_token()).error()
        == make_error_code(errc::cancelled));
}
