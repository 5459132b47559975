#include <catch.hpp>

#include <atomic>
#include <chrono>
#include <latch>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>

#include <levada/actors/channel_info.hpp>
#include <levada/channels/channel.hpp>
#include <levada/runtime/blocking.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::errc;
using levada::runtime;
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

task<int> number(int value) {
  co_await levada::yield();
  co_return value;
}

std::size_t waiting_in(const runtime& rt, levada::wait_reason reason) {
  std::size_t count = 0;
  for (const auto& each : rt.tasks())
    count += each.reason == reason ? 1 : 0;
  return count;
}

task<> relay(levada::receiver<int> in, levada::sender<int> out) {
  while (auto got = co_await in.receive()) {
    auto sent = co_await out.send(*got + 1);
    if (!sent)
      co_return;
  }
}

/// Sends numbers through a row of relays; true when all arrive changed.
bool run_pipeline(runtime& rt, int stages, int count) {
  auto [first, rx] = levada::make_channel<int>(rt);
  auto in = std::move(rx);
  for (int i = 0; i < stages; ++i) {
    auto [tx, next] = levada::make_channel<int>(rt, {.capacity = i % 3});
    rt.spawn(relay, std::move(in), std::move(tx)).detach();
    in = std::move(next);
  }
  rt.spawn(
      [](levada::sender<int> out, int items) -> task<> {
        for (int i = 0; i < items; ++i) {
          auto sent = co_await out.send(i);
          if (!sent)
            co_return;
        }
      },
      std::move(first), count)
    .detach();
  int expected = 0;
  for (auto& each : in.blocking())
    if (each != stages + expected++)
      return false;
  return expected == count;
}

/// A task parked in each way there is; counts those that ended.
struct parked_crowd {
  std::atomic<int> ended{0};
  levada::channel<int> idle;
  levada::channel<int> full;

  explicit parked_crowd(runtime& rt) {
    auto [idle_tx, idle_rx] = levada::make_channel<int>(rt);
    auto [full_tx, full_rx] = levada::make_channel<int>(rt);
    idle = {idle_tx, idle_rx};
    full = {full_tx, full_rx};
    rt.spawn([this]() -> task<> {
        const auto on_exit = leaving();
        co_await levada::sleep_for(24h);
      })
      .detach();
    rt.spawn([this]() -> task<> {
        const auto on_exit = leaving();
        auto child = levada::spawn([this]() -> task<> {
          const auto child_exit = leaving();
          auto got = co_await idle.receive();
          got_reason = got ? std::error_code{} : got.error();
        });
        co_await child.join();
      })
      .detach();
    rt.spawn([this]() -> task<> {
        const auto on_exit = leaving();
        auto sent = co_await full.send(1);
        sent_reason = sent ? std::error_code{} : sent.error();
      })
      .detach();
    rt.spawn([this]() -> task<> {
        const auto on_exit = leaving();
        const levada::receiver<int> nil;
        auto got = co_await nil.receive();
        nil_reason = got ? std::error_code{} : got.error();
      })
      .detach();
  }

  static constexpr int size = 5;

  bool all_parked(const runtime& rt) const {
    using enum levada::wait_reason;
    for (const auto reason : {sleep, join, receive, send, forever})
      if (waiting_in(rt, reason) != 1)
        return false;
    return true;
  }

  std::error_code got_reason;
  std::error_code sent_reason;
  std::error_code nil_reason;

private:
  struct exit_note {
    std::atomic<int>* counter;
    explicit exit_note(std::atomic<int>& counter) : counter(&counter) {
    }
    exit_note(const exit_note&) = delete;
    ~exit_note() {
      ++*counter;
    }
  };

  exit_note leaving() {
    return exit_note{ended};
  }
};

} // namespace

TEST_CASE("a runtime without work starts and stops") {
  for (int i = 0; i < 50; ++i) {
    runtime rt{{.workers = 2}};
    if (i % 2 == 0)
      CHECK(rt.stop().clean);
  }
}

