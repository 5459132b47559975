// context: cancelling down a tree, with deadlines and causes.
#include <atomic>
#include <random>

#include <levada/channels/context.hpp>
#include <levada/channels/select.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::after_func;
using levada::canceller;
using levada::context;
using levada::manual_clock;
using levada::with_cancel;
using levada::with_deadline;
using levada::with_timeout;
using levada::without_cancel;

namespace {

std::string message(const std::exception_ptr& error) {
  if (error == nullptr)
    return "none";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  }
}

/// That it is cancelled in every way one can ask, because of `why`.
void check_cancelled(const context& ctx, errc why, const std::string& cause) {
  CHECK(ctx.err() == why);
  CHECK(ctx.cancelled());
  CHECK(message(ctx.cause()).find(cause) != std::string::npos);
  CHECK(ctx.done().try_receive().closed());
  CHECK(ctx.token().stop_requested());
  CHECK_THROWS(ctx.check());
}

void check_open(const context& ctx) {
  CHECK_FALSE(ctx.err());
  CHECK_FALSE(ctx.cancelled());
  CHECK(ctx.cause() == nullptr);
  CHECK(ctx.done().try_receive().empty());
  CHECK_FALSE(ctx.token().stop_requested());
  CHECK_NOTHROW(ctx.check());
}

} // namespace

TEST_CASE("the background is never cancelled, and done() is nil (G-29)") {
  runtime rt{{.workers = 1}};
  for (const auto& ctx :
       {context{}, context::background(), context::background(rt),
        without_cancel(context::background(rt))}) {
    check_open(ctx);
    CHECK_FALSE(ctx.done());
    CHECK_FALSE(ctx.token().stop_possible());
    CHECK_FALSE(ctx.deadline());
  }
}

TEST_CASE("a context is cancelled once, and stays so (G-29)") {
  runtime rt{{.workers = 1}};
  auto [ctx, cancel] = with_cancel(context::background(rt));
  check_open(ctx);
  CHECK(ctx.done() == ctx.done());
  CHECK(cancel());
  check_cancelled(ctx, errc::cancelled, "cancelled");
  CHECK_FALSE(cancel("too late"));
  check_cancelled(ctx, errc::cancelled, "cancelled");
  CHECK(message(ctx.cause()).find("too late") == std::string::npos);
}

TEST_CASE("whoever waits for done() wakes when it closes (G-29)") {
  runtime rt{{.workers = 2}};
  auto [ctx, cancel] = with_cancel(context::background(rt));
  std::vector<levada::join_handle<bool>> waiting;
  for (int i = 0; i < 5; ++i)
    waiting.push_back(rt.spawn(
      [](context mine) -> task<bool> {
        const auto done = mine.done();
        auto got = co_await done.receive();
        co_return got.closed()
          && mine.err() == errc::cancelled&& mine.token().stop_requested()
               == mine.cancelled();
      },
      ctx));
  until_receivers_wait(ctx.done(), 5);
  cancel();
  for (auto& each : waiting)
    (void)each.blocking_join();
  check_cancelled(ctx, errc::cancelled, "cancelled");
}

TEST_CASE("a cause goes down to the children, and to done()'s record (G-29)") {
  runtime rt{{.workers = 1}};
  auto [ctx, cancel] = levada::with_cancel_cause(context::background(rt));
  auto [child, cancel_child] = with_cancel(ctx);
  auto [grandchild, cancel_grandchild] = with_cancel(child);
  cancel("disk full");
  check_cancelled(ctx, errc::cancelled, "disk full");
  check_cancelled(grandchild, errc::cancelled, "disk full");
  const auto record = grandchild.done().close_record();
  CHECK(record.reason == levada::close_reason::failed);
  CHECK(message(record.cause) == "disk full");
  CHECK(grandchild.cause() == ctx.cause());
  auto [late, cancel_late] = with_cancel(grandchild);
  check_cancelled(late, errc::cancelled, "disk full");
}

