#include <catch.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <mutex>
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <thread>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/runtime/blocking.hpp>
#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>

#include "support.hpp"

using namespace std::chrono_literals;
using levada::on_deadlock;
using levada::runtime;
using levada::task;

namespace {

std::string dump_of(const runtime& rt) {
  std::ostringstream out;
  rt.dump(out);
  return out.str();
}

/// The line of `text` that contains `part`, or "".
std::string line_with(const std::string& text, const std::string& part) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    if (line.find(part) != std::string::npos)
      return line;
  return {};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string here(unsigned line) {
  return "dump.cpp:" + std::to_string(line);
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++count;
  return count;
}

/// Where the forked tests look at what their own stderr says; it is passed on
/// to the real one at the end.
class overheard : std::streambuf {
public:
  overheard() : before_(std::cerr.rdbuf(this)) {
  }
  ~overheard() override {
    std::cerr.rdbuf(before_);
    std::cerr << text_ << std::flush;
  }

  std::string text() {
    std::lock_guard guard{mutex_};
    return text_;
  }

private:
  int_type overflow(int_type character) override {
    std::lock_guard guard{mutex_};
    text_.push_back(static_cast<char>(character));
    return character;
  }
  std::streamsize xsputn(const char* from, std::streamsize count) override {
    std::lock_guard guard{mutex_};
    text_.append(from, static_cast<std::size_t>(count));
    return count;
  }

  std::mutex mutex_;
  std::string text_;
  std::streambuf* before_;
};

// The line of the receive in the function that follows.
constexpr auto receive_line = std::source_location::current().line() + 3;

task<> take_all(levada::receiver<int> in) {
  while (auto got = co_await in.receive()) {}
}

task<> fail_with(std::string why) {
  throw std::runtime_error(why);
  co_return;
}

} // namespace

TEST_CASE(
  "dump shows a task's name, what it waits for, where, and where it "
  "was spawned") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = levada::make_channel<int>(rt, {.name = "numbers"});
  const auto spawned = std::source_location::current().line() + 1;
  rt.spawn(levada::task_options{.name = "the taker"}, take_all, rx).detach();
  REQUIRE(test::eventually([&] { return rx.info().waiting_receivers == 1; }));
  const auto text = dump_of(rt);
  const auto line = line_with(text, "\"the taker\"");
  CAPTURE(text);
  CHECK(has(line, "waits in receive"));
  CHECK(has(line, "on channel " + std::to_string(rx.id()) + " \"numbers\""));
  CHECK(has(line, "at " + here(receive_line)));
  CHECK(has(line, "spawned at " + here(spawned)));
  const auto channel = line_with(text, "channel " + std::to_string(rx.id())
                                         + " \"numbers\": open");
  CHECK_FALSE(channel.empty());
  CHECK(has(text, "levada runtime: 1 tasks, 0 timers"));
}

TEST_CASE(
  "dump names a task after its coroutine function if it was given no "
  "name") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt);
  rt.spawn(take_all, rx).detach();
  rt.spawn(take_all(rx)).detach();
  REQUIRE(test::eventually([&] { return rx.info().waiting_receivers == 2; }));
  const auto text = dump_of(rt);
  CAPTURE(text);
  CHECK(count_of(text, "take_all\": waits in receive") == 2);
}

