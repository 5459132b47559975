#include <catch.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include <levada/channels/channel.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::errc;
using levada::runtime;
using levada::task;

namespace {

const std::string long_text = "a text that is too long for the small buffer";

task<std::string> echo_after_yields(const std::string& words) {
  for (int i = 0; i < 10; ++i)
    co_await levada::yield();
  co_return words;
}

task<int> sum_of(int a, int b, int c, int d, int e, int f) {
  co_await levada::yield();
  co_return a + b + c + d + e + f;
}

task<int> unbox(std::unique_ptr<int> box) {
  co_await levada::yield();
  co_return *box;
}

task<> count_up(std::atomic<int>& counter) {
  co_await levada::yield();
  ++counter;
}

struct adder {
  int base;
  std::string proof = long_text;

  task<int> operator()(int more) {
    co_await levada::yield();
    co_return proof == long_text ? base + more : -1;
  }

  task<int> add(int more) {
    co_await levada::yield();
    co_return proof == long_text ? base + more : -2;
  }
};

task<int> keep_sender_and_return(levada::sender<int>) {
  co_return 1;
}

task<> failing_task() {
  co_await levada::yield();
  throw std::runtime_error("nobody looks");
}

/// Spins until `done` holds; false when that takes absurdly long.
template <class Predicate>
bool spin_until(Predicate done) {
  const auto limit = std::chrono::steady_clock::now() + 30s;
  while (!done())
    if (std::chrono::steady_clock::now() > limit)
      return false;
  return true;
}

task<> ping(levada::sender<int> out, levada::receiver<int> in,
            std::atomic<int>& rounds, int limit,
            const std::atomic<bool>& enough) {
  int ball = 0;
  while (rounds < limit && !enough) {
    auto sent = co_await out.send(ball);
    auto back = co_await in.receive();
    if (!sent || !back)
      co_return;
    ball = *back;
    ++rounds;
  }
}

task<> pong(levada::receiver<int> in, levada::sender<int> out) {
  while (auto ball = co_await in.receive()) {
    auto sent = co_await out.send(*ball);
    if (!sent)
      co_return;
  }
}

} // namespace

TEST_CASE("a spawned lambda keeps its captures until it ends") {
  runtime rt{{.workers = 1}};
  auto box = std::make_unique<int>(3);
  auto words = long_text;
  auto handle = rt.spawn([box = std::move(box), words]() -> task<std::string> {
    for (int i = 0; i < 10; ++i)
      co_await levada::yield();
    co_return words + std::to_string(*box);
  });
  CHECK(handle.blocking_join() == long_text + "3");
}

TEST_CASE(
  "a const reference parameter is bound to a copy that lives as long "
  "as the task") {
  runtime rt{{.workers = 1}};
  auto handle = rt.spawn(echo_after_yields, std::string{long_text});
  CHECK(handle.blocking_join() == long_text);
  auto from_literal = rt.spawn(echo_after_yields, "from a literal");
  CHECK(from_literal.blocking_join() == "from a literal");
}

TEST_CASE("what is to be shared is passed with std::ref") {
  std::atomic<int> counter{0};
  runtime rt{{.workers = 2}};
  rt.spawn(count_up, std::ref(counter)).blocking_join();
  CHECK(counter == 1);
}

TEST_CASE("functions, functors, members and closures can be spawned") {
  runtime rt{{.workers = 2}};
  CHECK(rt.spawn(unbox, std::make_unique<int>(4)).blocking_join() == 4);
  CHECK(rt.spawn(adder{40}, 2).blocking_join() == 42);
  adder lasting{50};
  CHECK(rt.spawn(&adder::add, &lasting, 5).blocking_join() == 55);
  CHECK(rt.spawn(&adder::add, adder{60}, 6).blocking_join() == 66);
  CHECK(rt.spawn(std::function<task<int>(int)>{adder{70}}, 7).blocking_join()
        == 77);
  CHECK(rt.spawn([](int a, int b) { return a * b; }, 6, 7).blocking_join()
        == 42);
  CHECK(rt.spawn(sum_of, 1, 2, 3, 4, 5, 6).blocking_join() == 21);
  const levada::task_options named{.name = "named"};
  CHECK(rt.spawn(named, sum_of, 1, 2, 3, 4, 5, 6).blocking_join() == 21);
  CHECK(rt.spawn(named, unbox(std::make_unique<int>(9))).blocking_join() == 9);
}

