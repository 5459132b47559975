// after, tick, never: exact under a clock that stands still.
#include <levada/channels/select.hpp>
#include <levada/channels/timers.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::missed_tick;

namespace {

constexpr levada::time_point at_second(double seconds) {
  return levada::time_point{std::chrono::duration_cast<levada::duration>(
    std::chrono::duration<double>{seconds})};
}

levada::tick_receiver ticker(missed_tick policy) {
  return {at_second(1), 1s, policy};
}

} // namespace

TEST_CASE("trigger_all delivers every tick, on the grid (F-73)") {
  auto timer = ticker(missed_tick::trigger_all);
  CHECK(timer.take(at_second(1)).drift == 0s);
  CHECK(timer.due() == at_second(2));
  CHECK(timer.take(at_second(5.5)).drift == 3500ms);
  CHECK(timer.due() == at_second(3));
  CHECK(timer.take(at_second(5.5)).scheduled == at_second(3));
  CHECK(timer.due() == at_second(4));
}

TEST_CASE(
  "skip_and_resync delivers one late tick and returns to the grid "
  "(F-74, S-15)") {
  auto timer = ticker(missed_tick::skip_and_resync);
  CHECK(timer.take(at_second(10.5)).drift == 9500ms);
  CHECK(timer.due() == at_second(11));
  // exactly on the grid: strictly later than now
  CHECK(timer.take(at_second(11)).drift == 0s);
  CHECK(timer.due() == at_second(12));
  CHECK(timer.take(at_second(14)).drift == 2s);
  CHECK(timer.due() == at_second(15));
}

TEST_CASE("skip_and_drift starts anew from a late tick (F-75)") {
  auto timer = ticker(missed_tick::skip_and_drift);
  CHECK(timer.take(at_second(1)).drift == 0s);
  CHECK(timer.due() == at_second(2));
  CHECK(timer.take(at_second(2.25)).drift == 250ms);
  CHECK(timer.due() == at_second(3.25));
}

TEST_CASE("after fires once, at its time, and never again (G-27)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto work = rt.spawn([]() -> task<std::vector<levada::duration>> {
    std::vector<levada::duration> drifts;
    auto timer = levada::after(3s);
    auto first = co_await timer.receive();
    drifts.push_back(first->drift);
    auto again = co_await levada::select(timer, levada::otherwise);
    drifts.push_back(again.index() == 1 ? 0s : -1s);
    co_return drifts;
  });
  until([&] { return clock.armed() == 1; });
  clock.advance(2999ms);
  CHECK_FALSE(work.done());
  clock.advance(1ms);
  CHECK(work.blocking_join() == std::vector<levada::duration>{0s, 0s});
}

TEST_CASE(
  "tick comes every interval, and a slow receiver's ticks are dropped "
  "(G-28)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [go, gate] = make_channel<int>(rt);
  auto work = rt.spawn(
    [](receiver<int> wait) -> task<std::vector<levada::duration>> {
      std::vector<levada::duration> drifts;
      auto timer = levada::tick(10s);
      auto first = co_await timer.receive();
      drifts.push_back(first->drift);
      auto opened = co_await wait.receive();
      drifts.push_back(opened ? 0s : -1s);
      auto late = co_await timer.receive();
      drifts.push_back(late->drift);
      auto next = co_await timer.receive();
      drifts.push_back(next->drift);
      co_return drifts;
    },
    gate);
  until([&] { return clock.armed() == 1; });
  clock.advance(10s);
  until_receivers_wait(gate, 1);
  clock.advance(35s); // ticks at 20, 30 and 40 pass unseen; now it is 45
  REQUIRE(go.blocking_send(1));
  until([&] { return clock.armed() == 1; });
  clock.advance(5s); // the grid's next is 50
  CHECK(work.blocking_join() == std::vector<levada::duration>{0s, 0s, 25s, 0s});
}

TEST_CASE("a tick's interval is positive (G-28)") {
  CHECK_THROWS_AS(levada::tick(0s), levada::channel_error);
  CHECK_THROWS_AS(levada::tick(-1s), levada::channel_error);
}

TEST_CASE(
  "of several timers in a select the earliest counts, for one timer "
  "armed (G-27)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto work = rt.spawn([]() -> task<std::size_t> {
    auto chosen = co_await levada::select(
      levada::after(30s), levada::after(10s), levada::after(20s));
    co_return chosen.index();
  });
  until([&] { return clock.armed() == 1; });
  clock.advance(10s);
  CHECK(work.blocking_join() == 1);
  CHECK(clock.armed() == 0);
}

TEST_CASE("a timer that was not waited for leaves nothing behind (S-10)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto work = rt.spawn(
    [](receiver<int> in) -> task<std::size_t> {
      auto chosen = co_await levada::select(in, levada::after(1s));
      co_return chosen.index();
    },
    rx);
  CHECK(work.blocking_join() == 0);
  CHECK(clock.armed() == 0);
}

TEST_CASE("never has nothing (F-84)") {
  const auto rx = levada::never<int>();
  CHECK_FALSE(rx);
  CHECK(rx.try_receive().empty());
  CHECK(levada::blocking_select(rx, levada::otherwise).index() == 1);
}
