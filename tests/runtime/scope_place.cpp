// A scope with a limit: children wait for a place (Go: errgroup's SetLimit).
#include <catch.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using levada::errc;
using levada::make_channel;
using levada::receiver;
using levada::runtime;
using levada::scope;
using levada::scope_place;
using levada::sender;
using levada::task;
using levada::unit;

namespace {

template <class F>
std::error_code code_of(F&& call) {
  try {
    call();
  } catch (const levada::channel_error& error) {
    return error.code();
  }
  return {};
}

/// Ends when `gate` closes.
task<> wait_for(receiver<unit> gate) {
  auto got = co_await gate.receive();
  (void)got;
}

} // namespace

TEST_CASE(
  "no more children run at a time than the limit, and that many do "
  "(G-30)") {
  runtime rt{{.workers = 2}};
  struct counts {
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    std::atomic<int> ran{0};
  } seen;
  rt.block_on(
    [](counts& all) -> task<> {
      scope children{{.limit = 3}};
      for (int i = 0; i < 30; ++i) {
        auto place = co_await children.reserve();
        place
          .spawn(
            [](counts& mine) -> task<> {
              const int now = ++mine.now;
              int most = mine.most;
              while (most < now
                     && !mine.most.compare_exchange_weak(most, now)) {}
              // Else each might be over before the next is spawned.
              while (mine.most < 3)
                co_await levada::yield();
              for (int turn = 0; turn < 5; ++turn)
                co_await levada::yield();
              --mine.now;
              ++mine.ran;
            },
            std::ref(all))
          .detach();
      }
      co_await children.join();
    },
    std::ref(seen));
  CHECK(seen.ran == 30);
  CHECK(seen.most == 3);
}

TEST_CASE("spawning without a place is refused in words (G-30)") {
  runtime rt{{.workers = 1}};
  auto [gate, closed] = make_channel<unit>(rt);
  scope children{rt, {.limit = 2}};
  auto first = children.spawn(wait_for, closed);
  auto second = children.spawn(wait_for, closed);
  try {
    children.spawn(wait_for, closed).detach();
    FAIL("nothing was thrown");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::full);
    CHECK(std::string{error.what()}.find("2 children run")
          != std::string::npos);
    CHECK(std::string{error.what()}.find("reserve()") != std::string::npos);
  }
  CHECK_FALSE(children.try_reserve());
  gate.close();
  first.blocking_join();
  second.blocking_join();
  children.blocking_join();
  children.spawn(wait_for, closed).detach();
  children.blocking_join();
}

TEST_CASE("places go to those who wait, in their order (G-30)") {
  runtime rt{{.workers = 1}};
  scope children{rt, {.limit = 1}};
  std::optional<scope_place> held{children.try_reserve()};
  REQUIRE(*held);
  std::vector<int> order;
  std::vector<levada::join_handle<>> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(rt.spawn(
      [](scope& in, std::vector<int>& seen, int number) -> task<> {
        auto place = co_await in.reserve();
        seen.push_back(number); // one worker, and one place at a time
      },
      std::ref(children), std::ref(order), i));
    REQUIRE(test::eventually([&] {
      const auto tasks = rt.tasks();
      return tasks.size() == waiting.size()
             && tasks.front().reason == levada::wait_reason::join
             && tasks.back().reason == levada::wait_reason::join;
    }));
  }
  CHECK_FALSE(children.try_reserve()); // nobody is overtaken either
  held.reset();
  for (auto& each : waiting)
    each.blocking_join();
  CHECK(order == std::vector<int>{0, 1, 2, 3});
  children.blocking_join();
}

TEST_CASE("a place is used once, and one that goes unused is free (G-30)") {
  runtime rt{{.workers = 1}};
  scope children{rt, {.limit = 1}};
  auto place = children.try_reserve();
  REQUIRE(place);
  auto moved = std::move(place);
  CHECK_FALSE(place);
  CHECK(code_of([&] { place.spawn([] {}).detach(); })
        == errc::invalid_argument);
  const int result = moved.spawn([] { return 5; }).blocking_join();
  CHECK(result == 5);
  CHECK_FALSE(moved);
  CHECK(code_of([&] { moved.spawn([] {}).detach(); })
        == errc::invalid_argument);
  children.blocking_join();
  for (int i = 0; i < 5; ++i)
    CHECK(children.try_reserve());
  moved = children.try_reserve();
  CHECK(code_of([&] { moved.spawn(task<>{}).detach(); })
        == errc::invalid_argument);
  moved = {};
  children.blocking_join();
}

TEST_CASE("a scope without a limit always has a place (G-30)") {
  runtime rt{{.workers = 1}};
  scope children{rt};
  std::vector<scope_place> places;
  for (int i = 0; i < 100; ++i)
    places.push_back(children.try_reserve());
  for (auto& each : places) {
    REQUIRE(each);
    each.spawn([] {}).detach();
  }
  children.blocking_join();
}

