// Supervision: who is started again, who with it, how often, and in what order
// all are stopped.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <sstream>

#include <levada/channels/for_each_leased.hpp>
#include <levada/channels/supervise.hpp>
#include <levada/runtime/blocking.hpp>
#include <levada/runtime/scope.hpp>

#include "lease_support.hpp"

using namespace levada_tests;
using levada::child_event;
using levada::restart_policy;
using levada::restart_strategy;
using levada::supervision;

namespace {

/// What happened, in order, from any thread.
class diary {
public:
  void note(std::string what) {
    std::lock_guard guard{mutex_};
    lines_.push_back(std::move(what));
  }
  std::vector<std::string> lines() const {
    std::lock_guard guard{mutex_};
    return lines_;
  }
  std::size_t count(const std::string& what) const {
    std::lock_guard guard{mutex_};
    return static_cast<std::size_t>(
      std::count(lines_.begin(), lines_.end(), what));
  }
  void clear() {
    std::lock_guard guard{mutex_};
    lines_.clear();
  }
  std::function<void(const child_event&)> events() {
    return [this](const child_event& event) {
      note(event.child + ' ' + to_string(event.what));
    };
  }

private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Says when it ends, however it does.
class mourner {
public:
  mourner(diary* book, std::string name) : book_(book), name_(std::move(name)) {
  }
  ~mourner() {
    book_->note('-' + name_);
  }
  mourner(const mourner&) = delete;
  mourner& operator=(const mourner&) = delete;

private:
  diary* book_;
  std::string name_;
};

/// Notes that it runs, then does what it is told: "fail", "return", nothing.
task<> obedient(diary* book, std::string name, receiver<std::string> orders) {
  book->note('+' + name);
  const mourner end{book, name};
  auto order = co_await orders.receive();
  if (order && *order == "fail")
    throw std::runtime_error{name + " failed"};
}

struct trio {
  explicit trio(runtime& rt)
      : a(make_channel<std::string>(rt)),
        b(make_channel<std::string>(rt)),
        c(make_channel<std::string>(rt)) {
  }

  supervision plan(levada::supervisor_options options) {
    supervision result{std::move(options)};
    result.child("a", obedient, &book, "a", a.rx);
    result.child("b", obedient, &book, "b", b.rx);
    result.child("c", obedient, &book, "c", c.rx);
    return result;
  }

  bool all_run(std::size_t starts_of_b = 1) const {
    return a.rx.info().waiting_receivers == 1
           && b.rx.info().waiting_receivers == 1
           && c.rx.info().waiting_receivers == 1
           && book.count("+b") == starts_of_b;
  }

