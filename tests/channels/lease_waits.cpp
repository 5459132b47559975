// The ways to wait for a lease: in time, with a stop token, on a thread, among
// others in a select.
#include <thread>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/leasing.hpp>
#include <levada/channels/select/in_rounds.hpp>
#include <levada/channels/timers.hpp>
#include <levada/runtime/scope.hpp>

#include "lease_support.hpp"

using namespace levada_tests;

namespace {

enum class how { leased, timed_out, cancelled, closed };

template <class Result>
how settle(Result& got) {
  if (got) {
    got.ack();
    return how::leased;
  }
  if constexpr (requires { got.timed_out(); })
    if (got.timed_out())
      return how::timed_out;
  return got.cancelled() ? how::cancelled : how::closed;
}

task<how> lease_within(receiver<int> in, levada::duration length,
                       std::stop_token stop) {
  auto got = co_await in.lease_for(length, std::move(stop));
  co_return settle(got);
}

task<how> lease_or_stop(receiver<int> in, std::stop_token stop) {
  auto got = co_await in.lease(std::move(stop));
  co_return settle(got);
}

} // namespace

TEST_CASE(
  "a timed lease ends with an item, or when the time has passed "
  "(N-01)") {
  levada::manual_clock time;
  runtime rt{{.workers = 1, .time = &time}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto leasing = rt.spawn(lease_within, rx, 10s, std::stop_token{});
  until([&] { return time.armed() == 1; });
  until_receivers_wait(rx, 1);
  SECTION("time") {
    time.advance(10s);
    CHECK(leasing.blocking_join() == how::timed_out);
    CHECK(tx.info().waiting_receivers == 0);
  }
  SECTION("item") {
    REQUIRE(tx.try_send(1));
    CHECK(leasing.blocking_join() == how::leased);
    CHECK(time.armed() == 0);
  }
  SECTION("closed") {
    tx.close();
    CHECK(leasing.blocking_join() == how::closed);
  }
  SECTION("until") {
    auto late = rt.spawn(
      [](receiver<int> in, levada::time_point when) -> task<how> {
        auto got = co_await in.lease_until(when);
        co_return settle(got);
      },
      rx, time.now() + 5s);
    until([&] { return time.armed() == 2; });
    until_receivers_wait(rx, 2);
    time.advance(5s);
    CHECK(late.blocking_join() == how::timed_out);
    REQUIRE(tx.try_send(1));
    CHECK(leasing.blocking_join() == how::leased);
  }
  CHECK(tx.stats().leased == 0);
}

TEST_CASE(
  "a stop token and a cancelled task end the wait, and nothing is lent "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  SECTION("token") {
    std::stop_source stop;
    auto leasing = rt.spawn(lease_or_stop, rx, stop.get_token());
    until_receivers_wait(rx, 1);
    stop.request_stop();
    CHECK(leasing.blocking_join() == how::cancelled);
  }
  SECTION("task") {
    levada::scope children{rt};
    auto leasing = children.spawn(lease_or_stop, rx, std::stop_token{});
    until_receivers_wait(rx, 1);
    children.cancel();
    CHECK(leasing.blocking_join() == how::cancelled);
  }
  REQUIRE(tx.try_send(1));
  CHECK(leased_now(rx) == std::pair{1, 1U});
}

TEST_CASE(
  "a thread leases, waits, gives up, and is refused inside a task "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  CHECK(rx.blocking_lease_for(0s).timed_out());
  CHECK(rx.blocking_lease_for(1ms).timed_out());
  CHECK(rx.blocking_lease_until(std::chrono::steady_clock::now()).timed_out());
  std::stop_source stop;
  stop.request_stop();
  CHECK(rx.blocking_lease(stop.get_token()).cancelled());
  int got = 0;
  {
    std::jthread waiting{[&got, in = rx] {
      auto job = in.blocking_lease();
      got = job.take();
    }};
    until_receivers_wait(rx, 1);
    REQUIRE(tx.try_send(7));
  }
  CHECK(got == 7);
  CHECK(rt.block_on(
    [](receiver<int> in) -> task<bool> {
      try {
        static_cast<void>(in.blocking_lease());
      } catch (const levada::channel_error& refused) {
        co_return refused.code() == errc::wrong_thread;
      }
      co_return false;
    },
    rx));
}

TEST_CASE("nil lends nothing, a detached receiver is closed (N-01, G-02)") {
  runtime rt{{.workers = 1}};
  receiver<int> nil;
  CHECK(nil.try_lease().empty());
  CHECK(nil.blocking_lease_for(1ms).timed_out());
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  auto other = rx;
  rx.close();
  CHECK(rx.try_lease().closed());
  CHECK(leased_now(other).first == 1);
}

TEST_CASE(
  "items that move with care, and move-only ones, are leased unmoved "
  "(N-01)") {
  struct touchy {
    explicit touchy(int value) : value(value) {
    }
    touchy(touchy&& other) : value(other.value) {
      if (other.fragile)
        throw std::runtime_error{"do not move"};
    }
    int value;
    bool fragile = false;
  };
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<touchy>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(touchy{7}));
  {
    auto got = rx.try_lease();
    got->fragile = true;
    leased<touchy> kept
      = std::move(got).value(); // the lease moves, not the item
    CHECK_THROWS_AS(kept.take(), std::runtime_error);
    CHECK(kept);
    CHECK(kept->value == 7);
  }
  {
    auto got = rx.try_lease();
    CHECK(got->fragile); // what goes back is what stands there
    CHECK(got.delivery_count() == 2);
    got->fragile = false;
    CHECK(got.take().value == 7);
  }
  auto [out, in] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 4});
  REQUIRE(out.try_send(std::make_unique<int>(3)));
  in.try_lease().nack();
  auto got = in.try_lease();
  CHECK(**got == 3);
  CHECK(*got.take() == 3);
  CHECK(tx.stats().received + out.stats().received == 2);
}

