#include <catch.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <vector>

#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::duration;
using levada::errc;
using levada::manual_clock;
using levada::runtime;
using levada::task;
using levada::time_point;

namespace {

/// Sleeps each length in turn; counts the sleeps that ended.
task<> sleep_in_turn(std::vector<duration> lengths, std::atomic<int>& ended) {
  for (const auto each : lengths) {
    co_await levada::sleep_for(each);
    ++ended;
  }
}

/// Sleeps `length`; tells how the sleep ended: errc{} for in time.
template <class Length>
task<errc> ending_of(Length length) {
  errc ending{};
  try {
    co_await levada::sleep_for(length);
  } catch (const levada::operation_cancelled& error) {
    ending = static_cast<errc>(error.code().value());
  }
  co_return ending;
}

} // namespace

TEST_CASE("a manual clock wakes each sleeper at its deadline, not before") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  std::mutex mutex;
  std::vector<int> order;
  const auto sleeper = [&](int number, duration length) -> task<> {
    co_await levada::sleep_for(length);
    std::lock_guard guard{mutex};
    order.push_back(number);
  };
  const auto woken = [&] {
    std::lock_guard guard{mutex};
    return order.size();
  };
  rt.spawn(sleeper, 3, duration{30ms}).detach();
  rt.spawn(sleeper, 1, duration{10ms}).detach();
  rt.spawn(sleeper, 2, duration{20ms}).detach();
  REQUIRE(test::eventually([&] { return clock.armed() == 3; }));
  clock.advance(10ms - 1ns);
  CHECK(clock.armed() == 3);
  clock.advance(1ns);
  CHECK(clock.armed() == 2);
  CHECK(test::eventually([&] { return woken() == 1; }));
  clock.advance(10ms);
  CHECK(clock.armed() == 1);
  CHECK(test::eventually([&] { return woken() == 2; }));
  clock.advance(10ms);
  CHECK(clock.armed() == 0);
  CHECK(test::eventually([&] { return woken() == 3; }));
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE("sleeps in turn take the sum of their lengths") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  std::atomic<int> ended{0};
  auto handle = rt.spawn(sleep_in_turn, std::vector<duration>{1ms, 2ms, 3ms},
                         std::ref(ended));
  const auto start = clock.now();
  for (int i = 1; i <= 3; ++i) {
    REQUIRE(test::eventually([&] { return clock.armed() == 1; }));
    CHECK(ended == i - 1);
    clock.advance(std::chrono::milliseconds{i});
    REQUIRE(test::eventually([&] { return ended == i; }));
  }
  handle.blocking_join();
  CHECK(clock.now() - start == 6ms);
}

TEST_CASE("zero, negative and past sleeps go on at once, without a timer") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  std::atomic<int> ended{0};
  // The clock stands still: were any of these to wait, it would be for ever.
  rt.block_on(sleep_in_turn({0ms, -1ms, duration::min(), -1h}, ended));
  CHECK(ended == 4);
  rt.block_on([&]() -> task<> {
    co_await levada::sleep_for(std::chrono::hours::min());
    co_await levada::sleep_until(time_point::min());
    co_await levada::sleep_until(clock.now());
    co_await levada::sleep_until(clock.now() - 1ns);
    ++ended;
  });
  CHECK(ended == 5);
  CHECK(clock.armed() == 0);
}

TEST_CASE("sleeps too long to count last until somebody ends them") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto longest = rt.spawn(ending_of<duration>, duration::max());
  auto hours
    = rt.spawn(ending_of<std::chrono::hours>, std::chrono::hours::max());
  auto floating = rt.spawn(ending_of<std::chrono::duration<double>>,
                           std::chrono::duration<double>{1e300});
  REQUIRE(test::eventually([&] { return clock.armed() == 3; }));
  clock.advance(std::chrono::hours{24 * 365 * 100});
  CHECK(clock.armed() == 3);
  CHECK(rt.stop().clean);
  CHECK(clock.armed() == 0);
  CHECK(longest.blocking_join() == errc::runtime_stopped);
  CHECK(hours.blocking_join() == errc::runtime_stopped);
  CHECK(floating.blocking_join() == errc::runtime_stopped);
}

TEST_CASE(
  "a huge sleep on the steady clock neither fires nor spins, and stop "
  "ends it") {
  runtime rt{{.workers = 1}};
  auto handle = rt.spawn(ending_of<duration>, duration::max());
  REQUIRE(test::eventually([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason == levada::wait_reason::sleep;
  }));
  // A later and shorter sleep is not hidden behind it.
  CHECK(rt.block_on(ending_of<duration>(1ms)) == errc{});
  CHECK_FALSE(handle.done());
  CHECK(rt.stop().clean);
  CHECK(handle.blocking_join() == errc::runtime_stopped);
}