TEST_CASE("every kind of cause can be given (G-29)") {
  runtime rt{{.workers = 1}};
  auto a = with_cancel(context::background(rt));
  a.cancel(std::make_error_code(std::errc::io_error));
  try {
    a.ctx.check();
    FAIL("nothing was thrown");
  } catch (const std::system_error& error) {
    CHECK(error.code() == std::errc::io_error);
  }
  auto b = with_cancel(context::background(rt));
  b.cancel(std::make_exception_ptr(std::out_of_range{"far"}));
  CHECK_THROWS_AS(b.ctx.check(), std::out_of_range);
  auto c = with_cancel(context::background(rt));
  c.cancel();
  CHECK_THROWS_AS(c.ctx.check(), levada::operation_cancelled);
}

TEST_CASE("cancelling goes down the tree, never up or aside (G-29)") {
  runtime rt{{.workers = 1}};
  auto [root, cancel_root] = with_cancel(context::background(rt));
  auto [left, cancel_left] = with_cancel(root);
  auto [right, cancel_right] = with_cancel(root);
  auto [below, cancel_below] = with_cancel(left);
  auto apart = without_cancel(left);
  auto [apart_child, cancel_apart] = with_cancel(apart);
  cancel_left();
  CHECK(left.cancelled());
  CHECK(below.cancelled());
  check_open(root);
  check_open(right);
  cancel_root();
  CHECK(right.cancelled());
  check_open(apart_child);
  CHECK_FALSE(apart.done());
}

TEST_CASE("a deadline comes by the runtime's clock (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  const auto background = context::background(rt);
  auto [ctx, cancel] = with_timeout(background, 2s);
  auto [other, cancel_other]
    = with_deadline(background, clock.now() + 3s,
                    std::make_exception_ptr(std::runtime_error{"too slow"}));
  CHECK(ctx.deadline() == clock.now() + 2s);
  until([&] { return clock.armed() == 2; });
  clock.advance(2s - 1ns);
  check_open(ctx);
  clock.advance(1ns);
  CHECK(ctx.done().blocking_receive_for(30s).closed());
  until([&] { return ctx.token().stop_requested(); });
  check_cancelled(ctx, errc::timed_out, "the deadline of a context");
  CHECK_THROWS_AS(ctx.check(), levada::operation_timed_out);
  CHECK_FALSE(cancel());
  check_open(other);
  clock.advance(1s);
  CHECK(other.done().blocking_receive_for(30s).closed());
  until([&] { return other.token().stop_requested(); });
  check_cancelled(other, errc::timed_out, "too slow");
}

TEST_CASE("the first deadline of a context and its parents counts (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  const auto start = clock.now();
  auto [ctx, cancel] = with_timeout(context::background(rt), 2s);
  auto [later, cancel_later] = with_timeout(ctx, 5s);
  auto [sooner, cancel_sooner] = with_timeout(ctx, 1s);
  CHECK(later.deadline() == start + 2s);
  CHECK(sooner.deadline() == start + 1s);
  auto [free, cancel_free] = with_cancel(without_cancel(sooner));
  CHECK_FALSE(free.deadline());
  until([&] { return clock.armed() == 2; }); // none for the later one
  clock.advance(1s);
  CHECK(sooner.done().blocking_receive_for(30s).closed());
  check_open(later);
  clock.advance(1s);
  CHECK(later.done().blocking_receive_for(30s).closed());
  CHECK(later.err() == errc::timed_out);
  check_open(free);
}

TEST_CASE("a deadline that has passed cancels at once (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  for (const auto length : {0s, -1s}) {
    auto [ctx, cancel]
      = with_timeout(context::background(rt), length,
                     std::make_exception_ptr(std::runtime_error{"never"}));
    check_cancelled(ctx, errc::timed_out, "never");
  }
  CHECK(clock.armed() == 0);
}

TEST_CASE("cancelling before the deadline ends its timer and its task (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  {
    auto [ctx, cancel] = with_timeout(context::background(rt), 1h);
    until([&] { return clock.armed() == 1; });
    cancel();
    until([&] { return clock.armed() == 0 && rt.tasks().empty(); });
    check_cancelled(ctx, errc::cancelled, "cancelled");
  }
  until([&] { return rt.channels().empty(); });
}

