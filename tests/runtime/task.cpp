#include <catch.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <levada/runtime/engine.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::errc;
using levada::runtime;
using levada::task;

namespace {

/// Counts how many of it live.
struct counted {
  explicit counted(int& living) : living_(&living) {
    ++*living_;
  }
  counted(const counted& other) : living_(other.living_) {
    ++*living_;
  }
  counted& operator=(const counted&) = delete;
  ~counted() {
    --*living_;
  }

private:
  int* living_;
};

task<int> number(int value) {
  co_return value;
}

task<> set(bool& flag) {
  flag = true;
  co_return;
}

task<> set_with(bool& flag, counted) {
  flag = true;
  co_return;
}

task<std::string> text() {
  co_return "a text that is too long for the small string buffer";
}

task<std::unique_ptr<int>> boxed(int value) {
  co_return std::make_unique<int>(value);
}

task<int&> same(int& value) {
  co_return value;
}

task<const std::string&> same_text(const std::string& value) {
  co_return value;
}

task<int> failing(std::string why) {
  throw std::runtime_error(why);
  co_return 1;
}

task<int> passing_on(int depth, std::string why) {
  int result = 0;
  if (depth == 0)
    result = co_await failing(why);
  else
    result = co_await passing_on(depth - 1, why);
  co_return result;
}

/// No default constructor, and a copy that can fail.
struct picky {
  explicit picky(int number) : number(number) {
  }
  picky(const picky& other) : number(other.number) {
    if (number < 0)
      throw std::domain_error("negative");
  }
  int number;
};

task<picky> pick(const picky& from) {
  co_return from;
}

task<int> depth_of(int depth) {
  int below = 0;
  if (depth > 0) {
    const int reached = co_await depth_of(depth - 1);
    below = reached + 1;
  }
  co_return below;
}

task<int> sleeping_at(int depth, const counted& proof) {
  const counted alive{proof};
  int below = 0;
  if (depth > 0)
    below = co_await sleeping_at(depth - 1, proof);
  else
    co_await levada::sleep_for(1h);
  co_return below + 1;
}

task<int> failing_at(int depth) {
  int below = 0;
  if (depth > 0)
    below = co_await failing_at(depth - 1);
  else
    throw std::runtime_error("at the bottom");
  co_return below;
}

} // namespace

TEST_CASE("a task does not begin before it is awaited or spawned") {
  runtime rt{{.workers = 1}};
  bool ran = false;
  auto work = set(ran);
  rt.block_on(number(1)); // the worker had its chance
  CHECK_FALSE(ran);
  rt.block_on(std::move(work));
  CHECK(ran);
}

TEST_CASE(
  "a task that is dropped unstarted drops its arguments and never "
  "runs") {
  bool ran = false;
  int living = 0;
  {
    auto work = set_with(ran, counted{living});
    CHECK(living == 1);
  }
  CHECK(living == 0);
  CHECK_FALSE(ran);
}

TEST_CASE("a moved-from task is empty, and assigning drops what was there") {
  bool ran = false;
  int living = 0;
  auto first = set_with(ran, counted{living});
  auto second = std::move(first);
  CHECK_FALSE(first);
  CHECK(second);
  second = set_with(ran, counted{living});
  CHECK(living == 1);
  second = task<>{};
  CHECK(living == 0);
  CHECK_FALSE(second);
  auto& alias = second;
  second = std::move(alias);
  CHECK_FALSE(second);
}

TEST_CASE(
  "a task gives its result by value, by reference, moved or not at "
  "all") {
  runtime rt{{.workers = 1}};
  CHECK(rt.block_on(number(42)) == 42);
  CHECK(rt.block_on(text()).size() == 51);
  CHECK(*rt.block_on(boxed(7)) == 7);
  int place = 1;
  int& got = rt.block_on(same(place));
  CHECK(&got == &place);
  const std::string words = "words";
  CHECK(&rt.block_on(same_text(words)) == &words);
  static_assert(std::is_void_v<decltype(rt.block_on(std::declval<task<>>()))>);
  const picky seven{7};
  CHECK(rt.block_on(pick(seven)).number == 7);
}

TEST_CASE("nested tasks give the same results to the task that awaits them") {
  runtime rt{{.workers = 1}};
  int place = 5;
  bool flag = false;
  std::vector<int> seen;
  const int* address = nullptr;
  std::size_t length = 0;
  rt.block_on([&]() -> task<> {
    const int first = co_await number(1);
    seen.push_back(first);
    auto box = co_await boxed(2);
    seen.push_back(*box);
    int& reference = co_await same(place);
    address = &reference;
    const std::string words = co_await text();
    length = words.size();
    co_await set(flag);
    auto later = number(3);
    const int third = co_await std::move(later);
    seen.push_back(third);
  });
  CHECK(seen == std::vector{1, 2, 3});
  CHECK(address == &place);
  CHECK(length == 51);
  CHECK(flag);
}

TEST_CASE("an exception passes through nested tasks to whoever waits") {
  runtime rt{{.workers = 1}};
  CHECK_THROWS_WITH(rt.block_on(failing("flat")), "flat");
  CHECK_THROWS_WITH(rt.block_on(passing_on(10, "nested")), "nested");
  CHECK_THROWS_AS(rt.block_on(passing_on(1, "nested")), std::runtime_error);
}

