#include <catch.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <levada/runtime/timer_queue.hpp>

#include "pool_support.hpp"

using namespace std::chrono_literals;
using levada::duration;
using levada::manual_clock;
using levada::time_point;
using levada::detail::timer_node;
using levada::detail::timer_queue;
using levada::detail::wake_list;
using test::counting_node;

namespace {

/// A node that notes its number in a list when it fires.
struct noting_node : timer_node {
  noting_node(std::vector<int>& fired, int number)
      : timer_node(&noting_node::fire),
        fired_(fired),
        number_(number) {
  }

  static void fire(timer_node& self, wake_list&) noexcept {
    auto& node = static_cast<noting_node&>(self);
    node.fired_.push_back(node.number_);
  }

private:
  std::vector<int>& fired_;
  int number_;
};

} // namespace

TEST_CASE("timers fire in the order of their deadlines, not of arming") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node late{fired, 3}, early{fired, 1}, middle{fired, 2};
  late.when = clock.now() + 30ms;
  early.when = clock.now() + 10ms;
  middle.when = clock.now() + 20ms;
  timers.arm(late);
  timers.arm(early);
  timers.arm(middle);
  CHECK(timers.size() == 3);
  CHECK(timers.next_deadline() == early.when);
  clock.advance(29ms);
  CHECK(fired == std::vector{1, 2});
  clock.advance(1ms);
  CHECK(fired == std::vector{1, 2, 3});
  CHECK(timers.size() == 0);
  CHECK(timers.next_deadline() == time_point::max());
}

TEST_CASE("a timer fires at its deadline, not a tick before") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node node{fired, 1};
  node.when = clock.now() + 10ms;
  timers.arm(node);
  clock.advance(10ms - 1ns);
  CHECK(fired.empty());
  clock.advance(1ns);
  CHECK(fired.size() == 1);
}

TEST_CASE("a disarmed timer does not fire, and says whether it was armed") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node never{fired, 1}, once{fired, 2};
  CHECK_FALSE(timers.disarm(never));
  never.when = once.when = clock.now() + 1ms;
  timers.arm(never);
  timers.arm(once);
  CHECK(timers.disarm(never));
  CHECK_FALSE(timers.disarm(never));
  clock.advance(1h);
  CHECK(fired == std::vector{2});
  CHECK_FALSE(timers.disarm(once));
}

TEST_CASE("a timer can be armed again after it fired") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node node{fired, 7};
  for (int round = 0; round < 3; ++round) {
    node.when = clock.now() + 1ms;
    timers.arm(node);
    clock.advance(1ms);
  }
  CHECK(fired == std::vector{7, 7, 7});
}

TEST_CASE("a deadline that never comes is kept, and not fired") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node node{fired, 1};
  node.when = time_point::max();
  timers.arm(node);
  clock.advance(std::chrono::hours{24 * 365});
  CHECK(fired.empty());
  CHECK(timers.size() == 1);
  CHECK(timers.disarm(node));
}

TEST_CASE("several queues on one manual clock fire in one order of time") {
  manual_clock clock;
  timer_queue first{clock};
  timer_queue second{clock};
  std::vector<int> fired;
  noting_node a{fired, 1}, b{fired, 2}, c{fired, 3};
  a.when = clock.now() + 1ms;
  b.when = clock.now() + 2ms;
  c.when = clock.now() + 3ms;
  first.arm(c);
  second.arm(b);
  first.arm(a);
  CHECK(clock.armed() == 3);
  clock.advance(1s);
  CHECK(fired == std::vector{1, 2, 3});
}

TEST_CASE("the queue agrees with a sorted multimap under random use") {
  const auto seed = Catch::rngSeed();
  CAPTURE(seed);
  std::mt19937 random{seed};
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  std::vector<std::unique_ptr<noting_node>> nodes;
  for (int i = 0; i < 300; ++i)
    nodes.push_back(std::make_unique<noting_node>(fired, i));
  std::multimap<time_point, int> model;
  std::vector<bool> armed(nodes.size(), false);
  const auto forget = [&](int number) {
    const auto found
      = std::find_if(model.begin(), model.end(),
                     [&](const auto& each) { return each.second == number; });
    model.erase(found);
    armed[static_cast<std::size_t>(number)] = false;
  };

  for (int step = 0; step < 20'000; ++step) {
    const auto number = static_cast<int>(random() % nodes.size());
    const auto index = static_cast<std::size_t>(number);
    auto& node = *nodes[index];
    const auto choice = random() % 8;
    if (choice < 4) {
      if (armed[index])
        continue;
      // Coarse, so that many deadlines are equal; none in the past.
      node.when = clock.now() + duration{1 + random() % 64};
      timers.arm(node);
      model.emplace(node.when, number);
      armed[index] = true;
    } else if (choice < 7) {
      const bool was_armed = armed[index];
      const bool taken = timers.disarm(node);
      REQUIRE(taken == was_armed);
      if (was_armed)
        forget(number);
    } else {
      fired.clear();
      clock.advance(duration{random() % 16});
      auto previous = time_point::min();
      for (const auto each : fired) {
        const auto when = nodes[static_cast<std::size_t>(each)]->when;
        REQUIRE(armed[static_cast<std::size_t>(each)]);
        REQUIRE(when <= clock.now());
        REQUIRE(previous <= when);
        previous = when;
        forget(each);
      }
    }
    REQUIRE(timers.size() == model.size());
    const auto first = model.empty() ? time_point::max() : model.begin()->first;
    REQUIRE(timers.next_deadline() == first);
    REQUIRE((model.empty() || first > clock.now()));
  }
  for (auto& each : nodes)
    timers.disarm(*each);
}