TEST_CASE("a plain function that throws is a failed task") {
  runtime rt{{.workers = 1}};
  auto handle = rt.spawn([]() -> int { throw std::out_of_range("plain"); });
  CHECK_THROWS_AS(handle.blocking_join(), std::out_of_range);
}

TEST_CASE("levada::spawn works in a task of any depth, and nowhere else") {
  std::atomic<int> counter{0};
  runtime rt{{.workers = 2}};
  rt.block_on([&]() -> task<> {
    auto nested = [](std::atomic<int>& count) -> task<> {
      auto handle = levada::spawn(count_up, std::ref(count));
      co_await handle.join();
    };
    co_await nested(counter);
    auto also = levada::spawn(levada::task_options{.name = "also"}, count_up,
                              std::ref(counter));
    co_await also.join();
    auto many = levada::spawn(sum_of, 1, 1, 1, 1, 1, 1);
    const int six = co_await many.join();
    counter += six;
  });
  CHECK(counter == 8);
  try {
    levada::spawn(count_up, std::ref(counter)).detach();
    FAIL("spawned without a runtime");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::wrong_thread);
  }
  CHECK(counter == 8);
}

TEST_CASE("spawning an empty task throws invalid_argument") {
  runtime rt{{.workers = 1}};
  try {
    rt.spawn(task<>{}).detach();
    FAIL("spawned nothing");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::invalid_argument);
  }
}

TEST_CASE(
  "spawning after stop throws runtime_stopped and drops the "
  "arguments") {
  runtime rt{{.workers = 1}};
  REQUIRE(rt.stop().clean);
  auto alive = std::make_shared<int>(1);
  try {
    rt.spawn([alive]() -> task<int> { co_return *alive; }).detach();
    FAIL("spawned after stop");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::runtime_stopped);
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE(
  "a detached failure reaches on_failure with the task's name and "
  "place") {
  std::mutex mutex;
  std::vector<levada::unjoined_failure> told;
  const auto count = [&] {
    std::lock_guard guard{mutex};
    return told.size();
  };
  runtime rt{
    {.workers = 2, .on_failure = [&](const levada::unjoined_failure& failure) {
       std::lock_guard guard{mutex};
       told.push_back(failure);
     }}};
  const auto line = std::source_location::current().line() + 1;
  rt.spawn(failing_task).detach();
  REQUIRE(test::eventually([&] { return count() == 1; }));
  CHECK(told[0].task.find("failing_task") != std::string::npos);
  CHECK(told[0].spawned.line() == line);
  CHECK(std::string{told[0].spawned.file_name()}.find("spawn.cpp")
        != std::string::npos);
  CHECK_THROWS_WITH(std::rethrow_exception(told[0].error), "nobody looks");

  rt.spawn(levada::task_options{.name = "the culprit"}, failing_task).detach();
  REQUIRE(test::eventually([&] { return count() == 2; }));
  CHECK(told[1].task == "the culprit");
  CHECK(told[1].spawned.line() == line + 8);
}

TEST_CASE("a failure inside a nested task is reported as its root's") {
  std::string name;
  std::atomic<bool> told{false};
  runtime rt{
    {.workers = 1, .on_failure = [&](const levada::unjoined_failure& failure) {
       name = failure.task;
       told = true;
     }}};
  rt.spawn(levada::task_options{.name = "root"},
           []() -> task<> { co_await failing_task(); })
    .detach();
  REQUIRE(test::eventually([&] { return told.load(); }));
  CHECK(name == "root");
}

TEST_CASE(
  "a task's parameters die when it has returned, though its handle is "
  "held") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt);
  auto handle = rt.spawn(keep_sender_and_return, std::move(tx));
  const auto got = rx.blocking_receive(); // ends when the last sender has gone
  CHECK_FALSE(got);
  CHECK(test::eventually([&] { return handle.done(); }));
  CHECK(handle.blocking_join() == 1);
}