TEST_CASE("dump tells every way to wait apart") {
  levada::manual_clock clock;
  runtime rt{{.workers = 2, .time = &clock}};
  auto [tx, rx] = levada::make_channel<int>(rt, {.name = "out"});
  std::atomic<bool> release{false};
  const auto name = [](std::string of) {
    return levada::task_options{.name = std::move(of)};
  };
  rt.spawn(name("sleeper"), []() -> task<> { co_await levada::sleep_for(1h); })
    .detach();
  rt.spawn(name("sender"),
           [tx = tx]() -> task<> {
             auto sent = co_await tx.send(1);
             (void)sent;
           })
    .detach();
  rt.spawn(name("joiner"),
           [&, name]() -> task<> {
             auto child = levada::spawn(name("blocked"), [&]() -> task<> {
               auto work = [&] {
                 while (!release)
                   std::this_thread::yield();
               };
               co_await levada::blocking(work);
             });
             co_await child.join();
           })
    .detach();
  rt.spawn(name("nil"),
           []() -> task<> {
             const levada::receiver<int> nothing;
             auto got = co_await nothing.receive();
             (void)got;
           })
    .detach();
  rt.spawn(name("busy"),
           [&]() -> task<> {
             while (!release)
               co_await levada::yield();
           })
    .detach();
  std::string text;
  CHECK(test::eventually([&] {
    text = dump_of(rt);
    return has(text, "\"sleeper\": waits in sleep at dump.cpp:")
           && has(text, "\"sender\": waits in send on channel "
                          + std::to_string(tx.id()) + " \"out\" at dump.cpp:")
           && has(text, "\"joiner\": waits in join at dump.cpp:")
           && has(text, "\"blocked\": waits in blocking at dump.cpp:")
           && has(text, "\"nil\": waits in nil channel (for ever) at dump.cpp:")
           && has(text, "\"busy\": runs or is queued, spawned at dump.cpp:")
           && has(text, "6 tasks, 1 timers, 1 blocking functions");
  }));
  CAPTURE(text);
  CHECK(count_of(text, "spawned at dump.cpp:") == 6);
  release = true;
  REQUIRE(test::eventually([&] { return !has(dump_of(rt), "\"busy\""); }));
  REQUIRE(test::eventually([&] { return !has(dump_of(rt), "\"joiner\""); }));
}

TEST_CASE("tasks() says as data what dump prints") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt);
  rt.spawn(take_all, rx).detach();
  REQUIRE(test::eventually([&] { return rx.info().waiting_receivers == 1; }));
  auto tasks = rt.tasks();
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].reason == levada::wait_reason::receive);
  CHECK(tasks[0].channel == rx.id());
  CHECK(tasks[0].line.line() == receive_line);
  CHECK(tasks[0].waiting >= 0ms);
  // The time it waits grows.
  CHECK(test::eventually([&] { return rt.tasks().at(0).waiting >= 5ms; }));
  CHECK(tx.close());
  CHECK(test::eventually([&] { return rt.tasks().empty(); }));
}

TEST_CASE("every reason to wait has a word of its own") {
  std::vector<std::string> words;
  for (int i = 0; i <= static_cast<int>(levada::wait_reason::forever); ++i)
    words.emplace_back(to_string(static_cast<levada::wait_reason>(i)));
  for (const auto& each : words) {
    CHECK(each != "?");
    CHECK(std::count(words.begin(), words.end(), each) == 1);
  }
}

TEST_CASE("dump can be called while tasks come, wait and go", "[stress]") {
  runtime rt{{.workers = 2}};
  std::atomic<bool> stop{false};
  std::thread reader{[&] {
    while (!stop)
      dump_of(rt);
  }};
  for (int round = 0; round < 300; ++round) {
    auto [tx, rx] = levada::make_channel<int>(rt, {.name = "busy"});
    auto taker = rt.spawn(levada::task_options{.name = "taker"}, take_all,
                          std::move(rx));
    for (int i = 0; i < 20; ++i)
      REQUIRE(tx.blocking_send(i));
    tx = {};
    taker.blocking_join();
  }
  stop = true;
  reader.join();
  CHECK(rt.tasks().empty());
}

TEST_CASE(
  "a failure that nobody joins ends the program and says which task, "
  "from where and why") {
  constexpr auto line = std::source_location::current().line() + 4;
  const auto child = test::in_child([] {
    runtime rt{{.workers = 1}};
    const levada::task_options options{.name = "culprit"};
    auto handle = rt.spawn(fail_with, "the reason");
    auto named = rt.spawn(options, fail_with, "another");
    while (!handle.done() || !named.done())
      std::this_thread::yield();
    handle.detach();
    return 0;
  });
  CAPTURE(child.said);
  CHECK(child.aborted());
  CHECK(child.says("fail_with\", spawned at " + here(line)));
  CHECK_FALSE(child.says("culprit")); // that one might still be joined
  CHECK(child.says("the reason"));
}