  diary book;
  levada::channel_ends<std::string> a, b, c;
};

void await_all(trio& those, std::size_t starts_of_b = 1) {
  until([&] { return those.all_run(starts_of_b); });
}

using strings = std::vector<std::string>;

} // namespace

TEST_CASE(
  "a failed child starts again, and only who the strategy names with "
  "it (U-14)") {
  runtime rt{{.workers = 2}};
  trio those{rt};
  std::stop_source stop;
  const auto strategy
    = GENERATE(restart_strategy::one_for_one, restart_strategy::rest_for_one,
               restart_strategy::one_for_all);
  auto top
    = rt.spawn(levada::supervise,
               those.plan({.strategy = strategy, .stop = stop.get_token()}));
  await_all(those);
  REQUIRE(those.book.lines().size() == 3);
  those.book.clear();
  REQUIRE(those.b.tx.blocking_send("fail"));
  until([&] { return those.book.count("+b") == 1; });
  await_all(those);
  until([&] {
    return those.book.count("+c") == those.book.count("-c")
           && those.book.count("+a") == those.book.count("-a");
  });
  auto lines = those.book.lines();
  // stopped last first; started (on two workers) in any order after that
  switch (strategy) {
    case restart_strategy::one_for_one:
      CHECK(lines == strings{"-b", "+b"});
      break;
    case restart_strategy::rest_for_one:
      REQUIRE(lines.size() == 4);
      std::sort(lines.begin() + 2, lines.end());
      CHECK(lines == strings{"-b", "-c", "+b", "+c"});
      break;
    case restart_strategy::one_for_all:
      REQUIRE(lines.size() == 6);
      std::sort(lines.begin() + 3, lines.end());
      CHECK(lines == strings{"-b", "-c", "-a", "+a", "+b", "+c"});
      break;
  }
  stop.request_stop();
  top.blocking_join();
}

TEST_CASE(
  "children stop in the reverse of their order, each waited for "
  "before the next (U-14)") {
  runtime rt{{.workers = 2}};
  trio those{rt};
  const auto expected = strings{"-c", "-b", "-a"};
  SECTION("by the token") {
    std::stop_source stop;
    auto top
      = rt.spawn(levada::supervise, those.plan({.stop = stop.get_token()}));
    await_all(those);
    those.book.clear();
    stop.request_stop();
    top.blocking_join();
    CHECK(those.book.lines() == expected);
  }
  SECTION("by cancelling the scope") {
    levada::scope scope{rt};
    auto top = scope.spawn(levada::supervise, those.plan({}));
    await_all(those);
    those.book.clear();
    scope.cancel();
    CHECK_THROWS_AS(top.blocking_join(), levada::operation_cancelled);
    CHECK(those.book.lines() == expected);
  }
  SECTION("through a supervisor above") {
    levada::scope scope{rt};
    supervision above;
    above.child("inner", levada::supervise, those.plan({}));
    auto top = scope.spawn(levada::supervise, above);
    await_all(those);
    those.book.clear();
    scope.cancel();
    CHECK_THROWS_AS(top.blocking_join(), levada::operation_cancelled);
    CHECK(those.book.lines() == expected);
  }
}

TEST_CASE("a stopping runtime ends supervisors and children (U-24)") {
  runtime rt{{.workers = 2}};
  trio those{rt};
  supervision above;
  above.child("inner", levada::supervise, those.plan({}));
  auto top = rt.spawn(levada::supervise, above);
  await_all(those);
  CHECK(rt.stop().clean);
  CHECK(top.done()); // cancelled, unless all children had returned before
  CHECK(those.book.lines().size() == 6);
}

TEST_CASE(
  "a supervisor ends when all its children are done, and lets go of "
  "what they held (U-14)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::atomic<int> sum{0};
  supervision plan;
  plan.child(
    "producer",
    [](sender<int> out) -> task<> {
      const int sent = co_await send_numbers(out, 0, 5);
      if (sent != 5)
        throw std::runtime_error{"not sent"};
    },
    std::move(tx));
  plan.child(
    "consumer",
    [](receiver<int> in, std::atomic<int>* all) -> task<> {
      while (auto v = co_await in.receive())
        *all += *v;
    },
    rx, &sum);
  rt.block_on(levada::supervise, std::move(plan));
  CHECK(sum == 10);
}

TEST_CASE(
  "restart policies: permanent always, transient when it failed, "
  "temporary never (U-14)") {
  runtime rt{{.workers = 1}};
  diary book;
  auto [tx, rx] = make_channel<std::string>(rt);
  const auto order = GENERATE(as<std::string>{}, "fail", "return");
  const auto policy
    = GENERATE(restart_policy::permanent, restart_policy::transient,
               restart_policy::temporary);
  std::stop_source stop;
  supervision plan{{.stop = stop.get_token(), .on_event = book.events()}};
  plan.child({.name = "x", .restart = policy}, obedient, &book, "x", rx);
  auto top = rt.spawn(levada::supervise, plan);
  REQUIRE(tx.blocking_send(order));
  const bool again
    = policy == restart_policy::permanent
      || (policy == restart_policy::transient && order == "fail");
  const auto told = order == "fail" ? "x failed" : "x returned";
  if (again) {
    until([&] { return book.lines().size() == 5; });
    auto lines = book.lines();
    std::sort(lines.begin() + 3, lines.end());
    CHECK(lines == strings{"+x", "-x", told, "+x", "x restarted"});
    stop.request_stop();
  }
  top.blocking_join();
  if (!again)
    CHECK(book.lines() == strings{"+x", "-x", told});
}

// -- limits -------------------------------------------------------------------

TEST_CASE(
  "more restarts than allowed within the window make the supervisor "
  "fail with the last error (U-14)") {
  levada::manual_clock time;
  runtime rt{{.workers = 1, .time = &time}};
  trio those{rt};
  auto top = rt.spawn(levada::supervise,
                      those.plan({.max_restarts = 2, .within = 10s}));
  const auto fail = [&](std::size_t starts) {
    await_all(those, starts);
    REQUIRE(those.b.tx.blocking_send("fail"));
  };
  fail(1); // at 0 s
  await_all(those, 2);
  time.advance(10s);
  fail(2); // at 10 s: both ends of the window count, so it is the second
  SECTION("a third one in it") {
    await_all(those, 3);
    those.book.clear();
    REQUIRE(those.b.tx.blocking_send("fail"));
    CHECK_THROWS_WITH(top.blocking_join(), "b failed");
    CHECK(those.book.lines() == strings{"-b", "-c", "-a"});
  }
  SECTION("a third one just after the first has left it") {
    await_all(those, 3);
    time.advance(1ns);
    fail(3);
    await_all(those, 4);
    CHECK_FALSE(top.done());
    REQUIRE(those.b.tx.blocking_send("fail"));
    CHECK_THROWS_WITH(top.blocking_join(), "b failed");
  }
}

TEST_CASE("a permanent child that returns too often is an error, too (U-14)") {
  runtime rt{{.workers = 1}};
  supervision plan{{.max_restarts = 4}};
  std::atomic<int> starts{0};
  plan.child(
    {.name = "hasty", .restart = restart_policy::permanent},
    [](std::atomic<int>* count) -> task<> {
      ++*count;
      co_return;
    },
    &starts);
  try {
    rt.block_on(levada::supervise, std::move(plan));
    FAIL("it did not give up");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::too_many_restarts);
    CHECK(std::string{error.what()}.find("hasty") != std::string::npos);
  }
  CHECK(starts == 5);
}

