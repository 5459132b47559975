#include <catch.hpp>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include <levada/runtime/blocking.hpp>
#include <levada/runtime/blocking_pool.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using levada::errc;
using levada::runtime;
using levada::task;

TEST_CASE("a blocking function runs off the workers, which go on meanwhile") {
  runtime rt{{.workers = 1}};
  std::latch release{1};
  std::atomic<bool> inside{false};
  std::thread::id worker;
  std::thread::id elsewhere;
  auto blocked = rt.spawn([&]() -> task<> {
    worker = std::this_thread::get_id();
    auto work = [&] {
      elsewhere = std::this_thread::get_id();
      inside = true;
      release.wait();
    };
    co_await levada::blocking(work);
  });
  REQUIRE(test::eventually([&] { return inside.load(); }));
  // The only worker is free to run this.
  rt.block_on([&]() -> task<> {
    co_await levada::yield();
    release.count_down();
  });
  blocked.blocking_join();
  CHECK(elsewhere != worker);
  CHECK(elsewhere != std::this_thread::get_id());
}

TEST_CASE("the task goes on on a worker afterwards") {
  runtime rt{{.workers = 1}};
  std::thread::id before;
  std::thread::id after;
  rt.block_on([&]() -> task<> {
    before = std::this_thread::get_id();
    co_await levada::blocking([] {});
    after = std::this_thread::get_id();
  });
  CHECK(before == after);
}

TEST_CASE("a blocking function gives a value, a move-only value or nothing") {
  runtime rt{{.workers = 1}};
  bool ran = false;
  int number = 0;
  std::unique_ptr<int> box;
  rt.block_on([&]() -> task<> {
    number = co_await levada::blocking([] { return 7; });
    box = co_await levada::blocking([] { return std::make_unique<int>(8); });
    auto note = [&] { ran = true; };
    co_await levada::blocking(note);
  });
  CHECK(number == 7);
  REQUIRE(box);
  CHECK(*box == 8);
  CHECK(ran);
}

TEST_CASE(
  "a blocking function may own what cannot be copied, and it dies "
  "with the await") {
  runtime rt{{.workers = 1}};
  auto shared = std::make_shared<int>(5);
  int got = 0;
  long uses = 0;
  rt.block_on([&]() -> task<> {
    auto call = [box = std::make_unique<int>(1), held = shared] {
      return *box + *held;
    };
    got = co_await levada::blocking(std::move(call));
    uses = shared.use_count();
  });
  CHECK(got == 6);
  // `shared` itself, and the moved-from closure holds nothing.
  CHECK(uses == 1);
}