TEST_CASE("block_on gives the result of a task or of a function's task") {
  runtime rt{{.workers = 1}};
  CHECK(rt.block_on(number(1)) == 1);
  CHECK(rt.block_on(number, 2) == 2);
  CHECK(rt.block_on([](int a, int b) { return number(a + b); }, 1, 2) == 3);
}

TEST_CASE("several threads wait in block_on at a time") {
  runtime rt{{.workers = 2}};
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        sum += rt.block_on(number(1));
    });
  for (auto& each : threads)
    each.join();
  CHECK(sum == 2000);
}

TEST_CASE("block_on inside a task throws wrong_thread") {
  runtime rt{{.workers = 1}};
  runtime other{{.workers = 1}};
  std::error_code own;
  std::error_code foreign;
  std::error_code with_function;
  rt.block_on([&]() -> task<> {
    own = code_of([&] { rt.block_on(number(1)); });
    foreign = code_of([&] { other.block_on(number(1)); });
    with_function = code_of([&] { rt.block_on(number, 1); });
    co_return;
  });
  CHECK(own == errc::wrong_thread);
  CHECK(foreign == errc::wrong_thread);
  CHECK(with_function == errc::wrong_thread);
}

TEST_CASE(
  "an absurd number of workers is refused, none means one a "
  "processor") {
  CHECK(code_of([] { runtime rt{{.workers = 1'000'000}}; })
        == errc::invalid_argument);
  CHECK(code_of([] { runtime rt{{.workers = SIZE_MAX}}; })
        == errc::invalid_argument);
  runtime rt;
  CHECK(rt.block_on(number(1)) == 1);
}

TEST_CASE("no blocking threads at all means one") {
  runtime rt{{.workers = 1, .blocking_threads = 0}};
  CHECK(rt.block_on([]() -> task<int> {
    const int result = co_await levada::blocking([] { return 3; });
    co_return result;
  }) == 3);
}

TEST_CASE("stop ends tasks parked in every way, and tells each why") {
  runtime rt{{.workers = 2}};
  parked_crowd crowd{rt};
  REQUIRE(test::eventually([&] { return crowd.all_parked(rt); }));
  const auto report = rt.stop();
  CHECK(report.clean);
  CHECK(report.stuck.empty());
  CHECK(crowd.ended == parked_crowd::size);
  CHECK(rt.tasks().empty());
  CHECK(crowd.got_reason);
  CHECK(crowd.sent_reason);
  CHECK(crowd.nil_reason == errc::runtime_stopped);
  CHECK(crowd.idle.close_record().reason
        == levada::close_reason::runtime_stopped);
}

TEST_CASE("stop reports a task that computes, and is clean once it ends") {
  runtime rt{{.workers = 2}};
  std::atomic<bool> release{false};
  std::atomic<bool> inside{false};
  const auto line = std::source_location::current().line() + 1;
  const levada::task_options options{.name = "the stuck one"};
  auto handle = rt.spawn(options, [&]() -> task<int> {
    inside = true;
    while (!release)
      std::this_thread::yield();
    co_return 4;
  });
  REQUIRE(test::eventually([&] { return inside.load(); }));
  for (int i = 0; i < 2; ++i) {
    const auto report = rt.stop(1ms);
    CHECK_FALSE(report.clean);
    REQUIRE(report.stuck.size() == 1);
    CHECK(report.stuck[0].name == "the stuck one");
    CHECK(report.stuck[0].reason == levada::wait_reason::nothing);
    CHECK(report.stuck[0].spawned.line() == line);
  }
  release = true;
  CHECK(rt.stop().clean);
  CHECK(rt.stop(0ms).clean);
  CHECK(handle.blocking_join() == 4);
}

TEST_CASE(
  "stop inside a task of the runtime throws wrong_thread and stops "
  "nothing") {
  runtime rt{{.workers = 1}};
  runtime other{{.workers = 1}};
  std::error_code own;
  bool other_clean = false;
  rt.block_on([&]() -> task<> {
    own = code_of([&] { rt.stop(); });
    other_clean = other.stop().clean;
    co_await levada::yield();
  });
  CHECK(own == errc::wrong_thread);
  CHECK(other_clean);
  CHECK(rt.block_on(number(2)) == 2);
}

