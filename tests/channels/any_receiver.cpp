// any_receiver: whatever can be received from, as one type.
#include <levada/channels/any_receiver.hpp>

#include <memory>
#include <stdexcept>
#include <stop_token>

#include <levada/channels/filter.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;

namespace {

bool is_even(int n) {
  return n % 2 == 0;
}

template <class T>
task<std::vector<T>> collect_any(any_receiver<T> in) {
  std::vector<T> result;
  while (auto v = co_await in.receive())
    result.push_back(*std::move(v));
  co_return result;
}

task<bool> is_ready(any_receiver<int>* in) {
  co_return co_await in->ready();
}

task<errc> error_of_receive(any_receiver<int>* in, std::stop_token stop) {
  auto got = co_await in->receive(stop);
  co_return static_cast<errc>(got.error().value());
}

static_assert(std::is_convertible_v<receiver<int>, any_receiver<int>>);
static_assert(std::is_convertible_v<receiver<int>, any_receiver<long>>);
static_assert(!std::is_convertible_v<receiver<std::string>, any_receiver<int>>);
static_assert(!std::is_copy_constructible_v<any_receiver<int>>);

} // namespace

TEST_CASE(
  "an any_receiver gives what its receiver has, in order, to the end "
  "(F-14)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 2}};
    auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
    auto sent = rt.spawn(send_numbers, std::move(tx), 0, 100);
    CHECK(rt.block_on(collect_any<int>, any_receiver<int>{std::move(rx)})
          == numbers(0, 100));
    CHECK(sent.blocking_join() == 100);
  }
}

TEST_CASE("a try, a time, a stop take nothing (F-56, X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto odd = levada::filter(rx, [](int n) { return n % 2 != 0; });
  CHECK(odd.try_receive().empty());
  CHECK(odd.blocking_receive_for(1ms).timed_out());
  std::stop_source stop;
  auto waiting = rt.spawn(error_of_receive, &odd, stop.get_token());
  until_receivers_wait(rx, 1);
  stop.request_stop();
  CHECK(waiting.blocking_join() == errc::cancelled);
  CHECK(rx.info().waiting_receivers == 0);
  CHECK(tx.try_send(1));
  CHECK(rx.size() == 1);
  CHECK(*odd.try_receive() == 1);
}

TEST_CASE("a time-out in a task takes nothing (F-56, X-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  any_receiver<int> any{rx};
  auto waiting = rt.spawn(
    [](any_receiver<int>* in) -> task<bool> {
      auto got = co_await in->receive_for(1s);
      co_return got.timed_out();
    },
    &any);
  until([&] { return clock.armed() == 1; });
  clock.advance(1s);
  CHECK(waiting.blocking_join());
  CHECK(tx.try_send(1));
  CHECK(*any.try_receive() == 1);
}

TEST_CASE(
  "asking again and again whether it is ready takes one item, and "
  "that is kept (F-05, F-31, F-37, S-11)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  for (int i = 0; i < 6; ++i)
    REQUIRE(tx.try_send(i));
  auto even = levada::filter(rx, is_even);
  for (int i = 0; i < 3; ++i)
    CHECK(rt.block_on(is_ready, &even));
  CHECK(*even.consume() == 0);
  CHECK(rt.block_on(is_ready, &even));
  CHECK(rx.size() == 3); // 0 was consumed, 1 dropped, 2 is in hand
  CHECK(*even.try_receive() == 2);
  CHECK(*even.consume() == 4);
  CHECK(even.consume().error() == make_error_code(errc::not_ready));
  tx.close();
  CHECK_FALSE(rt.block_on(is_ready, &even));
  CHECK(even.consume().closed());
}

TEST_CASE(
  "what ready() found goes back to the front when the handle goes "
  "(F-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 2});
  REQUIRE(tx.try_send("first"));
  REQUIRE(tx.try_send("second"));
  {
    auto any = levada::filter(rx, [](const std::string&) { return true; });
    CHECK(rt.block_on([](any_receiver<std::string>* in)
                        -> task<bool> { co_return co_await in->ready(); },
                      &any));
    CHECK(rx.size() == 1);
    REQUIRE(tx.try_send("third"));
  }
  CHECK(rx.size() == 3); // one more than it is made for
  CHECK_FALSE(tx.try_send("fourth"));
  CHECK(*rx.try_receive() == "first");
  CHECK(*rx.try_receive() == "second");
  CHECK(*rx.try_receive() == "third");
  CHECK(conserved(rx.info().stats));
}

TEST_CASE("what goes back goes to who waits, on any kind of channel (F-05)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 2}};
    auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
    auto sent = rt.spawn(send_numbers, tx, 7, 8);
    std::optional<any_receiver<int>> any{rx};
    CHECK(rt.block_on(is_ready, &*any));
    CHECK(sent.blocking_join() == 1);
    auto other = rt.spawn(
      [](receiver<int> in) -> task<int> {
        auto got = co_await in.receive();
        co_return *got;
      },
      rx);
    until_receivers_wait(rx, 1);
    any.reset();
    CHECK(other.blocking_join() == 7);
    CHECK(conserved(rx.info().stats));
    CHECK(rx.info().stats.received == 1);
  }
}

