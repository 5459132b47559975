#include <catch.hpp>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/scope.hpp>
#include <levada/runtime/spawn.hpp>

#include "pool_support.hpp"

using namespace std::chrono_literals;
using levada::detail::job;
using levada::detail::worker;
using levada::detail::worker_pool;
using test::counting_node;
using test::nothing;
using test::time_crew;

TEST_CASE("a timer armed from outside ends the sleep of an idle worker") {
  time_crew crew{2, nothing};
  REQUIRE(test::eventually([&] { return crew.pool.quiet(); }));
  counting_node far, near;
  far.when = std::chrono::steady_clock::now() + 1h;
  crew.timers.arm(far);
  near.when = std::chrono::steady_clock::now() + 1ms;
  crew.timers.arm(near);
  CHECK(test::eventually([&] { return near.fired == 1; }));
  CHECK_FALSE(near.early);
  CHECK(far.fired == 0);
  CHECK(crew.timers.disarm(far));
}

TEST_CASE("timers fire while all workers but one are stuck in a job") {
  std::atomic<bool> go_on{false};
  time_crew crew{3, [&](worker&, job) {
                   while (!go_on)
                     std::this_thread::yield();
                 }};
  crew.pool.push_global(1);
  crew.pool.push_global(2);
  counting_node nodes[20];
  bool all = true;
  for (auto& each : nodes) {
    each.when = std::chrono::steady_clock::now() + 300us;
    crew.timers.arm(each);
    all = all && test::eventually([&] { return each.fired == 1; });
  }
  go_on = true;
  CHECK(all);
}

TEST_CASE(
  "a timer that a worker arms before a job it is stuck in is kept by an "
  "idle one") {
  // Job 1 arms and makes job 2 the next, which waits for the timer.
  counting_node node;
  time_crew* home = nullptr;
  std::atomic<int> done{0};
  time_crew crew{2, [&](worker& self, job which) {
                   if (which == 1) {
                     node.when = std::chrono::steady_clock::now() + 200us;
                     home->timers.arm(node);
                     home->pool.push_next(self, 2);
                     return;
                   }
                   while (node.fired == done)
                     std::this_thread::yield();
                   ++done;
                 }};
  home = &crew;
  for (int round = 1; round <= 50; ++round) {
    crew.pool.push_global(1);
    REQUIRE(test::eventually([&] { return done == round; }));
  }
  CHECK(node.fired == 50);
  CHECK_FALSE(node.early);
}

TEST_CASE("the only worker fires timers between jobs that never end") {
  worker_pool* pool = nullptr;
  std::atomic<bool> go_on{true};
  time_crew crew{1, [&](worker& self, job which) {
                   if (go_on)
                     pool->push_next(self, which);
                 }};
  pool = &crew.pool;
  crew.pool.push_global(1);
  counting_node node;
  node.when = std::chrono::steady_clock::now() + 1ms;
  crew.timers.arm(node);
  const bool fired = test::eventually([&] { return node.fired == 1; });
  go_on = false;
  CHECK(fired);
}

TEST_CASE(
  "the only worker that slept for a timer fires it between jobs that never "
  "end") {
  // Nobody sleeps for it any more, and the worker must know that.
  worker_pool* pool = nullptr;
  std::atomic<bool> go_on{true};
  counting_node soon{50ms};
  time_crew crew{1,
                 [&](worker& self, job which) {
                   if (go_on)
                     pool->push_back(self, which);
                 },
                 &soon};
  pool = &crew.pool;
  CHECK(test::eventually([&] { return crew.pool.quiet(); }));
  crew.pool.push_global(1);
  CHECK(soon.fires());
  CHECK_FALSE(soon.early);
  go_on = false;
}

TEST_CASE("a crowd of dense timers fires completely, and none early") {
  time_crew crew{2, nothing};
  std::vector<counting_node> nodes(20'000);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    nodes[i].when = start + i * 5us;
    crew.timers.arm(nodes[i]);
  }
  REQUIRE(test::eventually([&] { return crew.timers.size() == 0; }));
  crew.timers.stop();
  std::size_t wrong = 0;
  for (const auto& each : nodes)
    wrong += each.fired != 1 || each.early ? 1 : 0;
  CHECK(wrong == 0);
}

TEST_CASE("a task's timer fires while another task keeps its worker busy") {
  levada::runtime rt{{.workers = 2}};
  std::atomic<int> slept{0};
  auto both = [](std::atomic<int>* count) -> levada::task<> {
    for (int round = 0; round < 20; ++round) {
      co_await levada::sleep_for(300us);
      ++*count;
    }
  };
  auto busy = [](std::atomic<int>* count) -> levada::task<> {
    const bool started = true;
    while (started && *count < 40)
      std::this_thread::yield();
    co_return;
  };
  auto first = rt.spawn(both, &slept);
  auto second = rt.spawn(both, &slept);
  rt.block_on(busy(&slept));
  CHECK(slept == 40);
}

TEST_CASE("arming, taking back and firing by a pool lose nothing", "[stress]") {
  constexpr int rounds = 20'000;
  std::atomic<int> fired{0};
  std::atomic<int> taken_back{0};
  time_crew crew{2, nothing};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random{seed};
      for (int i = 0; i < rounds; ++i) {
        counting_node node;
        node.when = std::chrono::steady_clock::now()
                    + std::chrono::microseconds{random() % 50};
        crew.timers.arm(node);
        if (i % 8 == 0)
          crew.pool.push_global(1);
        for (auto spin = random() % 64; spin > 0; --spin)
          std::this_thread::yield();
        const bool ours = crew.timers.disarm(node);
        taken_back += ours ? 1 : 0;
        fired += node.fired;
        if (ours == (node.fired == 1) || node.early)
          fired += 1'000'000; // both or neither: spoils the sum below
      }
    });
  for (auto& each : threads)
    each.join();
  CHECK(fired + taken_back == 3 * rounds);
  CHECK(crew.timers.size() == 0);
}

TEST_CASE("a pool whose timers come while it falls asleep misses none",
          "[stress]") {
  time_crew crew{2, nothing};
  int missed = 0;
  for (int round = 0; round < 3'000; ++round) {
    counting_node node;
    // About as long as it takes to fall asleep after the last one.
    node.when = std::chrono::steady_clock::now()
                + std::chrono::microseconds{round % 64};
    crew.timers.arm(node);
    missed += test::eventually([&] { return node.fired == 1; }) ? 0 : 1;
    crew.timers.disarm(node);
  }
  CHECK(missed == 0);
}