TEST_CASE("the first error refuses a place to those who wait for one (G-30)") {
  runtime rt{{.workers = 1}};
  auto [gate, closed] = make_channel<unit>(rt);
  scope children{rt, {.limit = 1}};
  children
    .spawn(
      [](receiver<unit> in) -> task<> {
        auto got = co_await in.receive();
        (void)got;
        throw std::runtime_error("first");
      },
      closed)
    .detach();
  auto waiting = rt.spawn(
    [](scope& in) -> task<std::error_code> {
      std::error_code why;
      try {
        auto place = co_await in.reserve();
        place.spawn([] {}).detach();
      } catch (const levada::operation_cancelled& error) {
        why = error.code();
      }
      co_return why;
    },
    std::ref(children));
  REQUIRE(test::eventually([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 2
           && (tasks[0].reason == levada::wait_reason::join
               || tasks[1].reason == levada::wait_reason::join);
  }));
  gate.close();
  // Either it got the place of the child that failed, and could not use it any
  // more, or it was refused one.
  CHECK(waiting.blocking_join() == errc::cancelled);
  CHECK_THROWS_AS(children.blocking_join(), std::runtime_error);
  CHECK(code_of([&] { (void)children.try_reserve(); }) == errc::cancelled);
  CHECK(code_of([&] { (void)children.blocking_reserve(); }) == errc::cancelled);
}

TEST_CASE("cancelling a scope ends every wait for a place (G-30)") {
  runtime rt{{.workers = 2}};
  scope children{rt, {.limit = 1}};
  auto held = children.try_reserve();
  REQUIRE(held);
  std::atomic<int> refused{0};
  for (int i = 0; i < 3; ++i)
    rt.spawn(
        [](scope& in, std::atomic<int>& count) -> task<> {
          try {
            auto place = co_await in.reserve();
          } catch (const levada::operation_cancelled&) {
            ++count;
          }
        },
        std::ref(children), std::ref(refused))
      .detach();
  std::thread outside{[&] {
    if (code_of([&] { (void)children.blocking_reserve(); }) == errc::cancelled)
      ++refused;
  }};
  children.cancel();
  outside.join();
  CHECK(test::eventually([&] { return refused == 4; }));
  CHECK(code_of([&] { held.spawn([] {}).detach(); }) == errc::cancelled);
  held = {};
  children.blocking_join();
}

TEST_CASE(
  "a task cancelled while it waits for a place leaves the queue "
  "(G-30)") {
  runtime rt{{.workers = 1}};
  scope limited{rt, {.limit = 1}};
  std::optional<scope_place> held{limited.try_reserve()};
  std::atomic<bool> cancelled{false};
  scope others{rt};
  others
    .spawn(
      [](scope& in, std::atomic<bool>& told) -> task<> {
        try {
          auto place = co_await in.reserve();
        } catch (const levada::operation_cancelled&) {
          told = true;
        }
      },
      std::ref(limited), std::ref(cancelled))
    .detach();
  REQUIRE(test::eventually([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason == levada::wait_reason::join;
  }));
  others.cancel();
  others.blocking_join();
  CHECK(cancelled);
  held.reset(); // to nobody
  CHECK(limited.try_reserve());
  limited.blocking_join();
}

TEST_CASE("joining waits for a place that somebody still holds (G-30)") {
  runtime rt{{.workers = 2}};
  scope children{rt, {.limit = 1}};
  auto place = children.try_reserve();
  auto joining = rt.spawn([](scope& all) -> task<> { co_await all.join(); },
                          std::ref(children));
  REQUIRE(test::eventually([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason == levada::wait_reason::join;
  }));
  CHECK_FALSE(joining.done());
  place.spawn([] {}).detach();
  joining.blocking_join();
}

TEST_CASE("a thread waits for a place as well (G-30)") {
  runtime rt{{.workers = 1}};
  auto [gate, closed] = make_channel<unit>(rt);
  scope children{rt, {.limit = 1}};
  children.spawn(wait_for, closed).detach();
  std::thread outside{[&, gate = gate] {
    auto place = children.blocking_reserve();
    place.spawn([] {}).detach();
  }};
  gate.close();
  outside.join();
  children.blocking_join();
  std::error_code code;
  rt.block_on([&]() -> task<> {
    code = code_of([&] { (void)children.blocking_reserve(); });
    co_return;
  });
  CHECK(code == errc::wrong_thread);
}

TEST_CASE("a runtime that stops ends the waits for places (G-30)") {
  runtime rt{{.workers = 1}};
  scope children{rt, {.limit = 1}};
  auto held = children.try_reserve();
  auto waiting = rt.spawn(
    [](scope& in) -> task<std::error_code> {
      std::error_code why;
      try {
        auto place = co_await in.reserve();
      } catch (const levada::channel_error& error) {
        why = error.code();
      }
      co_return why;
    },
    std::ref(children));
  REQUIRE(test::eventually([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason == levada::wait_reason::join;
  }));
  CHECK(rt.stop().clean);
  CHECK(waiting.blocking_join() == errc::runtime_stopped);
}

TEST_CASE("places, cancelling and errors race without losing a place (G-30)",
          "[stress]") {
  for (int round = 0; round < 100; ++round) {
    runtime rt{{.workers = 2}};
    scope children{rt, {.limit = 2}};
    std::atomic<int> ran{0};
    const auto hire = [](scope& in, std::atomic<int>& count) -> task<> {
      try {
        for (int i = 0; i < 20; ++i) {
          auto place = co_await in.reserve();
          if (i % 3 == 0)
            continue;
          place.spawn([&count] { ++count; }).detach();
        }
      } catch (const levada::operation_cancelled&) {
        co_return; // in every other round
      }
    };
    std::vector<levada::join_handle<>> hiring;
    for (int i = 0; i < 4; ++i)
      hiring.push_back(rt.spawn(hire, std::ref(children), std::ref(ran)));
    const bool cancels = round % 2 == 1;
    if (cancels)
      children.cancel();
    for (auto& each : hiring)
      each.blocking_join();
    children.blocking_join();
    REQUIRE((cancels || ran == 4 * 13));
    if (!cancels)
      REQUIRE(children.try_reserve());
  }
}