TEST_CASE(
  "a supervisor that gave up is a failed child of the one above "
  "(U-14)") {
  runtime rt{{.workers = 1}};
  trio those{rt};
  diary above_book;
  supervision above{{.on_event = above_book.events()}};
  above.child("inner", levada::supervise, those.plan({.max_restarts = 0}));
  auto top = rt.spawn(levada::supervise, std::move(above));
  await_all(those, 1);
  REQUIRE(those.b.tx.blocking_send("fail"));
  await_all(those, 2); // all three anew
  CHECK(those.book.count("+a") == 2);
  REQUIRE(those.c.tx.blocking_send("fail"));
  CHECK_THROWS_WITH(top.blocking_join(), "c failed");
  CHECK(above_book.lines()
        == strings{"inner failed", "inner restarted", "inner failed"});
}

TEST_CASE(
  "the backoff grows by its factor up to its limit, and begins again "
  "after a good run (U-14)") {
  levada::manual_clock time;
  runtime rt{{.workers = 1, .time = &time}};
  diary book;
  auto [tx, rx] = make_channel<std::string>(rt);
  std::stop_source stop;
  supervision plan{
    {.max_restarts = 100, .within = 60s, .stop = stop.get_token()}};
  plan.child({.name = "x", .backoff = {.first = 1s, .most = 5s, .factor = 2}},
             obedient, &book, "x", rx);
  auto top = rt.spawn(levada::supervise, std::move(plan));
  std::size_t starts = 1;
  const auto fails_for = [&](levada::duration pause) {
    REQUIRE(tx.blocking_send("fail"));
    until([&] { return time.armed() == 1; });
    time.advance(pause - 1ns);
    CHECK(time.armed() == 1);
    CHECK(book.count("+x") == starts);
    time.advance(1ns);
    ++starts;
    until([&] { return book.count("+x") == starts; });
    until_receivers_wait(rx, 1);
  };
  fails_for(1s);
  fails_for(2s);
  fails_for(4s);
  fails_for(5s);
  fails_for(5s);
  time.advance(60s);
  fails_for(1s);
  SECTION("stopped while it runs") {
  }
  SECTION("stopped while it pauses") {
    REQUIRE(tx.blocking_send("fail"));
    until([&] { return time.armed() == 1; });
  }
  stop.request_stop();
  top.blocking_join();
  CHECK(time.armed() == 0);
}