TEST_CASE(
  "what goes back to a channel with receipts keeps them in order "
  "(F-05, I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = levada::unbounded});
  const auto send = [](sender<int> out, int n) -> task<bool> {
    auto sent = co_await out.send_and_wait(n);
    co_return static_cast<bool>(sent);
  };
  auto first = rt.spawn(send, tx, 1);
  until([&] { return rx.size() == 1; });
  auto second = rt.spawn(send, tx, 2);
  until([&] { return rx.size() == 2; });
  {
    any_receiver<int> any{rx};
    CHECK(rt.block_on(is_ready, &any));
    CHECK(first.blocking_join());
  }
  CHECK_FALSE(second.done());
  CHECK(*rx.try_receive() == 1);
  CHECK_FALSE(second.done());
  CHECK(*rx.try_receive() == 2);
  CHECK(second.blocking_join());
}

TEST_CASE("a moved-from any_receiver is nil, and so are its maps (G-12)") {
  levada::runtime rt;
  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 1});
  any_receiver<int> from = rx;
  any_receiver<int> to = std::move(from);
  REQUIRE(tx.try_send(1));

  REQUIRE(from.try_receive().error() == errc::empty); // NOLINT: moved from
  REQUIRE(from.blocking_receive_for(1ms).error() == errc::timed_out);
  REQUIRE_FALSE(from.is_closed());
  any_receiver<long> mapped = std::move(from);
  REQUIRE(mapped.try_receive().error() == errc::empty);
  from.close();
  REQUIRE(to.try_receive().value() == 1);
}

TEST_CASE("closing an any_receiver detaches what is behind it (F-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto even = levada::filter(std::move(rx), is_even);
  CHECK_FALSE(even.is_closed());
  even.close();
  CHECK(even.is_closed());
  CHECK(even.try_receive().closed());
  CHECK(tx.is_closed());
  CHECK(tx.close_record().reason == levada::close_reason::no_receivers);
}

TEST_CASE(
  "a nil any_receiver never has anything, until it is closed (F-84, "
  "F-85)") {
  runtime rt{{.workers = 1}};
  any_receiver<int> none;
  CHECK(none.try_receive().empty());
  CHECK(none.blocking_receive_for(1ms).timed_out());
  std::stop_source stop;
  auto waiting = rt.spawn(error_of_receive, &none, stop.get_token());
  stop.request_stop();
  CHECK(waiting.blocking_join() == errc::cancelled);
  CHECK_FALSE(none.is_closed());
  none.close();
  CHECK(none.is_closed());
  CHECK(none.try_receive().closed());
}

TEST_CASE(
  "an any_receiver blocks a thread like a receiver, and refuses to "
  "block a task (F-33)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto even = levada::filter(std::move(rx), is_even);
  auto sent = rt.spawn(send_numbers, std::move(tx), 1, 4);
  CHECK(*even.blocking_receive() == 2);
  CHECK(even.blocking_receive().closed());
  CHECK(sent.blocking_join() == 3);
  auto wrong = rt.spawn(
    [](any_receiver<int>* in) -> task<> {
      (void)in->blocking_receive();
      co_return;
    },
    &even);
  CHECK_THROWS_AS(wrong.blocking_join(), levada::channel_error);
}

TEST_CASE(
  "cancelling a task that waits for an any_receiver ends the wait "
  "(X-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto any = levada::filter(rx, is_even);
  levada::scope group{rt};
  auto waiting = group.spawn(error_of_receive, &any, std::stop_token{});
  until_receivers_wait(rx, 1);
  group.cancel();
  CHECK(waiting.blocking_join() == errc::cancelled);
  CHECK(rx.info().waiting_receivers == 0);
}

TEST_CASE(
  "lost selects leave every item where it was, with rounds too "
  "(F-56, G-20)") {
  runtime rt{{.workers = 2}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 1000});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 1000});
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(tx_a.try_send(i));
    REQUIRE(tx_b.try_send(i));
  }
  tx_a.close();
  tx_b.close();
  const auto work
    = [](any_receiver<int> even, receiver<int> all) -> task<std::vector<int>> {
    std::vector<int> counts(3);
    bool a_open = true;
    bool b_open = true;
    while (a_open || b_open) {
      auto chosen = co_await levada::select(even, all);
      if (auto* got = chosen.from(even)) {
        if (*got)
          ++counts[0];
        else {
          a_open = false;
          even = any_receiver<int>{};
        }
      } else if (auto* other = chosen.from(all)) {
        if (*other)
          ++counts[1];
        else {
          b_open = false;
          all = {};
        }
      }
    }
    co_return counts;
  };
  const auto counts
    = rt.block_on(work, levada::filter(rx_a, is_even), std::move(rx_b));
  CHECK(counts[0] == 500);
  CHECK(counts[1] == 1000);
  CHECK(rx_a.info().stats.received == 1000);
}