TEST_CASE(
  "a lambda's captures die when it has returned, though its handle is "
  "held") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt);
  auto handle = rt.spawn([tx = std::move(tx)]() -> task<int> {
    const int open = tx.is_closed() ? 0 : 1;
    co_return open;
  });
  const auto got = rx.blocking_receive();
  CHECK_FALSE(got);
  CHECK(handle.blocking_join() == 1);
}

TEST_CASE("whoever joins a task finds its parameters gone") {
  runtime rt{{.workers = 2}};
  for (int i = 0; i < 1000; ++i) {
    auto alive = std::make_shared<int>(i);
    auto handle = rt.spawn(
      [](std::shared_ptr<int> held) -> task<int> {
        co_await levada::yield();
        co_return *held;
      },
      alive);
    REQUIRE(handle.blocking_join() == i);
    REQUIRE(alive.use_count() == 1);
  }
}

TEST_CASE("threads outside spawn into the same runtime") {
  std::atomic<int> counter{0};
  runtime rt{{.workers = 2}};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int each = 0; each < 5000; ++each)
        rt.spawn(count_up, std::ref(counter)).detach();
    });
  for (auto& each : threads)
    each.join();
  CHECK(test::eventually([&] { return counter == 20'000; }));
}

TEST_CASE(
  "a bystander is served while two tasks play ping-pong on the only "
  "worker") {
  constexpr int limit = 200'000;
  std::atomic<int> rounds{0};
  std::atomic<bool> served{false};
  int before = -1;
  int after = -1;
  runtime rt{{.workers = 1}};
  auto [to, at_pong] = levada::make_channel<int>(rt);
  auto [back, at_ping] = levada::make_channel<int>(rt);
  auto players
    = rt.spawn(ping, to, at_ping, std::ref(rounds), limit, std::cref(served));
  rt.spawn(pong, at_pong, back).detach();
  at_pong = {};
  back = {};
  to = {};
  REQUIRE(test::eventually([&] { return rounds > 0; }));
  rt.spawn([&]() -> task<> {
      before = rounds;
      for (int i = 0; i < 10; ++i)
        co_await levada::yield();
      after = rounds;
      served = true;
    })
    .blocking_join();
  players.blocking_join();
  CHECK(before > 0);
  CHECK(before < limit);
  // Ten turns cost ten bounded streaks, not the whole game.
  CHECK(after - before
        <= 11 * static_cast<int>(levada::detail::worker_pool::turn));
}

TEST_CASE("a task that never waits for long lets others on its worker run") {
  // A buffered channel is always ready: only the budget of a turn makes the
  // sender and receiver of its own channel give way.
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 16});
  std::atomic<bool> stop{false};
  std::atomic<int> turns{0};
  auto busy = rt.spawn([&stop, &turns, tx = tx, rx = rx]() -> task<> {
    while (!stop && turns < 10'000'000) {
      auto sent = co_await tx.send(1);
      auto got = co_await rx.receive();
      if (!sent || !got)
        co_return;
      ++turns;
    }
  });
  REQUIRE(test::eventually([&] { return turns > 0; }));
  const int at = rt.block_on([&]() -> task<int> {
    const int seen = turns;
    stop = true;
    co_return seen;
  });
  busy.blocking_join();
  CHECK(at < 10'000'000);
}