TEST_CASE("a child that does not stop in time is left behind (U-14)") {
  levada::manual_clock time;
  runtime rt{{.workers = 1, .time = &time}};
  diary book;
  auto [tx, rx] = make_channel<int>(rt);
  auto [done, finished] = make_channel<int>(rt);
  levada::scope scope{rt};
  supervision plan{{.on_event = book.events()}};
  plan.child(
    "before",
    [](diary* all) -> task<> {
      const mourner end{all, "before"};
      co_await levada::sleep_for(24h);
    },
    &book);
  plan.child(
    {.name = "deaf", .stop_timeout = 3s},
    [](receiver<int> in, sender<int> out) -> task<> {
      // told not to wait, it waits for a thread
      const auto wait = [&in] {
        auto v = in.blocking_receive();
        return v ? *v : 0;
      };
      const int got = co_await levada::blocking(wait);
      static_cast<void>(out.try_send(got));
    },
    rx, done);
  auto top = scope.spawn(levada::supervise, std::move(plan));
  until_receivers_wait(rx, 1);
  until([&] { return time.armed() == 1; });
  scope.cancel();
  until([&] { return time.armed() == 2; });
  time.advance(3s - 1ns);
  CHECK(book.lines().empty());
  time.advance(1ns);
  CHECK_THROWS_AS(top.blocking_join(), levada::operation_cancelled);
  CHECK(book.lines() == strings{"deaf left behind", "-before"});
  auto waiting = rt.spawn(collect<int>, finished);
  until_receivers_wait(finished, 1);
  REQUIRE(tx.blocking_send(7));
  done = {};
  CHECK(waiting.blocking_join() == std::vector{7});
}

// -- what may go wrong --------------------------------------------------------

TEST_CASE("a child whose function throws has failed (U-14)") {
  runtime rt{{.workers = 1}};
  int starts = 0;
  diary book;
  supervision plan{{.max_restarts = 2, .on_event = book.events()}};
  plan.child(
    "x",
    [](int* count) -> task<> {
      if (++*count < 3)
        throw std::runtime_error{"no frame"};
      return []() -> task<> { co_return; }();
    },
    &starts);
  rt.block_on(levada::supervise, std::move(plan));
  CHECK(starts == 3);
  CHECK(book.lines()
        == strings{"x failed", "x failed", "x restarted", "x returned"});
}

TEST_CASE(
  "what on_event throws stops the children and the supervisor "
  "(U-14)") {
  runtime rt{{.workers = 1}};
  trio those{rt};
  auto plan = those.plan({.on_event = [](const child_event&) {
    throw std::logic_error{"cannot log"};
  }});
  auto top = rt.spawn(levada::supervise, plan);
  await_all(those);
  those.book.clear();
  REQUIRE(those.b.tx.blocking_send("fail"));
  CHECK_THROWS_WITH(top.blocking_join(), "cannot log");
  CHECK(those.book.lines() == strings{"-b", "-c", "-a"});
}

TEST_CASE("errors of children that are being stopped are told (U-14)") {
  runtime rt{{.workers = 1}};
  diary book;
  std::stop_source stop;
  supervision plan{{.stop = stop.get_token(), .on_event = book.events()}};
  std::atomic<bool> runs{false};
  plan.child(
    "x",
    [](std::atomic<bool>* running) -> task<> {
      running->store(true);
      try {
        co_await levada::sleep_for(24h);
      } catch (const levada::operation_cancelled&) {
        throw std::runtime_error{"cannot clean up"};
      }
    },
    &runs);
  auto top = rt.spawn(levada::supervise, plan);
  until([&] { return runs.load(); });
  stop.request_stop();
  top.blocking_join();
  CHECK(book.lines() == strings{"x failed"});
}

TEST_CASE("plans whose numbers make no sense are refused (U-14)") {
  runtime rt{{.workers = 1}};
  supervision backwards{{.within = -1s}};
  CHECK_THROWS_AS(rt.block_on(levada::supervise, backwards),
                  levada::channel_error);
  supervision shrinking;
  shrinking.child({.backoff = {.factor = 0.5}}, []() -> task<> { co_return; });
  CHECK_THROWS_AS(rt.block_on(levada::supervise, shrinking),
                  levada::channel_error);
  rt.block_on(levada::supervise, supervision{}); // nobody: it ends
}