TEST_CASE(
  "a select in rounds sends, times out, stops and takes the default "
  "(G-20, G-22)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto even = levada::filter(rx, is_even);
  const auto index = [](any_receiver<int>* in, sender<int> out,
                        std::stop_token stop) -> task<std::size_t> {
    auto chosen = co_await levada::select(*in, levada::sending(out, 8),
                                          levada::after(1s), stop);
    co_return chosen.index();
  };
  const auto index_now = [](any_receiver<int>* in) -> task<std::size_t> {
    auto chosen = co_await levada::select(*in, levada::otherwise);
    co_return chosen.index();
  };
  CHECK(rt.block_on(index_now, &even) == 1);
  REQUIRE(tx.try_send(1)); // dropped by the filter
  CHECK(rt.block_on(index_now, &even) == 1);
  CHECK(rx.size() == 0);

  auto [full_tx, full_rx] = make_channel<int>(rt, {.capacity = 1});
  CHECK(rt.block_on(index, &even, full_tx, std::stop_token{}) == 1);
  CHECK(full_rx.size() == 1);

  auto timed = rt.spawn(index, &even, full_tx, std::stop_token{});
  until([&] { return clock.armed() == 1; });
  // an odd item comes and goes, and the select waits on with all its cases
  REQUIRE(tx.try_send(3));
  until([&] { return rx.info().stats.received == 2; });
  until([&] { return clock.armed() == 1 && rx.info().waiting_receivers == 1; });
  clock.advance(1s);
  CHECK(timed.blocking_join() == 2);

  std::stop_source stop;
  auto stopped = rt.spawn(index, &even, full_tx, stop.get_token());
  until_receivers_wait(rx, 1);
  stop.request_stop();
  CHECK(stopped.blocking_join() == 3);

  auto sending = rt.spawn(index, &even, full_tx, std::stop_token{});
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(5)); // another round, with the same value to send
  until([&] { return rx.info().stats.received == 3; });
  until_receivers_wait(rx, 1);
  CHECK(*full_rx.try_receive() == 8);
  CHECK(sending.blocking_join() == 1);
  CHECK(*full_rx.try_receive() == 8);
}

TEST_CASE(
  "biased takes the first as written, whatever kinds of receivers they are "
  "(X-05)") {
  runtime rt{{.workers = 1}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 64});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 64});
  auto even = levada::filter(rx_a, is_even);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(tx_a.try_send(2));
    REQUIRE(tx_b.try_send(i));
    CHECK(levada::blocking_select(levada::biased, even, rx_b).index() == 0);
    CHECK(levada::blocking_select(levada::biased, rx_b, even).index() == 0);
  }
}

TEST_CASE(
  "a case whose function throws fails the select, and nothing else is taken "
  "(F-55)") {
  runtime rt{{.workers = 1}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 2});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 2});
  auto picky = levada::filter(rx_a, [](int n) {
    if (n < 0)
      throw std::domain_error{"negative"};
    return true;
  });
  const auto take
    = [](any_receiver<int>* picky, receiver<int> other) -> task<std::size_t> {
    auto chosen = co_await levada::select(levada::biased, *picky, other);
    co_return chosen.index();
  };
  // There before the select, and coming while it waits.
  REQUIRE(tx_a.try_send(-1));
  REQUIRE(tx_b.try_send(7));
  CHECK_THROWS_AS(rt.block_on(take, &picky, rx_b), std::domain_error);
  CHECK(rx_b.size() == 1);
  CHECK(rx_a.size() == 0);
  CHECK(rt.block_on(take, &picky, rx_b) == 1);
  auto waiting = rt.spawn(take, &picky, rx_b);
  until_receivers_wait(rx_a, 1);
  until_receivers_wait(rx_b, 1);
  REQUIRE(tx_a.try_send(-2));
  CHECK_THROWS_AS(waiting.blocking_join(), std::domain_error);
  CHECK(rx_b.info().waiting_receivers == 0);
  REQUIRE(tx_a.try_send(3));
  CHECK(rt.block_on(take, &picky, rx_b) == 0);
  CHECK(conserved(rx_a.info().stats));
  CHECK(conserved(rx_b.info().stats));
}

TEST_CASE("a select in rounds on a thread (F-50)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  auto even = levada::filter(std::move(rx), is_even);
  auto sent = rt.spawn(send_numbers, std::move(tx), 1, 3);
  auto first = levada::blocking_select(even, levada::after(1h));
  REQUIRE(first.index() == 0);
  CHECK(*first.get<0>() == 2);
  auto last = levada::blocking_select(levada::biased, even, levada::after(1h));
  REQUIRE(last.index() == 0);
  CHECK(last.get<0>().closed());
  CHECK(sent.blocking_join() == 2);
}