TEST_CASE(
  "a deadlock is reported with every task, its line and its channel, "
  "and ends the program if asked to") {
  const auto child = test::in_child([] {
    runtime rt{
      {.workers = 2, .deadlock = on_deadlock::abort, .deadlock_after = 1ms}};
    auto [tx, rx] = levada::make_channel<int>(rt, {.name = "dry"});
    rt.spawn(levada::task_options{.name = "bystander"}, take_all, rx).detach();
    rt.block_on(take_all(rx));
    return 0;
  });
  CAPTURE(child.said);
  CHECK(child.aborted());
  CHECK(child.says("all tasks are asleep - deadlock!"));
  CHECK(child.says("task \"bystander\": waits in receive on channel"));
  CHECK(child.says("\"dry\" at " + here(receive_line)));
  CHECK(child.says("take_all\": waits in receive on channel"));
  CHECK(child.says("1 threads in block_on"));
}

TEST_CASE("a deadlock on a single worker is seen as well") {
  const auto child = test::in_child([] {
    runtime rt{
      {.workers = 1, .deadlock = on_deadlock::abort, .deadlock_after = 1ms}};
    rt.block_on([]() -> task<> {
      const levada::receiver<int> nothing;
      auto got = co_await nothing.receive();
      (void)got;
    });
    return 0;
  });
  CAPTURE(child.said);
  CHECK(child.aborted());
  CHECK(child.says("waits in nil channel (for ever)"));
}

TEST_CASE(
  "a deadlock is seen after a timer has fired and a blocking function has "
  "ended") {
  const auto child = test::in_child([] {
    runtime rt{
      {.workers = 2, .deadlock = on_deadlock::abort, .deadlock_after = 1ms}};
    rt.block_on([]() -> task<> {
      const levada::receiver<int> nothing;
      co_await levada::sleep_for(2ms);
      co_await levada::blocking([] {});
      auto got = co_await nothing.receive();
      (void)got;
    });
    return 0;
  });
  CAPTURE(child.said);
  CHECK(child.aborted());
  CHECK(child.says("waits in nil channel (for ever)"));
}

TEST_CASE("a reported deadlock is no end: a value from outside resolves it") {
  const auto child = test::in_child([] {
    overheard errors;
    int result = 0;
    {
      runtime rt{
        {.workers = 2, .deadlock = on_deadlock::report, .deadlock_after = 1ms}};
      auto [tx, rx] = levada::make_channel<int>(rt);
      std::thread outside{[&errors, tx = tx] {
        if (test::eventually(
              [&] { return has(errors.text(), "asleep - deadlock!"); }))
          (void)tx.blocking_send(42);
        else
          tx.close();
      }};
      result = rt.block_on([rx = rx]() -> task<int> {
        auto got = co_await rx.receive();
        co_return got ? *got : 0;
      });
      outside.join();
    }
    return result;
  });
  CAPTURE(child.said);
  CHECK(child.returned(42));
}

TEST_CASE(
  "it is no deadlock while a timer is armed, a blocking function runs "
  "or no thread waits") {
  const auto child = test::in_child([] {
    runtime rt{
      {.workers = 2, .deadlock = on_deadlock::abort, .deadlock_after = 1ms}};
    auto [tx, rx] = levada::make_channel<int>(rt);
    rt.spawn(take_all, rx).detach();
    rt.block_on([]() -> task<> { co_await levada::sleep_for(50ms); });
    rt.block_on([]() -> task<> {
      co_await levada::blocking([] { std::this_thread::sleep_for(50ms); });
    });
    std::this_thread::sleep_for(50ms); // parked tasks, but nobody in block_on
    return 7;
  });
  CAPTURE(child.said);
  CHECK(child.returned(7));
  CHECK_FALSE(child.says("deadlock"));
}