TEST_CASE("two threads may stop a runtime at a time") {
  for (int i = 0; i < 50; ++i) {
    runtime rt{{.workers = 2}};
    parked_crowd crowd{rt};
    std::atomic<int> clean{0};
    std::thread other{[&] { clean += rt.stop().clean ? 1 : 0; }};
    clean += rt.stop().clean ? 1 : 0;
    other.join();
    REQUIRE(clean == 2);
    // Those that had not begun were never told to begin.
    REQUIRE(rt.tasks().empty());
  }
}

TEST_CASE("a runtime that goes away ends its tasks by itself") {
  std::atomic<bool> ended{false};
  {
    runtime rt{{.workers = 1}};
    rt.spawn([&]() -> task<> {
        try {
          co_await levada::sleep_for(1h);
        } catch (const levada::operation_cancelled&) {
          ended = true;
        }
      })
      .detach();
    REQUIRE(test::eventually(
      [&] { return waiting_in(rt, levada::wait_reason::sleep) == 1; }));
  }
  CHECK(ended);
}

TEST_CASE(
  "a task that catches its cancellation may still use channels that "
  "are drained, and ends") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 3});
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.try_send(i));
  int sum = 0;
  auto handle = rt.spawn([&sum, rx = rx]() -> task<> {
    try {
      co_await levada::sleep_for(1h);
    } catch (const levada::operation_cancelled&) {
      sum = 100;
    }
    for (auto got = rx.try_receive(); got; got = rx.try_receive())
      sum += *got;
  });
  REQUIRE(test::eventually(
    [&] { return waiting_in(rt, levada::wait_reason::sleep) == 1; }));
  CHECK(rt.stop().clean);
  handle.blocking_join();
  CHECK(sum == 106);
}

TEST_CASE(
  "channel handles that outlive their runtime say so, and harm "
  "nothing") {
  levada::sender<std::string> tx;
  levada::receiver<std::string> rx;
  {
    runtime rt{{.workers = 1}};
    auto [out, in] = levada::make_channel<std::string>(
      rt, {.name = "left over", .capacity = 2});
    tx = out;
    rx = in;
    REQUIRE(tx.try_send("kept in the buffer, and too long to be small"));
  }
  CHECK(tx.is_closed());
  const auto sent = tx.try_send("late");
  CHECK_FALSE(sent);
  CHECK(tx.close_record().reason == levada::close_reason::runtime_stopped);
  CHECK(tx.name() == "left over");
  CHECK_FALSE(tx.close());
  auto copy = rx;
  rx = {};
  tx = {};
}