TEST_CASE("a sleep on the steady clock is never shorter than asked") {
  runtime rt{{.workers = 2}};
  const bool in_time = rt.block_on([]() -> task<bool> {
    bool all = true;
    for (int i = 0; i < 50; ++i) {
      const auto until
        = std::chrono::steady_clock::now() + i * std::chrono::microseconds{20};
      co_await levada::sleep_until(until);
      all = all && std::chrono::steady_clock::now() >= until;
    }
    co_return all;
  });
  CHECK(in_time);
}

TEST_CASE("a hundred thousand tasks sleep and are cancelled") {
  manual_clock clock;
  constexpr std::size_t count = 100'000;
  std::atomic<std::size_t> cancelled{0};
  runtime rt{{.workers = 2, .time = &clock}};
  for (std::size_t i = 0; i < count; ++i)
    rt.spawn(
        [](duration length, std::atomic<std::size_t>& counter) -> task<> {
          const errc ending = co_await ending_of(length);
          if (ending == errc::runtime_stopped)
            ++counter;
        },
        duration{1s} * (1 + i * 7919 % count), std::ref(cancelled))
      .detach();
  REQUIRE(test::eventually([&] { return clock.armed() == count; }));
  CHECK(rt.stop().clean);
  CHECK(clock.armed() == 0);
  CHECK(cancelled == count);
}

TEST_CASE("time that moves while tasks go to sleep leaves nobody behind",
          "[stress]") {
  manual_clock clock;
  std::atomic<int> ended{0};
  constexpr int sleepers = 4;
  constexpr int naps = 5000;
  runtime rt{{.workers = 2, .time = &clock}};
  const auto end = clock.now() + naps * 1us;
  for (int i = 0; i < sleepers; ++i)
    rt.spawn([&]() -> task<> {
        for (auto next = clock.now() + 1us; next <= end; next += 1us)
          co_await levada::sleep_until(next);
        ++ended;
      })
      .detach();
  // Never further than the end: whoever misses a deadline is not helped on.
  while (clock.now() < end)
    clock.advance(1us);
  CHECK(test::eventually([&] { return ended == sleepers; }));
}

TEST_CASE("a yield lets the tasks queued on this worker run first") {
  runtime rt{{.workers = 1}};
  std::vector<int> order;
  rt.block_on([&]() -> task<> {
    const auto note = [](std::vector<int>& into, int number) -> task<> {
      into.push_back(number);
      co_return;
    };
    auto first = levada::spawn(note, std::ref(order), 1);
    auto second = levada::spawn(note, std::ref(order), 2);
    co_await levada::yield();
    order.push_back(3);
    co_await first.join();
    co_await second.join();
  });
  CHECK(order == std::vector{1, 2, 3});
}

TEST_CASE(
  "a yield in a cancelled task throws, so that no loop of yields "
  "holds up stop") {
  runtime rt{{.workers = 1}};
  std::atomic<bool> going{false};
  auto handle = rt.spawn([&]() -> task<> {
    for (;;) {
      going = true;
      co_await levada::yield();
    }
  });
  REQUIRE(test::eventually([&] { return going.load(); }));
  CHECK(rt.stop().clean);
  try {
    handle.blocking_join();
    FAIL("the loop has no other end");
  } catch (const levada::operation_cancelled& error) {
    CHECK(error.code() == errc::runtime_stopped);
  }
}

TEST_CASE("a cancelled task that sleeps again does not sleep") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto handle = rt.spawn([]() -> task<int> {
    int cancelled = 0;
    for (int i = 0; i < 3; ++i) {
      const errc ending = co_await ending_of(1h);
      cancelled += ending == errc::runtime_stopped ? 1 : 0;
    }
    co_return cancelled;
  });
  REQUIRE(test::eventually([&] { return clock.armed() == 1; }));
  CHECK(rt.stop().clean);
  CHECK(handle.blocking_join() == 3);
}

namespace {

/// A wait that cannot be set up.
struct impossible_wait : levada::detail::side_wait {
  using levada_awaitable = void;

  impossible_wait()
      : side_wait{[](side_wait&, errc) noexcept { return false; }} {
  }
  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return leaf.promise().root().park_aside(
      leaf, levada::wait_reason::sleep, *this,
      [](side_wait&) -> bool { throw std::bad_alloc{}; },
      std::source_location::current());
  }
  void await_resume() const noexcept {
  }
};

} // namespace

TEST_CASE("a wait that cannot be set up throws, and the task goes on") {
  runtime rt{{.workers = 1}};
  const int result = rt.block_on([]() -> task<int> {
    int steps = 0;
    // Nested, since it is the way back to the parent that must be intact.
    const auto nested = []() -> task<bool> {
      bool thrown = false;
      impossible_wait wait;
      try {
        co_await wait;
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      co_return thrown;
    };
    const bool first = co_await nested();
    steps += first ? 1 : 0;
    co_await levada::yield();
    const bool second = co_await nested();
    steps += second ? 1 : 0;
    co_return steps;
  });
  CHECK(result == 2);
}
