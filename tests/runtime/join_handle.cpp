#include <catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::errc;
using levada::join_handle;
using levada::runtime;
using levada::task;

namespace {

task<int> number(int value) {
  co_return value;
}

task<int> number_after_yields(int value, int yields) {
  for (int i = 0; i < yields; ++i)
    co_await levada::yield();
  co_return value;
}

task<std::unique_ptr<int>> boxed(int value) {
  co_return std::make_unique<int>(value);
}

task<int&> same(int* value) {
  co_return *value;
}

task<> failing() {
  throw std::runtime_error("on purpose");
  co_return;
}

template <class Operation>
std::error_code code_of(Operation operation) {
  try {
    operation();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

} // namespace

TEST_CASE("a thread joins a task and has its result") {
  runtime rt{{.workers = 2}};
  CHECK(rt.spawn(number, 5).blocking_join() == 5);
  CHECK(*rt.spawn(boxed, 6).blocking_join() == 6);
  int place = 0;
  CHECK(&rt.spawn(same, &place).blocking_join() == &place);
}

TEST_CASE("a task joins another and has its result") {
  runtime rt{{.workers = 2}};
  int place = 0;
  const int* address = nullptr;
  const int sum = rt.block_on([&]() -> task<int> {
    auto first = levada::spawn(number, 1);
    auto second = levada::spawn(number_after_yields, 2, 100);
    auto third = levada::spawn(boxed, 4);
    auto fourth = levada::spawn(same, &place);
    const int a = co_await first.join();
    const int b = co_await second.join();
    auto c = co_await third.join();
    int& d = co_await fourth.join();
    address = &d;
    co_return a + b + *c;
  });
  CHECK(sum == 7);
  CHECK(address == &place);
}

TEST_CASE("joining a task that has ended does not wait") {
  runtime rt{{.workers = 1}};
  auto handle = rt.spawn(number, 3);
  REQUIRE(test::eventually([&] { return handle.done(); }));
  CHECK(rt.block_on([&]() -> task<int> {
    const int result = co_await handle.join();
    co_return result;
  }) == 3);
}

TEST_CASE("a handle joins once: afterwards it is empty and says so") {
  runtime rt{{.workers = 1}};
  auto handle = rt.spawn(number, 3);
  CHECK(handle);
  CHECK(handle.blocking_join() == 3);
  CHECK_FALSE(handle);
  CHECK_FALSE(handle.done());
  CHECK(code_of([&] { handle.blocking_join(); }) == errc::invalid_argument);
  CHECK(code_of([&] { (void)handle.join(); }) == errc::invalid_argument);
  handle.detach(); // nothing to do, no harm
  join_handle<int> never;
  CHECK_FALSE(never);
  CHECK(code_of([&] { never.blocking_join(); }) == errc::invalid_argument);
}

TEST_CASE("moving a handle moves the right to join") {
  runtime rt{{.workers = 1}};
  auto first = rt.spawn(number, 1);
  auto second = std::move(first);
  CHECK_FALSE(first);
  CHECK(second.blocking_join() == 1);
  second = rt.spawn(number, 2);
  second = rt.spawn(number, 3); // detaches the one before
  CHECK(second.blocking_join() == 3);
}

TEST_CASE("a join throws what the task threw, and nobody else is told") {
  std::atomic<int> told{0};
  {
    runtime rt{
      {.workers = 1,
       .on_failure = [&](const levada::unjoined_failure&) { ++told; }}};
    CHECK_THROWS_WITH(rt.spawn(failing).blocking_join(), "on purpose");
    std::string caught;
    rt.block_on([&]() -> task<> {
      auto handle = levada::spawn(failing);
      try {
        co_await handle.join();
      } catch (const std::runtime_error& error) {
        caught = error.what();
      }
    });
    CHECK(caught == "on purpose");
  }
  CHECK(told == 0);
}

TEST_CASE("dropping the handle of a failed task reports the failure, once") {
  std::atomic<int> told{0};
  runtime rt{{.workers = 1,
              .on_failure = [&](const levada::unjoined_failure&) { ++told; }}};
  {
    auto handle = rt.spawn(failing);
    REQUIRE(test::eventually([&] { return handle.done(); }));
    CHECK(told == 0); // somebody might still join it
  }
  CHECK(told == 1);
}

TEST_CASE(
  "blocking_join inside a task throws wrong_thread and keeps the "
  "handle") {
  runtime rt{{.workers = 1}};
  std::error_code code;
  int result = 0;
  rt.block_on([&]() -> task<> {
    auto handle = levada::spawn(number, 8);
    code = code_of([&] { handle.blocking_join(); });
    result = co_await handle.join();
  });
  CHECK(code == errc::wrong_thread);
  CHECK(result == 8);
}

TEST_CASE("a task that stops waiting for another detaches it") {
  runtime rt{{.workers = 2}};
  std::atomic<bool> release{false};
  std::atomic<bool> ended{false};
  std::error_code code;
  auto joiner = rt.spawn([&]() -> task<> {
    auto handle = levada::spawn([&]() -> task<> {
      while (!release) // waits for nothing that stop could end
        std::this_thread::yield();
      ended = true;
      co_return;
    });
    try {
      co_await handle.join();
    } catch (const levada::operation_cancelled& error) {
      code = error.code();
    }
  });
  REQUIRE(test::eventually([&] {
    int joining = 0;
    for (const auto& each : rt.tasks())
      joining += each.reason == levada::wait_reason::join ? 1 : 0;
    return joining == 1;
  }));
  CHECK_FALSE(rt.stop(1ms).clean);
  joiner.blocking_join();
  CHECK(code == errc::runtime_stopped);
  CHECK_FALSE(ended);
  release = true;
  CHECK(rt.stop().clean);
  CHECK(ended);
}

TEST_CASE("a handle outlives the runtime, with the result") {
  join_handle<int> handle;
  join_handle<void> failed;
  {
    runtime rt{{.workers = 1}};
    handle = rt.spawn(number, 11);
    failed = rt.spawn(failing);
  }
  CHECK(handle.done());
  CHECK(handle.blocking_join() == 11);
  CHECK_THROWS_WITH(failed.blocking_join(), "on purpose");
}

TEST_CASE(
  "a failure is reported by the runtime's handler even after the "
  "runtime") {
  std::string told;
  join_handle<void> failed;
  {
    runtime rt{{.workers = 1,
                .on_failure = [&](const levada::unjoined_failure& failure) {
                  told = failure.task;
                }}};
    failed = rt.spawn(failing);
  }
  CHECK(told.empty());
  failed.detach();
  CHECK(told.find("failing") != std::string::npos);
}

TEST_CASE("ends and joins meet in every order without losing a wake",
          "[stress]") {
  runtime rt{{.workers = 2}};
  const int sum = rt.block_on([]() -> task<int> {
    int total = 0;
    for (int i = 0; i < 100'000; ++i) {
      auto handle = levada::spawn(number_after_yields, 1, i % 3);
      if (i % 2 == 0)
        co_await levada::yield();
      const int one = co_await handle.join();
      total += one;
    }
    co_return total;
  });
  CHECK(sum == 100'000);
}

TEST_CASE("threads that join tasks are woken, every time", "[stress]") {
  runtime rt{{.workers = 2}};
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 10'000; ++round)
        sum += rt.spawn(number_after_yields, 1, round % 4).blocking_join();
    });
  for (auto& each : threads)
    each.join();
  CHECK(sum == 30'000);
}
