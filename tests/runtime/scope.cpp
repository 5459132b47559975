#include <catch.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::errc;
using levada::runtime;
using levada::scope;
using levada::task;

namespace {

template <class Operation>
std::error_code code_of(Operation operation) {
  try {
    operation();
  } catch (const std::system_error& error) {
    return error.code();
  }
  return {};
}

task<> count_up(std::atomic<int>& counter, int yields) {
  for (int i = 0; i < yields; ++i)
    co_await levada::yield();
  ++counter;
}

task<> fail(std::string why) {
  co_await levada::yield();
  throw std::runtime_error(why);
}

/// A parameter that takes its time to die.
struct slow_to_go {
  explicit slow_to_go(std::shared_ptr<int> held) : held(std::move(held)) {
  }
  slow_to_go(slow_to_go&&) = default;
  ~slow_to_go() {
    for (int i = 0; held != nullptr && i < 20; ++i)
      std::this_thread::yield();
  }
  std::shared_ptr<int> held;
};

/// Sleeps for ever; notes why that ended.
task<> sleep_until_told(std::atomic<int>& why) {
  try {
    co_await levada::sleep_until(levada::time_point::max());
  } catch (const levada::operation_cancelled& error) {
    why = error.code().value();
    throw;
  }
}

} // namespace

TEST_CASE("a scope joins when all its children have ended") {
  std::atomic<int> counter{0};
  int at_join = 0;
  runtime rt{{.workers = 2}};
  rt.block_on([&]() -> task<> {
    scope children;
    for (int i = 0; i < 100; ++i)
      children.spawn(count_up, std::ref(counter), i % 7).detach();
    co_await children.join();
    at_join = counter;
  });
  CHECK(at_join == 100);
}

TEST_CASE("joining a scope without children does not wait") {
  runtime rt{{.workers = 1}};
  rt.block_on([]() -> task<> {
    scope children;
    co_await children.join();
    co_await children.join();
  });
  scope outside{rt};
  outside.blocking_join();
  CHECK_FALSE(outside.stop_token().stop_requested());
}

TEST_CASE("a scope can be used again after it was joined") {
  std::atomic<int> counter{0};
  std::vector<int> seen;
  runtime rt{{.workers = 2}};
  rt.block_on([&]() -> task<> {
    scope children;
    for (int round = 1; round <= 3; ++round) {
      children.spawn(count_up, std::ref(counter), 2).detach();
      co_await children.join();
      seen.push_back(counter);
    }
  });
  CHECK(seen == std::vector{1, 2, 3});
}

TEST_CASE("a thread joins the scope it made") {
  std::atomic<int> counter{0};
  runtime rt{{.workers = 2}};
  scope children{rt};
  for (int i = 0; i < 20; ++i)
    children.spawn(count_up, std::ref(counter), 3).detach();
  children.blocking_join();
  CHECK(counter == 20);
}

TEST_CASE("a scope in no task needs a runtime") {
  CHECK(code_of([] { scope nowhere; }) == errc::wrong_thread);
}

TEST_CASE("blocking_join of a scope inside a task throws wrong_thread") {
  runtime rt{{.workers = 1}};
  std::error_code code;
  rt.block_on([&]() -> task<> {
    scope children;
    code = code_of([&] { children.blocking_join(); });
    co_return;
  });
  CHECK(code == errc::wrong_thread);
}