TEST_CASE(
  "dump shows supervisor and children, with restarts and last error "
  "(U-14)") {
  runtime rt{{.workers = 1}};
  trio those{rt};
  std::stop_source stop;
  auto top
    = rt.spawn(levada::supervise,
               those.plan({.name = "pipeline", .stop = stop.get_token()}));
  await_all(those);
  REQUIRE(those.b.tx.blocking_send("fail"));
  await_all(those, 2);
  std::ostringstream out;
  rt.dump(out);
  CHECK(out.str().find("\"pipeline/a\"") != std::string::npos);
  CHECK(out.str().find("\"pipeline/b, restart 1 after: b failed\"")
        != std::string::npos);
  CHECK(out.str().find("\"levada::supervise\"") != std::string::npos);
  stop.request_stop();
  top.blocking_join();
}

// -- with leases --------------------------------------------------------------

TEST_CASE(
  "items a failing stage had leased are seen again, and poison goes to a "
  "channel after n tries, with its reason (N-01, N-03, U-14)") {
  runtime rt{{.workers = 2}};
  struct letter {
    int item;
    unsigned deliveries;
    std::string reason;
  };
  auto [dead, letters]
    = make_channel<letter>(rt, {.capacity = levada::unbounded});
  levada::channel_options<int> options{.capacity = 4};
  options.on_poison = [out = dead](int&& item, const poison_info& why) {
    static_cast<void>(out.try_send(letter{item, why.deliveries, why.reason}));
  };
  auto [tx, rx] = make_channel<int>(rt, options);
  dead = {};
  options = {}; // the channel alone keeps the letters' channel open
  diary book;
  supervision plan{{.max_restarts = 100, .on_event = book.events()}};
  std::vector<std::atomic<int>> worked(20);
  plan.child(
    "producer",
    [](sender<int> out) -> task<> {
      const int sent = co_await send_numbers(out, 0, 20);
      if (sent != 20)
        throw std::logic_error{"not all were sent"};
    },
    std::move(tx));
  const auto work = [](receiver<int> in, std::vector<std::atomic<int>>* all) {
    return levada::for_each_leased(
      in,
      [all](int& item) {
        if (item % 7 == 3)
          throw std::runtime_error{"cannot digest " + std::to_string(item)};
        ++(*all)[static_cast<std::size_t>(item)];
      },
      {.max_deliveries = 3});
  };
  plan.child("one", work, rx, &worked);
  plan.child("two", work, std::move(rx), &worked);
  rt.block_on(levada::supervise, std::move(plan));
  for (int i = 0; i < 20; ++i)
    CHECK(worked[static_cast<std::size_t>(i)] == (i % 7 == 3 ? 0 : 1));
  std::vector<int> poison;
  for (auto& each : letters.blocking()) { // closed: the channel has gone
    poison.push_back(each.item);
    CHECK(each.deliveries == 3);
    CHECK(each.reason == "cannot digest " + std::to_string(each.item));
  }
  std::sort(poison.begin(), poison.end());
  CHECK(poison == std::vector{3, 10, 17});
  CHECK(book.count("one failed") + book.count("two failed") == 9);
}

TEST_CASE(
  "for_each_leased goes on after failures it may tell of, and passes "
  "others on (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(i));
  tx = {};
  int told = 0;
  std::vector<int> seen;
  const auto work = [&seen](int& item) -> task<> {
    seen.push_back(item);
    if (item == 1)
      throw std::runtime_error{"one"};
    co_return;
  };
  SECTION("told") {
    rt.block_on(levada::for_each_leased(
      rx, work,
      {.max_deliveries = 2,
       .on_failure = [&told](std::exception_ptr) { ++told; }}));
    CHECK(seen == std::vector{0, 1, 1, 2});
    CHECK(told == 2);
    CHECK(rx.stats().dead_lettered == 1);
  }
  SECTION("passed on") {
    CHECK_THROWS_WITH(rt.block_on(levada::for_each_leased(rx, work)), "one");
    CHECK(seen == std::vector{0, 1});
    CHECK(rx.try_lease().last_reason() == "one");
  }
}