TEST_CASE("an exception of a blocking function is thrown by the await") {
  runtime rt{{.workers = 1}};
  std::string caught;
  rt.block_on([&]() -> task<> {
    auto failing
      = []() -> int { throw std::runtime_error("from the other side"); };
    try {
      co_await levada::blocking(failing);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    co_await levada::yield();
  });
  CHECK(caught == "from the other side");
}

TEST_CASE(
  "more blocking functions than threads all run, in order with one "
  "thread") {
  runtime rt{{.workers = 1, .blocking_threads = 1}};
  std::mutex mutex;
  std::vector<int> order;
  std::set<std::thread::id> threads;
  rt.block_on([&]() -> task<> {
    const auto one = [](int number, auto* note) -> task<> {
      auto work = [number, note] { (*note)(number); };
      co_await levada::blocking(work);
    };
    auto note = [&](int number) {
      std::lock_guard guard{mutex};
      order.push_back(number);
      threads.insert(std::this_thread::get_id());
    };
    std::vector<levada::join_handle<void>> handles;
    for (int i = 0; i < 50; ++i)
      handles.push_back(levada::spawn(one, i, &note));
    for (auto& each : handles)
      co_await each.join();
  });
  std::vector<int> expected;
  for (int i = 0; i < 50; ++i)
    expected.push_back(i);
  CHECK(order == expected);
  CHECK(threads.size() == 1);
}

TEST_CASE(
  "as many blocking functions run at a time as there are threads, not "
  "more") {
  constexpr int limit = 4;
  runtime rt{{.workers = 2, .blocking_threads = limit}};
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::latch together{limit};
  rt.block_on([&]() -> task<> {
    auto work = [&] {
      const int now = ++inside;
      int seen = most;
      while (seen < now && !most.compare_exchange_weak(seen, now)) {}
      std::this_thread::yield();
      --inside;
    };
    auto meet = [&] {
      together.arrive_and_wait(); // for ever, if they did not run at a time
    };
    const auto one = [](auto* call) -> task<> {
      auto& run = *call;
      co_await levada::blocking([&run] { run(); });
    };
    std::vector<levada::join_handle<void>> handles;
    for (int i = 0; i < limit; ++i)
      handles.push_back(levada::spawn(one, &meet));
    for (auto& each : handles)
      co_await each.join();
    handles.clear();
    for (int i = 0; i < 50 * limit; ++i)
      handles.push_back(levada::spawn(one, &work));
    for (auto& each : handles)
      co_await each.join();
  });
  CHECK(most >= 1);
  CHECK(most <= limit);
}

TEST_CASE(
  "stop waits for a blocking function that runs, and lets its task "
  "finish") {
  runtime rt{{.workers = 1}};
  std::latch release{1};
  std::atomic<bool> inside{false};
  int value = 0;
  auto handle = rt.spawn([&]() -> task<> {
    auto work = [&] {
      inside = true;
      release.wait();
      return 5;
    };
    value = co_await levada::blocking(work);
  });
  REQUIRE(test::eventually([&] { return inside.load(); }));
  const auto report = rt.stop(std::chrono::milliseconds{1});
  CHECK_FALSE(report.clean);
  REQUIRE(report.stuck.size() == 1);
  CHECK(report.stuck[0].reason == levada::wait_reason::blocking);
  release.count_down();
  CHECK(rt.stop().clean);
  handle.blocking_join();
  CHECK(value == 5);
}

TEST_CASE("a cancelled task does not begin a blocking function") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  bool ran = false;
  errc second{};
  auto handle = rt.spawn([&]() -> task<> {
    try {
      co_await levada::sleep_for(std::chrono::hours(1));
    } catch (const levada::operation_cancelled&) {
      second = errc::not_ready; // not there yet
    }
    auto work = [&] { ran = true; };
    try {
      co_await levada::blocking(work);
    } catch (const levada::operation_cancelled& error) {
      second = static_cast<errc>(error.code().value());
    }
  });
  REQUIRE(test::eventually([&] { return clock.armed() == 1; }));
  CHECK(rt.stop().clean);
  handle.blocking_join();
  CHECK_FALSE(ran);
  CHECK(second == errc::runtime_stopped);
}

TEST_CASE("stopping the pool runs what is queued first") {
  struct counting : levada::detail::blocking_job {
    explicit counting(std::atomic<int>& count)
        : blocking_job{[](blocking_job& self) noexcept {
            ++static_cast<counting&>(self).count_;
          }},
          count_(count) {
    }
    std::atomic<int>& count_;
  };
  std::atomic<int> ran{0};
  std::vector<std::unique_ptr<counting>> jobs;
  levada::detail::blocking_pool pool{2};
  for (int i = 0; i < 100; ++i) {
    jobs.push_back(std::make_unique<counting>(ran));
    pool.submit(*jobs.back());
  }
  pool.stop();
  CHECK(ran == 100);
  CHECK(pool.pending() == 0);
}

TEST_CASE("many tasks use the blocking threads at a time", "[stress]") {
  runtime rt{{.workers = 2, .blocking_threads = 8}};
  std::atomic<int> calls{0};
  std::vector<levada::join_handle<int>> handles;
  for (int i = 0; i < 200; ++i)
    handles.push_back(rt.spawn([&]() -> task<int> {
      int sum = 0;
      auto work = [&] { return ++calls > 0 ? 1 : 0; };
      for (int round = 0; round < 50; ++round) {
        const int one = co_await levada::blocking(work);
        sum += one;
      }
      co_return sum;
    }));
  int sum = 0;
  for (auto& each : handles)
    sum += each.blocking_join();
  CHECK(sum == 10'000);
  CHECK(calls == 10'000);
}
