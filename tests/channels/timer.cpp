// timer: ticks that can be stopped and reset, exact under a clock that stands
// still.
#include <levada/channels/timer.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::duration;
using levada::missed_tick;
using levada::missed_tick_policy;
using levada::timer;
using levada::timer_tick;

namespace {

/// A runtime whose time the test moves.
struct stage {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  levada::time_point start = clock.now();

  /// Moves time to `at` after the start.
  void at(duration when) {
    clock.advance(start + when - clock.now());
  }
  void until_armed() {
    until([this] { return clock.armed() != 0; });
  }
};

task<std::optional<duration>> drift_of_next(timer* each) {
  auto tick = co_await each->receive();
  if (!tick)
    co_return std::nullopt;
  co_return tick->drift;
}

task<bool> is_ready(timer* each) {
  co_return co_await each->ready();
}

/// Looks at 0.5 s intervals, and late once; says when ticks were due and taken.
std::string ticks_with(missed_tick_policy policy) {
  stage on;
  timer each{on.rt, 1s, std::move(policy)};
  std::string seen;
  for (const duration when : {500ms, 1000ms, 3700ms, 3700ms, 3700ms, 4000ms,
                              4700ms, 5000ms, 5700ms, 6000ms}) {
    if (when > on.clock.now() - on.start)
      on.at(when);
    auto tick = each.try_receive();
    if (!tick)
      continue;
    const auto ms = [](duration d) {
      return std::to_string(
        std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
    };
    seen += ms(tick->scheduled - on.start) + "+" + ms(tick->drift) + " ";
  }
  return seen;
}

} // namespace

TEST_CASE("a timer that triggers all catches up, tick by tick (F-73)") {
  CHECK(ticks_with(missed_tick::trigger_all)
        == "1000+0 2000+1700 3000+700 4000+0 5000+0 6000+0 ");
}

TEST_CASE("a timer that resyncs gives one late tick, then the grid (F-74)") {
  CHECK(ticks_with(missed_tick::skip_and_resync)
        == "1000+0 2000+1700 4000+0 5000+0 6000+0 ");
}

TEST_CASE("a timer that drifts starts anew from a late tick (F-75)") {
  CHECK(ticks_with(missed_tick::skip_and_drift)
        == "1000+0 2000+1700 4700+0 5700+0 ");
}

TEST_CASE(
  "a lateness that is tolerated, also just so, moves nothing (F-75, "
  "S-15)") {
  const auto at = [](double seconds) {
    return levada::time_point{std::chrono::duration_cast<duration>(
      std::chrono::duration<double>{seconds})};
  };
  const levada::skip_and_drift tolerant{100ms};
  CHECK(tolerant.next(1s, at(10), at(10.1)) == at(11));
  CHECK(tolerant.next(1s, at(10), at(10.2)) == at(11.2));
  CHECK(tolerant.next(1s, at(10), at(10)) == at(11));
  // a tolerance of more than an interval: the next may be due already
  CHECK(levada::skip_and_drift{3s}.next(1s, at(10), at(12)) == at(11));
  CHECK_THROWS_AS(levada::skip_and_drift{-1ns}, levada::channel_error);
}

TEST_CASE("resync is strictly later than now (F-74, S-15)") {
  const auto at = [](double seconds) {
    return levada::time_point{std::chrono::duration_cast<duration>(
      std::chrono::duration<double>{seconds})};
  };
  const missed_tick_policy resync{missed_tick::skip_and_resync};
  CHECK(resync.next(1s, at(1), at(10.5)) == at(11));
  CHECK(resync.next(1s, at(1), at(1)) == at(2));
  CHECK(resync.next(1s, at(1), at(11)) == at(12));
}

TEST_CASE("a policy of one's own says when the next tick is due (F-76)") {
  stage on;
  timer each{on.rt, 1s,
             missed_tick_policy{[](duration interval, auto scheduled, auto) {
               return scheduled + 2 * interval;
             }}};
  on.at(1s);
  CHECK(each.try_receive());
  on.at(2s);
  CHECK(each.try_receive().empty());
  on.at(3s);
  CHECK(each.try_receive());
}

TEST_CASE(
  "a policy that throws reaches the reader, and the timer can be "
  "reset (F-76)") {
  stage on;
  bool angry = true;
  timer each{
    on.rt, 1s,
    missed_tick_policy{[&angry](duration interval, auto scheduled, auto) {
      if (angry)
        throw std::runtime_error{"no"};
      return scheduled + interval;
    }}};
  on.at(1s);
  CHECK_THROWS_AS(each.try_receive(), std::runtime_error);
  on.at(5s);
  CHECK(each.try_receive().empty());
  angry = false;
  each.reset();
  on.at(6s);
  CHECK(each.try_receive());
}

TEST_CASE("a timer's numbers are checked where it is made (F-71, G-28)") {
  runtime rt{{.workers = 1}};
  const missed_tick_policy policy{missed_tick::trigger_all};
  CHECK_THROWS_AS((timer{rt, 0s, policy}), levada::channel_error);
  CHECK_THROWS_AS((timer{rt, -1s, policy}), levada::channel_error);
  CHECK_THROWS_AS((timer{rt, 1s, policy, {.start_delay = -1s}}),
                  levada::channel_error);
  CHECK_THROWS_AS(
    (timer{rt, 1s, policy, {.auto_start = false, .start_delay = 1s}}),
    levada::channel_error);
  CHECK_THROWS_AS((timer{1s, policy}), levada::channel_error); // no runtime
  timer good{rt, 1s, policy};
  CHECK_THROWS_AS(good.reset(-1s), levada::channel_error);
  CHECK_THROWS_AS(good.reset_to(0s), levada::channel_error);
  CHECK(good.interval() == 1s);
}

TEST_CASE("the first tick comes after the delay and one interval (F-71)") {
  stage on;
  timer each{on.rt, 1s, missed_tick::trigger_all, {.start_delay = 3s}};
  auto drift = on.rt.spawn(drift_of_next, &each);
  on.until_armed();
  on.at(3999ms);
  CHECK_FALSE(drift.done());
  on.at(4s);
  CHECK(drift.blocking_join() == duration{0});
}

TEST_CASE(
  "a timer that does not start by itself starts with the first wait "
  "(F-72)") {
  stage on;
  const auto idle = [&on] {
    return timer{on.rt, 1s, missed_tick::trigger_all, {.auto_start = false}};
  };
  SECTION("a try") {
    auto each = idle();
    on.at(5s);
    CHECK_FALSE(each.is_running());
    CHECK(each.try_receive().empty());
    CHECK(each.is_running());
    on.at(6s);
    CHECK(each.try_receive()->drift == 0s);
  }
  SECTION("a receive") {
    auto each = idle();
    on.at(5s);
    auto drift = on.rt.spawn(drift_of_next, &each);
    on.until_armed();
    on.at(6s);
    CHECK(drift.blocking_join() == duration{0});
  }
  SECTION("ready") {
    auto each = idle();
    on.at(5s);
    auto ready = on.rt.spawn(is_ready, &each);
    on.until_armed();
    on.at(6s);
    CHECK(ready.blocking_join());
    CHECK(each.consume());
  }
  SECTION("reset") {
    auto each = idle();
    on.at(5s);
    each.reset();
    on.at(6s);
    CHECK(each.try_receive());
  }
}

TEST_CASE("a reset counts from now and voids a tick not taken (F-77, S-16)") {
  stage on;
  timer each{on.rt, 1s, missed_tick::trigger_all};
  on.at(1s);
  CHECK(on.rt.block_on(is_ready, &each));
  on.at(1500ms);
  each.reset();
  CHECK(each.consume().error() == make_error_code(errc::not_ready));
  on.at(2400ms);
  CHECK(each.try_receive().empty());
  on.at(2500ms);
  CHECK(each.try_receive()->drift == 0s);
}

TEST_CASE("a reset to an earlier tick wakes who waits (F-77)") {
  stage on;
  timer each{on.rt, 1h, missed_tick::trigger_all};
  auto drift = on.rt.spawn(drift_of_next, &each);
  on.until_armed();
  each.reset_to(1s);
  until([&] { return on.rt.find(1).waiting_receivers == 1; });
  on.at(1s);
  CHECK(drift.blocking_join() == duration{0});
  CHECK(each.interval() == 1s);
}

TEST_CASE("a reset to a later tick lets who waits wait on (F-77)") {
  stage on;
  timer each{on.rt, 1s, missed_tick::trigger_all};
  auto drift = on.rt.spawn(drift_of_next, &each);
  on.until_armed();
  on.at(500ms);
  each.reset();
  on.at(1s);
  CHECK_FALSE(drift.done());
  on.at(1500ms);
  CHECK(drift.blocking_join() == duration{0});
}

TEST_CASE("stop wakes who waits, at once (F-78, S-16)") {
  stage on;
  timer each{on.rt, 1h, missed_tick::trigger_all};
  const auto control = each.control();
  auto drift = on.rt.spawn(drift_of_next, &each);
  on.until_armed();
  CHECK(control.stop());
  CHECK(drift.blocking_join() == std::nullopt);
  CHECK(each.is_closed());
  CHECK_FALSE(control.stop());
  CHECK(each.try_receive().closed());
}

TEST_CASE(
  "a tick that was there when it was stopped is still given, then "
  "closed, until a reset (F-78, S-16)") {
  stage on;
  timer each{on.rt, 1s, missed_tick::trigger_all};
  on.at(1s);
  CHECK(on.rt.block_on(is_ready, &each));
  each.stop();
  CHECK(each.consume());
  CHECK(each.consume().closed());
  CHECK_FALSE(on.rt.block_on(is_ready, &each));
  each.reset();
  CHECK_FALSE(each.is_closed());
  on.at(2s);
  CHECK(each.try_receive()->drift == 0s);
}

TEST_CASE("asking twice whether a timer is ready takes no tick (F-31)") {
  stage on;
  timer each{on.rt, 1s, missed_tick::trigger_all};
  on.at(1s);
  CHECK(on.rt.block_on(is_ready, &each));
  CHECK(on.rt.block_on(is_ready, &each));
  CHECK(each.consume()->drift == 0s);
  CHECK(each.consume().error() == make_error_code(errc::not_ready));
}

TEST_CASE("a timer and channels in one select, round after round (F-50)") {
  stage on;
  auto [tx, rx] = make_channel<int>(on.rt, {.capacity = 4});
  auto work = on.rt.spawn(
    [](stage* there, receiver<int> in) -> task<std::string> {
      timer each{1s, missed_tick::skip_and_resync};
      std::string seen;
      for (;;) {
        auto chosen = co_await levada::select(in, each);
        if (auto* tick = chosen.from(each)) {
          seen += tick->has_value() ? "t" : "?";
        } else if (auto* got = chosen.from(in); *got) {
          seen += std::to_string(**got);
        } else {
          break;
        }
      }
      (void)there;
      co_return seen;
    },
    &on, std::move(rx));
  on.until_armed();
  CHECK(tx.try_send(1));
  until([&] { return tx.info().stats.received == 1; });
  on.until_armed();
  on.at(1s);
  until([&] { return on.clock.armed() == 1; });
  CHECK(tx.try_send(2));
  until([&] { return tx.info().stats.received == 2; });
  tx.close();
  CHECK(work.blocking_join() == "1t2");
}

TEST_CASE("a stopping runtime ends who waits for a timer") {
  levada::manual_clock clock;
  auto rt = std::make_unique<runtime>(
    levada::runtime_options{.workers = 1, .time = &clock});
  timer each{*rt, 1s, missed_tick::trigger_all};
  auto drift = rt->spawn(drift_of_next, &each);
  until([&] { return clock.armed() != 0; });
  CHECK(rt->stop(10s).clean);
  CHECK(drift.blocking_join() == std::nullopt);
}