TEST_CASE("two runtimes in one process do not disturb each other") {
  runtime first{{.workers = 1}};
  runtime second{{.workers = 2}};
  auto [tx, rx] = levada::make_channel<int>(first);
  auto [back_tx, back_rx] = levada::make_channel<int>(second);
  // Tasks of either runtime on channels of both.
  second.spawn(relay, std::move(rx), std::move(back_tx)).detach();
  first
    .spawn(
      [](levada::sender<int> out) -> task<> {
        for (int i = 0; i < 10'000; ++i) {
          auto sent = co_await out.send(i);
          if (!sent)
            co_return;
        }
      },
      std::move(tx))
    .detach();
  int expected = 0;
  bool in_order = true;
  for (auto& each : back_rx.blocking())
    in_order = in_order && each == ++expected;
  CHECK(in_order);
  CHECK(expected == 10'000);
  CHECK(first.stop().clean);
  CHECK(second.block_on(number(3)) == 3);
}

TEST_CASE("a task of one runtime joins a task of another") {
  runtime first{{.workers = 1}};
  runtime second{{.workers = 1}};
  const int result = first.block_on([&]() -> task<int> {
    int sum = 0;
    for (int i = 0; i < 1000; ++i) {
      auto handle = second.spawn(number, 1);
      const int one = co_await handle.join();
      sum += one;
    }
    co_return sum;
  });
  CHECK(result == 1000);
}

TEST_CASE("tasks run in a borrowed actor system, whatever its policy") {
  for (const std::string policy : {"sharing", "stealing"}) {
    for (const std::size_t workers : {1U, 2U}) {
      CAPTURE(policy, workers);
      caf::actor_system_config config;
      config.set("scheduler.policy", policy == "sharing"
                                       ? caf::atom("sharing")
                                       : caf::atom("stealing"));
      config.set("scheduler.max-threads", workers);
      caf::actor_system system{config};
      auto& scheduler = system.scheduler();
      const std::string kind = typeid(scheduler).name();
      REQUIRE(kind.find(policy) != std::string::npos);

      std::atomic<int> actor_rounds{0};
      auto player
        = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
            self->send(self, 0);
            return {[&, self](int ball) {
              ++actor_rounds;
              if (ball < 999)
                self->send(self, ball + 1);
            }};
          });
      {
        runtime rt{system};
        CHECK(&rt.system() == &system);
        CHECK(run_pipeline(rt, 5, 2000));
        CHECK(rt.block_on([]() -> task<int> {
          int sum = 0;
          for (int i = 0; i < 100; ++i) {
            auto handle = levada::spawn(number, 1);
            co_await levada::yield();
            const int one = co_await handle.join();
            const int two = co_await levada::blocking([] { return 2; });
            sum += one + two;
          }
          co_await levada::sleep_for(1ms);
          co_return sum;
        }) == 300);
        parked_crowd crowd{rt};
        REQUIRE(test::eventually([&] { return crowd.all_parked(rt); }));
        CHECK(rt.stop().clean);
        CHECK(crowd.ended == parked_crowd::size);
      }
      CHECK(test::eventually([&] { return actor_rounds == 1000; }));
      caf::anon_send_exit(player, caf::exit_reason::user_shutdown);
    }
  }
}

TEST_CASE(
  "two runtimes share one borrowed system, one after the other and "
  "at a time") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{2});
  caf::actor_system system{config};
  for (int i = 0; i < 20; ++i) {
    runtime first{system};
    runtime second{system};
    REQUIRE(run_pipeline(first, 2, 100));
    REQUIRE(run_pipeline(second, 2, 100));
    REQUIRE(first.block_on([&]() -> task<int> {
      auto handle = second.spawn(number, 5);
      const int result = co_await handle.join();
      co_return result;
    }) == 5);
  }
}

TEST_CASE("a borrowed system serves a bystander behind a ping-pong") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", std::size_t{1});
  caf::actor_system system{config};
  runtime rt{system};
  auto [to, at_pong] = levada::make_channel<int>(rt);
  auto [back, at_ping] = levada::make_channel<int>(rt);
  std::atomic<bool> served{false};
  std::atomic<int> rounds{0};
  rt.spawn(relay, std::move(at_pong), std::move(back)).detach();
  auto players = rt.spawn(
    [&](levada::sender<int> out, levada::receiver<int> in) -> task<> {
      while (rounds < 1'000'000 && !served) {
        auto sent = co_await out.send(1);
        auto got = co_await in.receive();
        if (!sent || !got)
          co_return;
        ++rounds;
      }
    },
    std::move(to), std::move(at_ping));
  REQUIRE(test::eventually([&] { return rounds > 0; }));
  rt.spawn([&]() -> task<> {
      co_await levada::yield();
      served = true;
    })
    .blocking_join();
  players.blocking_join();
  CHECK(rounds < 1'000'000);
}

TEST_CASE("the workers that the options ask for are there") {
  runtime rt{{.workers = 3}};
  std::latch all_here{3};
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::vector<levada::join_handle<void>> handles;
  for (int i = 0; i < 3; ++i)
    handles.push_back(rt.spawn([&]() -> task<> {
      {
        std::lock_guard guard{mutex};
        threads.insert(std::this_thread::get_id());
      }
      all_here.arrive_and_wait(); // for ever, with fewer workers
      co_return;
    }));
  for (auto& each : handles)
    each.blocking_join();
  CHECK(threads.size() == 3);
}