TEST_CASE("a canceller cancels when it goes, unless detached (G-29)") {
  runtime rt{{.workers = 1}};
  context first;
  context second;
  context third;
  {
    auto [ctx, cancel] = with_cancel(context::background(rt));
    first = ctx;
    auto [other, cancel_other] = with_cancel(context::background(rt));
    second = other;
    cancel_other.detach();
    CHECK_FALSE(cancel_other());
    auto [last, cancel_last] = with_cancel(context::background(rt));
    third = last;
    cancel = std::move(cancel_last); // its first context goes
    CHECK(first.cancelled());
    check_open(third);
  }
  check_open(second);
  CHECK(third.cancelled());
}

TEST_CASE("a context that goes is forgotten by its parent (G-29)") {
  runtime rt{{.workers = 1}};
  auto [root, cancel] = with_cancel(context::background(rt));
  for (int i = 0; i < 1000; ++i) {
    auto [child, cancel_child] = with_cancel(root);
    cancel_child.detach();
  }
  CHECK(rt.channels().size() == 1);
  auto [child, cancel_child] = with_cancel(root);
  cancel();
  CHECK(child.cancelled());
}

TEST_CASE("a context is a case of a select, a token for any operation (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto [ctx, cancel] = with_timeout(context::background(rt), 1s);
  auto selecting = rt.spawn(
    [](context mine, receiver<int> in) -> task<std::size_t> {
      const auto done = mine.done();
      auto chosen = co_await levada::select(in, done);
      co_return chosen.index();
    },
    ctx, rx);
  auto receiving = rt.spawn(
    [](context mine, receiver<int> in) -> task<std::error_code> {
      auto got = co_await in.receive(mine.token());
      co_return got.error();
    },
    ctx, rx);
  until_receivers_wait(rx, 2);
  until([&] { return clock.armed() == 1; });
  clock.advance(1s);
  CHECK(selecting.blocking_join() == 1);
  CHECK(receiving.blocking_join() == errc::cancelled);
  auto sent = tx.blocking_send(5, ctx.token());
  CHECK(sent.cancelled());
  CHECK(sent.take() == 5);
}

TEST_CASE("a nil done() switches its case off (G-29, G-02)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  const auto index = rt.block_on(
    [](receiver<int> in) -> task<std::size_t> {
      const auto done = context::background().done();
      auto chosen = co_await levada::select(done, in);
      co_return chosen.index();
    },
    rx);
  CHECK(index == 1);
}

TEST_CASE("a stopping runtime ends its contexts (G-29)") {
  context ctx;
  canceller cancel;
  {
    runtime rt{{.workers = 1}};
    auto made = with_timeout(context::background(rt), 1h);
    ctx = made.ctx;
    cancel = std::move(made.cancel);
  }
  CHECK(ctx.err() == errc::runtime_stopped);
  CHECK(ctx.done().try_receive().closed());
  CHECK_THROWS_AS(ctx.check(), levada::operation_cancelled);
  CHECK(cancel()); // and its token is stopped at the latest now
  CHECK(ctx.token().stop_requested());
}

TEST_CASE("outside any runtime a context has a token, no channel (G-29)") {
  auto [ctx, cancel] = with_cancel(context{});
  CHECK_THROWS_AS(ctx.done(), levada::channel_error);
  CHECK_THROWS_AS(with_timeout(ctx, 1s), levada::channel_error);
  auto [child, cancel_child] = with_cancel(ctx);
  CHECK_FALSE(child.cancelled());
  cancel();
  CHECK(child.cancelled());
  CHECK(child.token().stop_requested());
}

TEST_CASE("a task's contexts belong to its runtime (G-29)") {
  runtime rt{{.workers = 1}};
  const auto why = rt.block_on([]() -> task<std::error_code> {
    auto made = with_timeout(context{}, 1ms);
    const auto done = made.ctx.done();
    auto got = co_await done.receive();
    (void)got;
    co_return made.ctx.err();
  });
  CHECK(why == errc::timed_out);
}