TEST_CASE(
  "a hundred thousand timers are armed, half are taken back, and the "
  "others fire once each") {
  manual_clock clock;
  timer_queue timers{clock};
  constexpr std::size_t count = 100'000;
  std::vector<counting_node> nodes(count);
  std::mt19937 random{1};
  for (auto& each : nodes) {
    each.when = clock.now() + duration{1 + random() % 1'000'000};
    timers.arm(each);
  }
  REQUIRE(clock.armed() == count);
  for (std::size_t i = 0; i < count; i += 2)
    timers.disarm(nodes[i]);
  REQUIRE(timers.size() == count / 2);
  clock.advance(1s);
  CHECK(timers.size() == 0);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < count; ++i)
    wrong += nodes[i].fired != static_cast<int>(i % 2) ? 1 : 0;
  CHECK(wrong == 0);
}

TEST_CASE("with the steady clock a thread fires what is due, earliest first") {
  timer_queue timers{levada::clock::steady()};
  counting_node far, near, past;
  far.when = std::chrono::steady_clock::now() + 1h;
  near.when = std::chrono::steady_clock::now() + 1ms;
  past.when = std::chrono::steady_clock::now() - 1h;
  timers.arm(far);  // the thread sleeps for an hour …
  timers.arm(near); // … and must be told of an earlier deadline
  CHECK(test::eventually([&] { return near.fired == 1; }));
  CHECK(std::chrono::steady_clock::now() >= near.when);
  timers.arm(past);
  CHECK(test::eventually([&] { return past.fired == 1; }));
  CHECK(far.fired == 0);
  CHECK(timers.disarm(far));
}

TEST_CASE(
  "a timer armed on a manual clock after its deadline fires at once, "
  "as from the timer thread") {
  manual_clock clock;
  timer_queue timers{clock};
  std::vector<int> fired;
  noting_node node{fired, 1};
  node.when = clock.now();
  timers.arm(node);
  CHECK(fired.size() == 1);
  CHECK(timers.size() == 0);
}

TEST_CASE("arming, taking back and firing from several threads lose nothing",
          "[stress]") {
  timer_queue timers{levada::clock::steady()};
  constexpr int rounds = 20'000;
  std::atomic<int> fired{0};
  std::atomic<int> taken_back{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 3; ++seed)
    threads.emplace_back([&, seed] {
      std::mt19937 random{seed};
      for (int i = 0; i < rounds; ++i) {
        counting_node node;
        node.when = std::chrono::steady_clock::now()
                    + std::chrono::microseconds{random() % 50};
        timers.arm(node);
        for (auto spin = random() % 64; spin > 0; --spin)
          std::this_thread::yield();
        // After disarm() the node is ours again, whatever it says.
        const bool ours = timers.disarm(node);
        taken_back += ours ? 1 : 0;
        fired += node.fired;
        if (ours == (node.fired == 1))
          fired += 1'000'000; // both or neither: spoils the sum below
      }
    });
  for (auto& each : threads)
    each.join();
  CHECK(fired + taken_back == 3 * rounds);
  CHECK(timers.size() == 0);
}

namespace {

/// Stands still while it fires.
struct stuck_node : levada::detail::timer_node {
  stuck_node() : timer_node(&stuck_node::fire) {
  }
  static void fire(timer_node& self, levada::detail::wake_list&) noexcept {
    auto& mine = static_cast<stuck_node&>(self);
    mine.fires = true;
    mine.fires.notify_all();
    mine.let_go.wait(false);
    mine.over = true;
  }
  std::atomic<bool> fires{false};
  std::atomic<bool> let_go{false};
  std::atomic<bool> over{false};
};

} // namespace

TEST_CASE(
  "who takes a timer back that is just firing waits until it has fired") {
  timer_queue timers{levada::clock::steady()};
  stuck_node node;
  node.when = std::chrono::steady_clock::now();
  timers.arm(node);
  node.fires.wait(false);
  std::atomic<bool> tries{false};
  std::atomic<bool> returned{false};
  bool was_armed = true;
  bool was_over = false;
  std::thread owner{[&] {
    tries = true;
    was_armed = timers.disarm(node);
    was_over = node.over;
    returned = true;
  }};
  while (!tries)
    std::this_thread::yield();
  for (int i = 0; i < 1000 && !returned; ++i)
    std::this_thread::yield();
  const bool early = returned;
  node.let_go = true;
  node.let_go.notify_all();
  owner.join();
  CHECK_FALSE(early);
  CHECK(was_over);
  CHECK_FALSE(was_armed);
}

TEST_CASE("stopping ends the thread, and later arms only fill the queue") {
  timer_queue timers{levada::clock::steady()};
  counting_node before, after;
  before.when = std::chrono::steady_clock::now() + 1h;
  timers.arm(before);
  timers.stop();
  timers.stop();
  after.when = std::chrono::steady_clock::now();
  timers.arm(after);
  CHECK(timers.size() == 2);
  CHECK(timers.disarm(before));
  CHECK(timers.disarm(after));
  CHECK(before.fired + after.fired == 0);
}
