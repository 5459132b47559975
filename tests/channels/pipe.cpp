// pipe: sends on whatever a receiver gives.
#include <levada/channels/pipe.hpp>

#include <atomic>

#include <levada/channels/map.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

struct alignas(32) wide {
  int number = 0;
};

} // namespace

TEST_CASE("a pipe sends on what it receives, once it is started (F-86)") {
  for (const auto& from : waiting_flavours())
    for (const auto& to : waiting_flavours()) {
      CAPTURE(from, to);
      runtime rt{{.workers = 2}};
      auto in = make_channel<int>(rt, from.options<int>());
      auto out = make_channel<int>(rt, to.options<int>());
      levada::pipe through{
        rt, std::move(in.rx), std::move(out.tx), {.propagate_close = true}};
      CHECK_FALSE(through.is_running());
      CHECK(through.start());
      CHECK_FALSE(through.start());
      auto sending = rt.spawn(send_numbers, std::move(in.tx), 0, 200);
      CHECK(rt.block_on(collect<int>, out.rx) == numbers(0, 200));
      CHECK(sending.blocking_join() == 200);
      through.blocking_join();
      CHECK_FALSE(through.is_running());
    }
}

TEST_CASE(
  "the end of the input closes the output only where that was asked for "
  "(F-86)") {
  for (const bool propagate : {false, true}) {
    CAPTURE(propagate);
    runtime rt{{.workers = 2}};
    auto in = make_channel<int>(rt, {.capacity = 1});
    auto out = make_channel<int>(rt, {.capacity = 1});
    levada::pipe through{rt, in.rx, out.tx, {.propagate_close = propagate}};
    through.start();
    REQUIRE(in.tx.blocking_send(1));
    in.tx.close();
    through.blocking_join();
    CHECK(*out.rx.try_receive() == 1);
    CHECK(out.tx.is_closed() == propagate);
  }
}

TEST_CASE("the end of the output gives the item back to the input (F-86)") {
  for (const bool propagate : {false, true}) {
    CAPTURE(propagate);
    runtime rt{{.workers = 2}};
    auto in = make_channel<int>(rt, {.capacity = 2});
    auto out = make_channel<int>(rt);
    const auto mine = in.rx;
    levada::pipe through{
      rt, std::move(in.rx), out.tx, {.propagate_close = propagate}};
    REQUIRE(in.tx.try_send(1));
    REQUIRE(in.tx.try_send(2));
    through.start();
    until_senders_wait(out.tx, 1);
    out.rx.close();
    through.blocking_join();
    CHECK(in.tx.info().receiver_handles == (propagate ? 1 : 2));
    CHECK(*mine.try_receive() == 1);
    CHECK(*mine.try_receive() == 2);
    CHECK(conserved(in.tx.stats()));
  }
}

TEST_CASE(
  "stopping loses nothing: the item in flight goes back to the front "
  "(F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<int>(rt, {.capacity = 4});
  auto out = make_channel<int>(rt);
  const auto mine = in.rx;
  levada::pipe through{rt, std::move(in.rx), out.tx};
  through.blocking_stop(); // nothing to stop
  for (int i = 1; i <= 3; ++i)
    REQUIRE(in.tx.try_send(i));
  CHECK(through.start());
  until_senders_wait(out.tx, 1); // it has the first one in hand
  CHECK(in.tx.size() == 2);
  through.blocking_stop();
  CHECK_FALSE(through.is_running());
  through.blocking_stop();
  CHECK(in.tx.size() == 3);
  CHECK(out.tx.info().waiting_senders == 0);
  CHECK(*mine.try_receive() == 1);
  CHECK(through.start());
  CHECK(*out.rx.blocking_receive() == 2);
  CHECK(*out.rx.blocking_receive() == 3);
  CHECK(through.take_kept() == nullptr);
  CHECK_FALSE(out.tx.is_closed());
}

TEST_CASE(
  "an item that cannot go back is sent first at the next start (F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<int>(rt, {.capacity = 4});
  auto out = make_channel<int>(rt);
  levada::pipe through{
    rt, levada::map(std::move(in.rx), [](int n) { return n * 10; }), out.tx};
  for (int i = 1; i <= 3; ++i)
    REQUIRE(in.tx.try_send(i));
  through.start();
  until_senders_wait(out.tx, 1);
  through.blocking_stop();
  CHECK(in.tx.size() == 2);
  through.start();
  CHECK(*out.rx.blocking_receive() == 10);
  until_senders_wait(out.tx, 1);
  through.blocking_stop();
  const auto kept = through.take_kept();
  REQUIRE(kept != nullptr);
  CHECK(*kept == 20);
  CHECK(through.take_kept() == nullptr);
  through.start();
  CHECK(*out.rx.blocking_receive() == 30);
}