// -- select -------------------------------------------------------------------

TEST_CASE("a select leases, and a losing case lends nothing (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto [other, quiet] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  rx.try_lease().nack();
  {
    auto chosen
      = levada::blocking_select(levada::leasing(quiet), levada::leasing(rx));
    REQUIRE(chosen.index() == 1);
    auto& got = chosen.get<1>();
    CHECK(*got == 1);
    CHECK(got.delivery_count() == 2);
    CHECK(tx.stats().leased == 1);
    CHECK(other.stats().leased == 0);
  }
  {
    auto chosen = levada::blocking_select(levada::biased, levada::leasing(rx),
                                          levada::leasing(rx));
    CHECK(chosen.get<0>().delivery_count() == 3);
    CHECK(tx.stats().leased == 1);
    chosen.get<0>().ack();
  }
  {
    auto chosen = levada::blocking_select(
      levada::biased, rx, levada::leasing(rx), levada::otherwise);
    CHECK(*chosen.get<0>() == 2);
    CHECK(tx.stats().leased == 0);
  }
  other.close();
  auto chosen
    = levada::blocking_select(levada::leasing(quiet), levada::leasing(rx));
  CHECK(chosen.get<0>().closed());
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a select that waits is lent what is sent, or what comes back "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(
    rt, {.capacity = GENERATE(as<levada::channel_capacity>{}, 0, 4)});
  auto [other, quiet] = make_channel<int>(rt);
  const auto selecting
    = [](receiver<int> in, receiver<int> nothing) -> task<unsigned> {
    auto chosen
      = co_await levada::select(levada::leasing(nothing), levada::leasing(in));
    if (chosen.index() != 1)
      co_return 0U;
    const unsigned result = chosen.get<1>().delivery_count();
    chosen.get<1>().ack();
    co_return result;
  };
  auto waiting = rt.spawn(selecting, rx, quiet);
  until_receivers_wait(rx, 1);
  auto sending = rt.spawn(send_numbers, tx, 0, 2);
  CHECK(waiting.blocking_join() == 1);
  auto held = rx.blocking_lease();
  waiting = rt.spawn(selecting, rx, quiet);
  until_receivers_wait(rx, 1);
  held.nack();
  CHECK(waiting.blocking_join() == 2);
  CHECK(sending.blocking_join() == 2);
  CHECK(quiet.info().waiting_receivers == 0);
  CHECK(tx.stats().leased == 0);
  CHECK(tx.stats().received == 2);
}

TEST_CASE("a lease stands in a select beside an any_receiver (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto [other, quiet] = make_channel<int>(rt, {.capacity = 4});
  auto waiting = rt.spawn(
    [](receiver<int> in, levada::any_receiver<int> also) -> task<int> {
      auto chosen = co_await levada::select(levada::leasing(in), also);
      if (chosen.index() == 0) {
        auto& got = chosen.get<0>();
        const int result = *got;
        got.ack();
        co_return result;
      }
      co_return -1;
    },
    rx, levada::any_receiver<int>{quiet});
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(5));
  CHECK(waiting.blocking_join() == 5);
  CHECK(tx.stats().received == 1);
}
