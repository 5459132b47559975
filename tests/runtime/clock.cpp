#include <catch.hpp>

#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/error.hpp>

using namespace std::chrono_literals;
using levada::duration;
using levada::saturating_add;
using levada::time_point;
using levada::to_duration;

TEST_CASE("the steady clock does not run backwards") {
  auto& steady = levada::clock::steady();
  const auto before = std::chrono::steady_clock::now();
  const auto first = steady.now();
  const auto second = steady.now();
  CHECK(before <= first);
  CHECK(first <= second);
  CHECK(&steady == &levada::clock::steady());
}

TEST_CASE(
  "a manual clock stands still until it is advanced, then by exactly "
  "that much") {
  levada::manual_clock clock;
  const auto start = clock.now();
  CHECK(clock.now() == start);
  clock.advance(5ms);
  CHECK(clock.now() == start + 5ms);
  clock.advance(0ms);
  CHECK(clock.now() == start + 5ms);
  clock.advance(1ns);
  CHECK(clock.now() == start + 5ms + 1ns);
  CHECK(clock.armed() == 0);
}

TEST_CASE("a manual clock refuses to go backwards and stays where it was") {
  levada::manual_clock clock;
  const auto start = clock.now();
  CHECK_THROWS_AS(clock.advance(-1ns), levada::channel_error);
  CHECK(clock.now() == start);
}

TEST_CASE("advancing a manual clock for ever ends at the last instant") {
  levada::manual_clock clock;
  clock.advance(duration::max());
  CHECK(clock.now() == time_point::max());
  clock.advance(1h);
  CHECK(clock.now() == time_point::max());
}

TEST_CASE("adding to a point in time saturates at both ends") {
  const auto now = time_point{1h};
  CHECK(saturating_add(now, 1s) == now + 1s);
  CHECK(saturating_add(now, -1s) == now - 1s);
  CHECK(saturating_add(now, duration::max()) == time_point::max());
  CHECK(saturating_add(time_point::max(), 1ns) == time_point::max());
  CHECK(saturating_add(time_point::max(), -1ns) == time_point::max() - 1ns);
  CHECK(saturating_add(time_point{-1h}, duration::min()) == time_point::min());
  CHECK(saturating_add(time_point::min(), -1ns) == time_point::min());
  CHECK(saturating_add(time_point::min(), duration::max())
        == time_point::min() + duration::max());
}

TEST_CASE("adding to a point in time agrees with wide arithmetic everywhere") {
  std::mt19937_64 random{20240131};
  using rep = duration::rep;
  constexpr auto lowest = std::numeric_limits<rep>::min();
  constexpr auto highest = std::numeric_limits<rep>::max();
  const auto pick = [&]() -> rep {
    const auto any = static_cast<rep>(random());
    switch (random() % 4) {
      case 0:
        return highest - std::abs(any % 3);
      case 1:
        return lowest + std::abs(any % 3);
      case 2:
        return any % 3;
      default:
        return any;
    }
  };
  for (int i = 0; i < 100'000; ++i) {
    const auto from = pick();
    const auto by = pick();
    rep exact = 0;
    if (__builtin_add_overflow(from, by, &exact))
      exact = by > 0 ? highest : lowest;
    const auto sum = saturating_add(time_point{duration{from}}, duration{by});
    if (sum.time_since_epoch().count() != exact) {
      CAPTURE(from, by);
      CHECK(sum.time_since_epoch().count() == exact);
    }
  }
}

TEST_CASE("durations of any unit convert, rounded up and saturating") {
  CHECK(to_duration(3s) == duration{3s});
  CHECK(to_duration(-3s) == duration{-3s});
  CHECK(to_duration(0min) == duration::zero());
  CHECK(to_duration(std::chrono::hours::max()) == duration::max());
  CHECK(to_duration(std::chrono::hours::min()) == duration::min());
  CHECK(to_duration(duration::max()) == duration::max());
  CHECK(to_duration(duration::min()) == duration::min());
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  CHECK(to_duration(picoseconds{1}) == duration{1});
  CHECK(to_duration(picoseconds{1000}) == duration{1});
  CHECK(to_duration(picoseconds{1001}) == duration{2});
  CHECK(to_duration(picoseconds{-1}) == duration{0});
}

TEST_CASE("floating durations convert, what is no number means never") {
  using seconds = std::chrono::duration<double>;
  CHECK(to_duration(seconds{0.25}) == duration{250ms});
  CHECK(to_duration(seconds{1e300}) == duration::max());
  CHECK(to_duration(seconds{-1e300}) == duration::min());
  CHECK(to_duration(seconds{std::numeric_limits<double>::infinity()})
        == duration::max());
  CHECK(to_duration(seconds{std::nan("")}) == duration::max());
}