TEST_CASE("starting and stopping all the time loses and swaps nothing (F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<std::string>(rt, {.capacity = 3});
  auto out = make_channel<std::string>(rt, {.capacity = 2});
  levada::pipe through{rt, std::move(in.rx), out.tx};
  std::atomic<bool> over{false};
  std::thread nervous{[&] {
    while (!over) {
      through.start();
      through.blocking_stop();
    }
    through.start();
  }};
  const auto send_all = [](sender<std::string> to) -> task<> {
    for (int i = 0; i < 3000; ++i) {
      auto text = std::to_string(i);
      auto sent = co_await to.send(std::move(text));
      sent.check();
    }
  };
  auto sending = rt.spawn(send_all, in.tx);
  const auto check_all = [](receiver<std::string> from) -> task<bool> {
    bool right = true;
    for (int i = 0; i < 3000; ++i) {
      const auto got = co_await from.receive();
      right = right && got && *got == std::to_string(i);
    }
    co_return right;
  };
  CHECK(rt.block_on(check_all, out.rx));
  over = true;
  nervous.join();
  sending.blocking_join();
  CHECK(in.tx.size() == 0);
}

TEST_CASE("a pipe that goes gives its item back, too (F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<std::unique_ptr<int>>(rt, {.capacity = 1});
  auto out = make_channel<std::unique_ptr<int>>(rt);
  const auto mine = in.rx;
  {
    levada::pipe through{rt, in.rx, out.tx};
    through.start();
    REQUIRE(in.tx.blocking_send(std::make_unique<int>(7)));
    until_senders_wait(out.tx, 1);
    auto moved = std::move(through);
    CHECK(moved.is_running());
    CHECK_THROWS_AS(through.start(), levada::channel_error); // NOLINT
  }
  CHECK(**mine.blocking_receive() == 7);
}

TEST_CASE(
  "what the input throws is thrown by stop, or closes the output (F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<int>(rt, {.capacity = 4});
  auto out = make_channel<int>(rt, {.capacity = 4});
  const auto no_two = [](int n) {
    if (n == 2)
      throw std::runtime_error{"two"};
    return n;
  };
  for (int i = 1; i <= 3; ++i)
    REQUIRE(in.tx.try_send(i));
  SECTION("stop throws it once, and it can go on") {
    levada::pipe through{rt, levada::map(in.rx, no_two), out.tx};
    through.start();
    until([&] { return !through.is_running(); });
    CHECK_THROWS_WITH(through.blocking_stop(), "two");
    through.blocking_stop();
    CHECK(*out.rx.try_receive() == 1);
    CHECK_FALSE(out.tx.is_closed());
    through.start();
    CHECK(*out.rx.blocking_receive() == 3);
  }
  SECTION("it is the cause of the closing") {
    levada::pipe through{rt,
                         levada::map(std::move(in.rx), no_two),
                         out.tx,
                         {.propagate_close = true}};
    through.start();
    through.blocking_join();
    CHECK(*out.rx.try_receive() == 1);
    CHECK(out.rx.is_closed());
    const auto record = out.rx.close_record();
    CHECK(record.reason == levada::close_reason::failed);
    CHECK_THROWS_WITH(std::rethrow_exception(record.cause), "two");
    CHECK(in.tx.is_closed());
  }
}

TEST_CASE("an error that nobody asks for reaches the runtime (F-86)") {
  std::atomic<int> failures{0};
  levada::runtime_options options{.workers = 2};
  options.on_failure = [&](const levada::unjoined_failure&) { ++failures; };
  runtime rt{options};
  auto in = make_channel<int>(rt, {.capacity = 1});
  auto out = make_channel<int>(rt, {.capacity = 1});
  {
    levada::pipe through{
      rt,
      levada::map(in.rx, [](int) -> int { throw std::runtime_error{"no"}; }),
      out.tx};
    through.start();
    REQUIRE(in.tx.blocking_send(1));
    until([&] { return !through.is_running(); });
    CHECK(failures == 0);
  }
  until([&] { return failures == 1; });
}

TEST_CASE("a pipe in a task converts, and is stopped with co_await (F-86)") {
  runtime rt{{.workers = 2}};
  const auto work = []() -> task<double> {
    auto in = make_channel<int>({.capacity = 2});
    auto out = make_channel<double>();
    levada::pipe through{in.rx, out.tx};
    through.start();
    auto sent = co_await in.tx.send(3);
    sent.check();
    auto got = co_await out.rx.receive();
    const double result = *got;
    co_await through.stop();
    co_await through.stop();
    co_return through.is_running() ? 0.0 : result;
  };
  CHECK(rt.block_on(work) == 3.0);
}

TEST_CASE("over-aligned items pass a pipe (F-86)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<wide>(rt, {.capacity = 1});
  auto out = make_channel<wide>(rt);
  levada::pipe through{rt, in.rx, out.tx};
  through.start();
  REQUIRE(in.tx.blocking_send(wide{5}));
  until_senders_wait(out.tx, 1);
  through.blocking_stop();
  through.start();
  CHECK(out.rx.blocking_receive()->number == 5);
}

TEST_CASE("a pipe ends with its runtime and gives its item back (F-86)") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 2});
  auto in = make_channel<int>(*rt, {.capacity = 1});
  auto out = make_channel<int>(*rt);
  std::optional<levada::pipe<int>> through;
  through.emplace(*rt, in.rx, out.tx);
  through->start();
  REQUIRE(in.tx.blocking_send(1));
  until_senders_wait(out.tx, 1);
  rt->stop();
  CHECK_FALSE(through->is_running());
  CHECK(*in.rx.try_receive() == 1);
  CHECK_THROWS_AS(through->start(), levada::channel_error);
  through.reset();
}