TEST_CASE(
  "the first child that fails cancels the others, and join throws its "
  "error (G-30)") {
  runtime rt{{.workers = 2}};
  std::atomic<int> why{0};
  std::atomic<int> received{-1};
  std::string caught;
  bool token = false;
  auto [tx, rx] = levada::make_channel<int>(rt);
  rt.block_on([&, rx = rx]() -> task<> {
    scope children;
    children.spawn(sleep_until_told, std::ref(why)).detach();
    children
      .spawn([&received, rx]() -> task<> {
        auto got = co_await rx.receive();
        received = got ? 0 : got.error().value();
      })
      .detach();
    children.spawn(fail, "first").detach();
    try {
      co_await children.join();
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    token = children.stop_token().stop_requested();
  });
  CHECK(caught == "first");
  CHECK(token);
  CHECK(why == static_cast<int>(errc::cancelled));
  CHECK(received == static_cast<int>(errc::cancelled));
  CHECK_FALSE(tx.is_closed()); // the channel is none of the scope's
}

TEST_CASE("an error is thrown by one join, and not again by the next") {
  runtime rt{{.workers = 1}};
  int thrown = 0;
  rt.block_on([&]() -> task<> {
    scope children;
    children.spawn(fail, "once").detach();
    for (int i = 0; i < 2; ++i) {
      try {
        co_await children.join();
      } catch (const std::runtime_error&) {
        ++thrown;
      }
    }
  });
  CHECK(thrown == 1);
}

TEST_CASE("a cancelled child has not failed: join throws nothing") {
  runtime rt{{.workers = 1}};
  std::atomic<int> why{0};
  bool joined = false;
  rt.block_on([&]() -> task<> {
    scope children;
    children.spawn(sleep_until_told, std::ref(why)).detach();
    co_await levada::yield();
    children.cancel();
    co_await children.join();
    joined = true;
  });
  CHECK(joined);
  CHECK(why == static_cast<int>(errc::cancelled));
}

TEST_CASE(
  "a cancelled scope takes no more children, and drops their "
  "arguments") {
  runtime rt{{.workers = 1}};
  scope children{rt};
  children.cancel();
  children.cancel();
  auto alive = std::make_shared<int>(1);
  CHECK(code_of([&] {
          children.spawn([alive]() -> task<int> { co_return *alive; }).detach();
        })
        == errc::cancelled);
  CHECK(alive.use_count() == 1);
  children.blocking_join();
}

TEST_CASE("a scope that cannot spawn is not left waiting for the child") {
  runtime rt{{.workers = 1}};
  scope children{rt};
  CHECK(code_of([&] { children.spawn(task<>{}).detach(); })
        == errc::invalid_argument);
  children.blocking_join();
  REQUIRE(rt.stop().clean);
  CHECK(code_of([&] { children.spawn(fail, "never").detach(); })
        == errc::runtime_stopped);
  children.blocking_join();
}

TEST_CASE("a child's handle gives its result, and the scope still joins it") {
  runtime rt{{.workers = 2}};
  int result = 0;
  rt.block_on([&]() -> task<> {
    scope children;
    auto handle = children.spawn([]() -> task<int> {
      co_await levada::yield();
      co_return 6;
    });
    co_await children.join();
    result = co_await handle.join();
  });
  CHECK(result == 6);
}

TEST_CASE(
  "a scope that goes without joining cancels its children and does not "
  "wait") {
  runtime rt{{.workers = 1}};
  std::atomic<int> why{0};
  rt.block_on([&]() -> task<> {
    {
      scope children;
      children.spawn(sleep_until_told, std::ref(why)).detach();
      co_await levada::yield();
    }
    co_return;
  });
  CHECK(
    test::eventually([&] { return why == static_cast<int>(errc::cancelled); }));
  CHECK(test::eventually([&] { return rt.tasks().empty(); }));
}

TEST_CASE(
  "an error nobody joined for is reported, when it came before the "
  "scope went and after") {
  std::atomic<int> told{0};
  runtime rt{{.workers = 1,
              .on_failure = [&](const levada::unjoined_failure&) { ++told; }}};
  {
    scope children{rt};
    auto handle = children.spawn(fail, "before");
    REQUIRE(test::eventually([&] { return handle.done(); }));
  }
  CHECK(test::eventually([&] { return told == 1; }));
  std::atomic<bool> go{false};
  std::atomic<bool> inside{false};
  {
    scope children{rt};
    children
      .spawn([&]() -> task<> {
        inside = true;
        while (!go)
          std::this_thread::yield();
        throw std::runtime_error("after");
        co_return;
      })
      .detach();
    REQUIRE(test::eventually([&] { return inside.load(); }));
  }
  go = true;
  CHECK(test::eventually([&] { return told == 2; }));
}

TEST_CASE("a task cancelled while it joins a scope stops waiting") {
  runtime rt{{.workers = 1}};
  std::atomic<int> why{0};
  std::error_code code;
  auto handle = rt.spawn([&]() -> task<> {
    scope children;
    children.spawn(sleep_until_told, std::ref(why)).detach();
    try {
      co_await children.join();
    } catch (const levada::operation_cancelled& error) {
      code = error.code();
    }
  });
  REQUIRE(test::eventually([&] { return rt.tasks().size() == 2; }));
  CHECK(rt.stop().clean);
  handle.blocking_join();
  CHECK(code == errc::runtime_stopped);
  // By the runtime, or by the scope that went when its task was told.
  CHECK((why == static_cast<int>(errc::runtime_stopped)
         || why == static_cast<int>(errc::cancelled)));
}

TEST_CASE("a scope inside a child of a scope is cancelled with it") {
  runtime rt{{.workers = 2}};
  std::atomic<int> inner{0};
  bool joined = false;
  rt.block_on([&]() -> task<> {
    scope outer;
    std::atomic<bool> ready{false};
    outer
      .spawn([&]() -> task<> {
        scope children;
        children.spawn(sleep_until_told, std::ref(inner)).detach();
        ready = true;
        co_await children.join();
      })
      .detach();
    while (!ready)
      co_await levada::yield();
    outer.cancel();
    co_await outer.join();
    joined = true;
  });
  CHECK(joined);
  CHECK(test::eventually(
    [&] { return inner == static_cast<int>(errc::cancelled); }));
}

TEST_CASE("a child's parameters are gone when its scope has joined") {
  runtime rt{{.workers = 2}};
  const int left_over = rt.block_on([]() -> task<int> {
    int wrong = 0;
    for (int i = 0; i < 5000; ++i) {
      auto alive = std::make_shared<int>(i);
      scope children;
      for (int child = 0; child < 2; ++child)
        children
          .spawn([](slow_to_go) -> task<> { co_return; }, slow_to_go{alive})
          .detach();
      co_await children.join();
      wrong += alive.use_count() != 1 ? 1 : 0;
    }
    co_return wrong;
  });
  CHECK(left_over == 0);
}

TEST_CASE(
  "children spawned while the scope is being cancelled are cancelled "
  "or refused",
  "[stress]") {
  for (int round = 0; round < 200; ++round) {
    runtime rt{{.workers = 2}};
    scope children{rt};
    std::atomic<int> started{0};
    std::thread spawner{[&] {
      const auto until_refused = [&] {
        for (;;) {
          children
            .spawn([]() -> task<> {
              co_await levada::sleep_until(levada::time_point::max());
            })
            .detach();
          ++started;
        }
      };
      if (code_of(until_refused) != errc::cancelled)
        started = -1'000'000;
    }};
    REQUIRE(test::eventually([&] { return started > round % 20; }));
    children.cancel();
    spawner.join();
    CHECK(started > 0);
    const bool all_ended = test::eventually([&] { return rt.tasks().empty(); });
    REQUIRE(all_ended);
    children.blocking_join();
  }
}