TEST_CASE("spawns that race with stop run cancelled or are refused",
          "[stress]") {
  for (int round = 0; round < 100; ++round) {
    levada::manual_clock
      clock; // stands still: an uncancelled sleep is for ever
    runtime rt{{.workers = 2, .time = &clock}};
    std::atomic<int> started{0};
    std::atomic<int> ended{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
      threads.emplace_back([&] {
        const auto until_stopped = [&] {
          for (;;) {
            rt.spawn([&]() -> task<> {
                try {
                  co_await levada::sleep_for(1h);
                } catch (const levada::operation_cancelled&) {
                  ++ended;
                }
              })
              .detach();
            ++started;
          }
        };
        if (code_of(until_stopped) != errc::runtime_stopped)
          started += 1'000'000;
      });
    REQUIRE(test::eventually([&] { return started > round; }));
    const auto report = rt.stop(30s);
    for (auto& each : threads)
      each.join();
    REQUIRE(report.clean);
    REQUIRE(rt.stop(30s).clean);
    REQUIRE(started == ended);
  }
}

TEST_CASE("a task that hears of the stop by a refused spawn has not failed",
          "[stress]") {
  std::atomic<int> failures{0};
  std::atomic<int> heard{0};
  constexpr int rounds = 300;
  for (int round = 0; round < rounds; ++round) {
    runtime rt{
      {.workers = 2,
       .on_failure = [&](const levada::unjoined_failure&) { ++failures; }}};
    std::atomic<bool> going{false};
    rt.spawn([&]() -> task<> {
        try {
          for (;;) {
            going = true;
            auto child = levada::spawn(number, 1);
            co_await child.join();
          }
        } catch (const levada::operation_cancelled&) {
          ++heard;
          throw;
        }
      })
      .detach();
    REQUIRE(test::eventually([&] { return going.load(); }));
    REQUIRE(rt.stop().clean);
  }
  CHECK(heard == rounds);
  CHECK(failures == 0);
}

TEST_CASE("an idle runtime burns no processor time", "[idle]") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = levada::make_channel<int>(rt);
  auto sleeper = rt.spawn([rx = rx]() -> task<> {
    auto got = co_await rx.receive();
    if (!got)
      co_await levada::sleep_for(1h);
  });
  auto timer = rt.spawn([]() -> task<> { co_await levada::sleep_for(1h); });
  CHECK(run_pipeline(rt, 4, 1000));

  const auto usage = [] {
    rusage now{};
    getrusage(RUSAGE_SELF, &now);
    return now;
  };
  const auto microseconds = [](const rusage& at) {
    return (at.ru_utime.tv_sec + at.ru_stime.tv_sec) * 1'000'000
           + at.ru_utime.tv_usec + at.ru_stime.tv_usec;
  };
  // It may take a while to calm down, but then a calm 200 ms must come: a
  // worker that polled every millisecond would not let one pass.
  CHECK(test::eventually([&] {
    const auto before = usage();
    std::this_thread::sleep_for(200ms);
    const auto after = usage();
    const auto switches
      = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw;
    return switches <= 40
           && microseconds(after) - microseconds(before) < 20'000;
  }));
  CHECK(tx.try_send(1)); // it was idle, not dead
  sleeper.blocking_join();
}

TEST_CASE("a destructor that waits for long says for whom", "[stress]") {
  const auto child = test::in_child([] {
    std::atomic<bool> release{false};
    std::atomic<bool> inside{false};
    std::thread releaser;
    {
      runtime rt{{.workers = 1}};
      rt.spawn(levada::task_options{.name = "endless"},
               [&]() -> task<> {
                 inside = true;
                 while (!release)
                   std::this_thread::yield();
                 co_return;
               })
        .detach();
      while (!inside)
        std::this_thread::yield();
      releaser = std::thread{[&] {
        std::this_thread::sleep_for(6s);
        release = true;
      }};
    }
    releaser.join();
    return 0;
  });
  CHECK(child.returned(0));
  CHECK(child.says("~runtime waits for 1 task(s)"));
  CHECK(child.says("\"endless\""));
}
