// one_shot_timer: a timer for once, as Go's since 1.23.
#include <levada/channels/timer.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::one_shot_timer;

namespace {

task<bool> rings(one_shot_timer* each) {
  auto tick = co_await each->receive();
  co_return tick.has_value();
}

} // namespace

TEST_CASE("a one_shot_timer rings once (G-27)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  one_shot_timer each{rt, 1s};
  CHECK(each.try_receive().empty());
  clock.advance(1500ms);
  CHECK(each.try_receive()->drift == 500ms);
  clock.advance(5s);
  CHECK(each.try_receive().empty());
  CHECK_FALSE(each.is_closed());
}

TEST_CASE("stop says whether it prevented a tick (G-27, S-10)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  one_shot_timer each{rt, 1s};
  CHECK(each.stop());
  CHECK_FALSE(each.stop());
  clock.advance(2s);
  CHECK(each.try_receive().empty());
  CHECK_FALSE(each.is_closed());
  CHECK_FALSE(each.reset(1s));
  clock.advance(1s);
  CHECK(each.try_receive());
  CHECK_FALSE(each.stop());
}

TEST_CASE(
  "no stale tick after stop or reset, also when it had rung (G-27, "
  "S-10)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  one_shot_timer each{rt, 1s};
  const auto ready
    = [](one_shot_timer* it) -> task<bool> { co_return co_await it->ready(); };
  clock.advance(1s);
  SECTION("due, not looked at") {
  }
  SECTION("found by ready()") {
    CHECK(rt.block_on(ready, &each));
  }
  SECTION("stopped") {
    CHECK(rt.block_on(ready, &each));
    CHECK(each.stop());
    CHECK(each.try_receive().empty());
    CHECK_FALSE(each.reset(1s));
    clock.advance(1s);
    CHECK(each.try_receive()->drift == 0s);
    return;
  }
  CHECK(each.reset(1s));
  CHECK(each.try_receive().empty());
  clock.advance(1s);
  CHECK(each.try_receive()->drift == 0s);
}

TEST_CASE(
  "stopping a one_shot_timer leaves its waiter waiting until a reset (S-10)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  one_shot_timer each{rt, 1s};
  auto ringing = rt.spawn(rings, &each);
  until([&] { return clock.armed() == 1; });
  CHECK(each.stop());
  until([&] { return clock.armed() == 0; });
  clock.advance(5s);
  CHECK_FALSE(ringing.done());
  CHECK_FALSE(each.reset(1s));
  until([&] { return clock.armed() == 1; });
  clock.advance(1s);
  CHECK(ringing.blocking_join());
}

TEST_CASE("a closed one_shot_timer says so (G-27)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  one_shot_timer each{rt, 1s};
  each.close();
  CHECK(each.is_closed());
  CHECK(each.try_receive().closed());
}

TEST_CASE("a reset races with the tick, and one of them wins (G-27)",
          "[stress]") {
  // Either the tick of before is received, or reset() says it was prevented.
  runtime rt{{.workers = 2}};
  int ticked = 0;
  int prevented = 0;
  for (int i = 0; i < 2000; ++i) {
    one_shot_timer each{rt, std::chrono::microseconds{i % 50}};
    auto ringing = rt.spawn(
      [](one_shot_timer* it) -> task<levada::time_point> {
        auto tick = co_await it->receive();
        co_return tick->scheduled;
      },
      &each);
    const auto before = levada::clock::steady().now();
    const bool was_pending = each.reset(std::chrono::microseconds{200});
    const auto rang = ringing.blocking_join();
    if (was_pending) {
      REQUIRE(rang >= before);
      ++prevented;
    } else {
      ++ticked;
    }
  }
  CHECK(ticked + prevented == 2000);
}