TEST_CASE(
  "it is no deadlock when the thread in block_on has its result and "
  "takes its time with it") {
  const auto child = test::in_child([] {
    /// Slow to move, where nothing but the thread itself is awake.
    struct slow {
      slow() = default;
      slow(slow&& other) noexcept : outside(other.outside) {
        if (std::this_thread::get_id() == outside)
          std::this_thread::sleep_for(50ms);
      }
      std::thread::id outside;
    };
    runtime rt{
      {.workers = 2, .deadlock = on_deadlock::abort, .deadlock_after = 1ms}};
    auto [tx, rx] = levada::make_channel<int>(rt);
    rt.spawn(take_all, rx).detach();
    const auto moved = rt.block_on(
      [](std::thread::id outside) -> task<slow> {
        slow result;
        result.outside = outside;
        co_return result;
      },
      std::this_thread::get_id());
    return moved.outside == std::this_thread::get_id() ? 7 : 0;
  });
  CAPTURE(child.said);
  CHECK(child.returned(7));
  CHECK_FALSE(child.says("deadlock"));
}

TEST_CASE("a deadlock is ignored if asked to") {
  const auto child = test::in_child([] {
    runtime rt{
      {.workers = 2, .deadlock = on_deadlock::ignore, .deadlock_after = 1ms}};
    auto [tx, rx] = levada::make_channel<int>(rt);
    std::thread outside{[tx = tx] {
      std::this_thread::sleep_for(50ms);
      (void)tx.blocking_send(7);
    }};
    const int got = rt.block_on([rx = rx]() -> task<int> {
      auto value = co_await rx.receive();
      co_return value ? *value : 0;
    });
    outside.join();
    return got;
  });
  CAPTURE(child.said);
  CHECK(child.returned(7));
  CHECK_FALSE(child.says("deadlock"));
}

TEST_CASE(
  "SIGUSR1 prints every runtime that asked for it, as often as it "
  "comes") {
  const auto child = test::in_child([] {
    overheard errors;
    bool all = true;
    {
      runtime first{{.workers = 1, .dump_on_sigusr1 = true}};
      runtime second{{.workers = 1, .dump_on_sigusr1 = true}};
      auto [tx, rx] = levada::make_channel<int>(first, {.name = "watched"});
      auto [tx2, rx2] = levada::make_channel<int>(second, {.name = "too"});
      first.spawn(levada::task_options{.name = "hanging"}, take_all, rx)
        .detach();
      all = test::eventually(
        [&, rx = rx] { return rx.info().waiting_receivers == 1; });
      for (std::size_t times = 1; times <= 3; ++times) {
        std::raise(SIGUSR1);
        all = all && test::eventually([&] {
                const auto text = errors.text();
                return count_of(text, "\"hanging\": waits in receive") == times
                       && count_of(text, "\"too\": open") == times;
              });
      }
    }
    return all ? 0 : 1;
  });
  CAPTURE(child.said);
  CHECK(child.returned(0));
}

namespace {
void earlier_handler(int) {
}
} // namespace

TEST_CASE(
  "the handler of SIGUSR1 that was there before comes back, and a "
  "later runtime can take it again") {
  const auto child = test::in_child([] {
    const auto handler = [] {
      struct sigaction current{};
      sigaction(SIGUSR1, nullptr, &current);
      return current.sa_handler;
    };
    std::signal(SIGUSR1, earlier_handler);
    for (int round = 0; round < 10; ++round) {
      {
        runtime rt{{.workers = 1, .dump_on_sigusr1 = true}};
        if (handler() == earlier_handler)
          return 1;
      }
      if (handler() != earlier_handler)
        return 2;
    }
    return 0;
  });
  CHECK(child.returned(0));
}

TEST_CASE("runtimes that dump on SIGUSR1 come and go from several threads",
          "[stress]") {
  const auto child = test::in_child([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([] {
        for (int round = 0; round < 200; ++round)
          runtime rt{{.workers = 1, .dump_on_sigusr1 = true}};
      });
    for (auto& each : threads)
      each.join();
    return 0;
  });
  CHECK(child.returned(0));
}