TEST_CASE("actors and tasks share the workers") {
  runtime rt{{.workers = 1}};
  auto& system = rt.system();
  std::atomic<int> actor_rounds{0};
  std::atomic<int> task_rounds{0};
  constexpr int rounds = 10'000;
  auto echo = system.spawn([](caf::event_based_actor*) -> caf::behavior {
    return {[](int ball) { return ball; }};
  });
  auto player = system.spawn(
    [echo, &actor_rounds](caf::event_based_actor* self) -> caf::behavior {
      self->send(echo, 0);
      return {[echo, self, &actor_rounds](int ball) {
        ++actor_rounds;
        if (ball + 1 < rounds)
          self->send(echo, ball + 1);
        else
          self->quit();
      }};
    });
  const std::atomic<bool> never{false};
  auto [to, at_pong] = levada::make_channel<int>(rt);
  auto [back, at_ping] = levada::make_channel<int>(rt);
  auto players = rt.spawn(ping, std::move(to), std::move(at_ping),
                          std::ref(task_rounds), rounds, std::cref(never));
  rt.spawn(pong, std::move(at_pong), std::move(back)).detach();
  players.blocking_join();
  CHECK(task_rounds == rounds);
  CHECK(test::eventually([&] { return actor_rounds == rounds; }));
}

TEST_CASE("an actor that never stops talking does not starve tasks") {
  std::atomic<bool> stop{false};
  std::atomic<int> talks{0};
  runtime rt{{.workers = 1}};
  rt.system().spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->send(self, 0);
    return {[self, &stop, &talks](int number) {
      ++talks;
      if (stop)
        self->quit();
      else
        self->send(self, number);
    }};
  });
  REQUIRE(test::eventually([&] { return talks > 0; }));
  // Would wait for ever if the actor owned the worker.
  CHECK(rt.block_on([]() -> task<int> {
    for (int i = 0; i < 100; ++i)
      co_await levada::yield();
    co_return 1;
  }) == 1);
  stop = true;
}

TEST_CASE("tasks that compute spread over the workers") {
  runtime rt{{.workers = 2}};
  std::mutex mutex;
  std::set<std::thread::id> threads;
  const auto compute = [&]() -> task<bool> {
    const auto both = [&] {
      std::lock_guard guard{mutex};
      threads.insert(std::this_thread::get_id());
      return threads.size() == 2;
    };
    co_return spin_until(both);
  };
  const bool spread = rt.block_on([&]() -> task<bool> {
    std::vector<levada::join_handle<bool>> handles;
    for (int i = 0; i < 8; ++i) // all into this worker's own queue
      handles.push_back(levada::spawn(compute));
    bool all = true;
    for (auto& each : handles) {
      const bool one = co_await each.join();
      all = all && one;
    }
    co_return all;
  });
  CHECK(spread);
}

TEST_CASE("a task woken by one that then computes is run by another worker") {
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 20; ++round) {
    auto [tx, rx] = levada::make_channel<int>(rt);
    std::atomic<bool> ran{false};
    auto peer = rt.spawn([&ran, rx = rx]() -> task<> {
      auto got = co_await rx.receive();
      ran = static_cast<bool>(got);
    });
    REQUIRE(test::eventually([&] { return rx.info().waiting_receivers == 1; }));
    const bool relieved = rt.block_on([&ran, tx = tx]() -> task<bool> {
      const auto sent = tx.try_send(1);
      co_return sent&& spin_until([&] { return ran.load(); });
    });
    REQUIRE(relieved);
    peer.blocking_join();
  }
}

TEST_CASE("a million tasks park at once, and all end (G-32)", "[stress]") {
  constexpr int count = 1'000'000;
  std::atomic<int> ended{0};
  runtime rt;
  auto [tx, rx] = levada::make_channel<int>(rt);
  for (int i = 0; i < count; ++i)
    rt.spawn(
        [](levada::receiver<int> in, std::atomic<int>& done) -> task<> {
          auto got = co_await in.receive();
          if (!got)
            done.fetch_add(1, std::memory_order_relaxed);
        },
        rx, std::ref(ended))
      .detach();
  REQUIRE(test::eventually(
    [&] { return rx.info().waiting_receivers == std::uint32_t{count}; }));
  CHECK(tx.close());
  CHECK(rt.stop().clean);
  CHECK(ended == count);
}