TEST_CASE("after_func runs once the context is cancelled, not before (G-29)") {
  runtime rt{{.workers = 1}};
  auto [ran_tx, ran] = make_channel<int>(rt, {.capacity = 4});
  auto [ctx, cancel] = with_cancel(context::background(rt));
  const auto tell = [tx = ran_tx](int what) {
    return [tx, what] { (void)tx.try_send(what); };
  };
  auto handle = after_func(ctx, tell(1));
  (void)after_func(ctx, [tx = ran_tx]() -> task<> {
    const int two = 2;
    auto sent = co_await tx.send(two);
    (void)sent;
  });
  auto stopped = after_func(ctx, tell(99));
  CHECK(stopped.stop());
  CHECK_FALSE(stopped.stop());
  CHECK(ran.try_receive().empty());
  cancel();
  CHECK(ran.blocking_receive().value() + ran.blocking_receive().value() == 3);
  CHECK_FALSE(handle.stop());
  (void)after_func(ctx, tell(4)); // of a cancelled one: at once
  CHECK(ran.blocking_receive().value() == 4);
  until([&] { return rt.tasks().empty(); });
  CHECK(ran.try_receive().empty());
  const auto never = after_func(context::background(rt), tell(5));
  CHECK(never.stop());
}

TEST_CASE("after_func does not run when its context goes uncancelled (G-29)") {
  std::atomic<bool> ran{false};
  runtime rt{{.workers = 1}};
  {
    auto [ctx, cancel] = with_cancel(context::background(rt));
    (void)after_func(ctx, [&ran] { ran = true; });
    cancel.detach();
  }
  until([&] { return rt.tasks().empty(); });
  CHECK_FALSE(ran);
  auto [ctx, cancel] = with_cancel(context::background(rt));
  (void)after_func(ctx, [&ran] { ran = true; });
  rt.stop();
  CHECK_FALSE(ran);
}

TEST_CASE("in a tree of any shape exactly what is below is cancelled (G-29)") {
  manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  std::mt19937 random{seed};
  std::vector<levada::cancellable> tree;
  std::vector<std::size_t> parent;
  tree.push_back(with_cancel(context::background(rt)));
  parent.push_back(0);
  for (std::size_t i = 1; i < 100; ++i) {
    parent.push_back(random() % i);
    const auto& above = tree[parent[i]].ctx;
    tree.push_back(random() % 2 == 0 ? with_cancel(above)
                                     : with_timeout(above, 1h));
  }
  const auto chosen = 1 + random() % 98;
  tree[chosen].cancel("this one");
  for (std::size_t i = 0; i < tree.size(); ++i) {
    auto at = i;
    while (at > chosen)
      at = parent[at];
    if ((at == chosen) == tree[i].ctx.cancelled())
      continue;
    FAIL("context " << i << " below " << parent[i] << " is wrong, chosen was "
                    << chosen);
  }
}

TEST_CASE("of many who cancel one is told it was in time (G-29)", "[stress]") {
  runtime rt{{.workers = 2}};
  int wrong = 0;
  for (int round = 0; round < 300; ++round) {
    auto [root, cancel_root] = with_cancel(context::background(rt));
    auto made = std::make_unique<levada::cancellable>(with_cancel(root));
    std::atomic<int> told{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
      threads.emplace_back([&] { told += made->cancel() ? 1 : 0; });
    threads.clear();
    wrong += told != 1 ? 1 : 0;
    // A parent that is cancelled while its children come and go.
    std::jthread parent{[&cancel = cancel_root] { cancel(); }};
    std::jthread children{[&root = root, &wrong] {
      for (int i = 0; i < 20; ++i) {
        auto [child, cancel_child] = with_cancel(root);
        cancel_child.detach();
        const bool cancelled = child.cancelled();
        auto [grandchild, cancel_grandchild] = with_cancel(child);
        if (cancelled && !grandchild.cancelled())
          ++wrong;
      }
    }};
    parent.join();
    children.join();
    wrong += root.cancelled() ? 0 : 1;
  }
  CHECK(wrong == 0);
}