TEST_CASE("an exception of a nested task can be caught, and work goes on") {
  runtime rt{{.workers = 1}};
  std::string caught;
  const int result = rt.block_on([&]() -> task<int> {
    try {
      co_await passing_on(3, "caught");
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    const int after = co_await number(9);
    co_return after;
  });
  CHECK(caught == "caught");
  CHECK(result == 9);
}

TEST_CASE("a result that cannot be stored is an exception of the task") {
  runtime rt{{.workers = 1}};
  const picky bad{-1};
  CHECK_THROWS_AS(rt.block_on(pick(bad)), std::domain_error);
}

TEST_CASE("awaiting an empty task throws invalid_argument") {
  runtime rt{{.workers = 1}};
  std::error_code code;
  rt.block_on([&]() -> task<> {
    task<int> empty;
    try {
      co_await std::move(empty);
    } catch (const levada::channel_error& error) {
      code = error.code();
    }
  });
  CHECK(code == errc::invalid_argument);
}

TEST_CASE("a nested task's locals and parameters go when its await is over") {
  runtime rt{{.workers = 1}};
  int living = 0;
  bool ran = false;
  int after = -1;
  rt.block_on([&]() -> task<> {
    counted argument{living};
    co_await set_with(ran, argument);
    after = living;
  });
  CHECK(ran);
  CHECK(after == 1);
  CHECK(living == 0);
}

TEST_CASE("a result is destroyed once, taken or not") {
  int living = 0;
  const auto make
    = [](int& count) -> task<counted> { co_return counted{count}; };
  {
    runtime rt{{.workers = 1}};
    {
      const auto result = rt.block_on(make(living));
      CHECK(living == 1);
    }
    CHECK(living == 0);
    auto kept = rt.spawn(make, std::ref(living));
    CHECK(test::eventually([&] { return kept.done(); }));
    CHECK(living == 1);
    kept.detach();
    CHECK(living == 0);
    rt.spawn(make, std::ref(living)).detach();
  }
  CHECK(living == 0);
}

TEST_CASE("a million yields need no stack") {
  runtime rt{{.workers = 1}};
  const int steps = rt.block_on([]() -> task<int> {
    int count = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      co_await levada::yield();
      ++count;
    }
    co_return count;
  });
  CHECK(steps == 1'000'000);
}

TEST_CASE("a million awaited child tasks need no stack") {
  runtime rt{{.workers = 1}};
  const int sum = rt.block_on([]() -> task<int> {
    int count = 0;
    for (int i = 0; i < 1'000'000; ++i) {
      const int one = co_await number(1);
      count += one;
    }
    co_return count;
  });
  CHECK(sum == 1'000'000);
}

TEST_CASE("a chain of 200000 nested tasks completes without a deep stack") {
  runtime rt{{.workers = 1}};
  CHECK(rt.block_on(depth_of(200'000)) == 200'000);
}

TEST_CASE("an exception leaves a chain of 200000 nested tasks") {
  runtime rt{{.workers = 1}};
  CHECK_THROWS_WITH(rt.block_on(failing_at(200'000)), "at the bottom");
}

TEST_CASE("a parked chain of 200000 nested tasks is unwound by stop") {
  int living = 0;
  const counted proof{living};
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto handle = rt.spawn(sleeping_at(200'000, proof));
  REQUIRE(test::eventually([&] { return clock.armed() == 1; }));
  CHECK(living == 200'002);
  CHECK(rt.stop().clean);
  CHECK(living == 1);
  CHECK_THROWS_AS(handle.blocking_join(), levada::operation_cancelled);
}

TEST_CASE(
  "a parked chain of 200000 nested tasks is destroyed with the engine "
  "without a deep stack") {
  int living = 0;
  const counted proof{living};
  levada::manual_clock clock;
  {
    levada::runtime_options options;
    options.workers = 1;
    options.time = &clock;
    // Not through `runtime`, which lets every task end by itself.
    levada::detail::engine engine{options};
    levada::detail::start(engine, sleeping_at(200'000, proof),
                          std::source_location::current())
      .detach();
    REQUIRE(test::eventually([&] { return clock.armed() == 1; }));
    CHECK(living == 200'002);
  }
  CHECK(living == 1);
  CHECK(clock.armed() == 0);
}

TEST_CASE("large frames work, and what they hold keeps its value") {
  runtime rt{{.workers = 2}};
  const auto big = [](unsigned char fill) -> task<bool> {
    std::array<unsigned char, 100'000> bytes;
    bytes.fill(fill);
    for (int i = 0; i < 10; ++i)
      co_await levada::yield();
    bool same = true;
    for (const auto each : bytes)
      same = same && each == fill;
    co_return same;
  };
  std::vector<levada::join_handle<bool>> handles;
  for (unsigned char fill = 0; fill < 20; ++fill)
    handles.push_back(rt.spawn(big, fill));
  for (auto& each : handles)
    CHECK(each.blocking_join());
}
