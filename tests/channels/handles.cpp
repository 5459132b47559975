// Handles: nil, counted, weak, directional, and values like any other.
#include <stdexcept>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/map.hpp>
#include <levada/channels/merge.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/channels/timer.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;

static_assert(std::is_convertible_v<levada::channel<int>, sender<int>>);
static_assert(std::is_convertible_v<levada::channel<int>, receiver<int>>);
static_assert(!std::is_constructible_v<levada::channel<int>, sender<int>>);
static_assert(!std::is_constructible_v<levada::channel<int>, receiver<int>>);
static_assert(!std::is_constructible_v<sender<int>, receiver<int>>);
static_assert(!std::is_constructible_v<receiver<int>, sender<int>>);
static_assert(std::is_nothrow_move_constructible_v<sender<int>>);
static_assert(std::is_nothrow_copy_constructible_v<receiver<int>>);
static_assert(sizeof(sender<int>) <= 2 * sizeof(void*));

TEST_CASE(
  "the factory returns both ends by name, in the order tx, rx (X-11, "
  "S-04)") {
  runtime rt{{.workers = 1}};
  auto ends = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(ends.tx.try_send(1));
  CHECK(ends.rx.try_receive().value() == 1);
  auto [tx, rx] = make_channel<int>(rt);
  static_assert(std::is_same_v<decltype(tx), sender<int>>);
  static_assert(std::is_same_v<decltype(rx), receiver<int>>);
}

TEST_CASE("a default-constructed handle is nil (G-02)") {
  const sender<int> tx;
  const receiver<int> rx;
  CHECK_FALSE(tx);
  CHECK_FALSE(rx);
  CHECK(tx.id() == 0);
  CHECK(rx.name().empty());
  CHECK(tx.size() == 0);
  CHECK(tx.capacity() == 0);
  CHECK(rx.capacity() == 0);
  CHECK_FALSE(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(tx.try_send(1).full());
  CHECK(rx.try_receive().empty());
  CHECK_FALSE(tx.close_record());
  CHECK(tx.stats().sent == 0);
}

TEST_CASE("operations on nil wait until they are cancelled (G-02)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  std::stop_source stop;
  auto sending = rt.spawn(
    [](std::stop_token token) -> task<bool> {
      const sender<int> nil;
      auto sent = co_await nil.send(5, token);
      co_return sent.cancelled() && sent.value() == 5;
    },
    stop.get_token());
  auto receiving = rt.spawn(
    [](std::stop_token token) -> task<bool> {
      const receiver<int> nil;
      auto got = co_await nil.receive(token);
      co_return got.cancelled();
    },
    stop.get_token());
  auto timed = rt.spawn([]() -> task<bool> {
    const receiver<int> nil;
    auto got = co_await nil.receive_for(1h);
    co_return got.timed_out();
  });
  until([&] { return clock.armed() == 1; });
  CHECK_FALSE(sending.done());
  CHECK_FALSE(receiving.done());
  stop.request_stop();
  CHECK(sending.blocking_join());
  CHECK(receiving.blocking_join());
  CHECK_FALSE(timed.done());
  clock.advance(1h);
  CHECK(timed.blocking_join());
}

TEST_CASE("a nil sender and a nil receiver do not meet (G-02)") {
  const sender<int> tx;
  const receiver<int> rx;
  CHECK(rx.blocking_receive_for(1ms).timed_out());
  bool received_nothing = false;
  std::jthread waiting{
    [&] { received_nothing = rx.blocking_receive_for(50ms).timed_out(); }};
  CHECK(tx.blocking_send_for(1, 20ms).timed_out());
  waiting.join();
  CHECK(received_nothing);
}

TEST_CASE("tasks that wait on nil end when the runtime stops (G-02)") {
  runtime rt{{.workers = 1}};
  auto waiting = rt.spawn([]() -> task<bool> {
    const receiver<int> nil;
    auto got = co_await nil.receive();
    co_return got.cancelled();
  });
  until([&] {
    const auto tasks = rt.tasks();
    return !tasks.empty() && tasks[0].reason != levada::wait_reason::nothing;
  });
  CHECK(rt.stop(20s).clean);
  CHECK(waiting.blocking_join());
}

TEST_CASE(
  "copying counts another handle, moving does not, a moved-from one is "
  "nil (B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  CHECK(tx.info().sender_handles == 1);
  CHECK(tx.info().receiver_handles == 1);
  auto copy = rx;
  CHECK(tx.info().receiver_handles == 2);
  auto moved = std::move(copy);
  CHECK_FALSE(copy);
  CHECK(tx.info().receiver_handles == 2);
  moved = rx;
  CHECK(tx.info().receiver_handles == 2);
  auto& self = moved;
  moved = self;
  CHECK(tx.info().receiver_handles == 2);
  moved.close();
  CHECK(tx.info().receiver_handles == 1);
  auto detached = moved;
  CHECK(tx.info().receiver_handles == 1);
  CHECK(detached.try_receive().closed());
}

TEST_CASE("handles compare by channel (I-04)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  const auto copy = a.tx;
  CHECK(a.tx == copy);
  CHECK_FALSE(a.tx == b.tx);
  CHECK(sender<int>{} == sender<int>{});
  CHECK_FALSE(a.tx == sender<int>{});
}

TEST_CASE(
  "a weak handle keeps no end open and is upgraded while one is there "
  "(B-02)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const auto weak_tx = tx.downgrade();
  const auto weak_rx = rx.downgrade();
  CHECK(rx.info().sender_handles == 1);
  {
    auto strong = weak_tx.upgrade();
    REQUIRE(strong);
    CHECK(rx.info().sender_handles == 2);
    CHECK(strong.try_send(1));
  }
  tx = {};
  CHECK_FALSE(weak_tx.upgrade());
  CHECK(weak_tx.close_record().reason == levada::close_reason::finished);
  // Closed, but the receiving end lives.
  auto strong = weak_rx.upgrade();
  CHECK(strong.try_receive().value() == 1);
  strong = {};
  rx = {};
  CHECK_FALSE(weak_rx.upgrade());
}

TEST_CASE("the last strong handle may go while weak ones are upgraded (B-02)") {
  runtime rt{{.workers = 1}};
  for (int i = 0; i < 2000; ++i) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    const auto weak = tx.downgrade();
    std::jthread upgrading{[&weak] {
      if (auto strong = weak.upgrade())
        static_cast<void>(strong.try_send(1));
    }};
    tx = {};
    upgrading.join();
    // Whoever was first, it is over now.
    REQUIRE_FALSE(weak.upgrade());
    REQUIRE(weak.close_record().reason == levada::close_reason::finished);
    REQUIRE(conserved(weak.stats()));
  }
}

TEST_CASE("a channel handle is both ends and converts to either (G-11)") {
  runtime rt{{.workers = 1}};
  levada::channel<int> both
    = make_channel<int>(rt, {.name = "b", .capacity = 1});
  const auto give = [](const sender<int>& tx) { return tx.try_send(6); };
  const auto get = [](const receiver<int>& rx) { return rx.try_receive(); };
  CHECK(give(both));
  CHECK(both.size() == 1);
  CHECK(get(both).value() == 6);
  CHECK(both.name() == "b");
  CHECK(both.close());
  CHECK(both.is_closed());
  CHECK_FALSE(both.close("again"));
  CHECK(both.try_send(1).closed());
}

TEST_CASE(
  "ends travel through channels and stay the same channel (G-12, "
  "I-05)") {
  runtime rt{{.workers = 2}};
  using reply = sender<int>;
  auto [requests, serving] = make_channel<std::pair<int, reply>>(rt);
  auto server = rt.spawn(
    [](receiver<std::pair<int, reply>> in) -> task<int> {
      int served = 0;
      while (auto request = co_await in.receive()) {
        auto sent = co_await request->second.send(request->first * 2);
        served += sent ? 1 : 0;
      }
      co_return served;
    },
    std::move(serving));
  auto [tx, rx] = make_channel<int>(rt);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(requests.blocking_send(std::pair<int, reply>(i, tx)));
    CHECK(rx.blocking_receive().value() == 2 * i);
  }
  requests = {};
  CHECK(server.blocking_join() == 10);

  auto [outer_tx, outer_rx] = make_channel<receiver<int>>(rt, {.capacity = 1});
  const auto handles = rx.info().receiver_handles;
  REQUIRE(outer_tx.try_send(rx));
  CHECK(rx.info().receiver_handles == handles + 1);
  CHECK(outer_rx.try_receive().value() == rx);
  CHECK(rx.info().receiver_handles == handles);
}

TEST_CASE("what a task made is gone when the task is, however it ends (F-88)") {
  enum class end { returns, throws, cancelled };
  const auto how = GENERATE(end::returns, end::throws, end::cancelled);
  CAPTURE(static_cast<int>(how));
  levada::manual_clock clock;
  runtime rt{{.workers = 2, .time = &clock}};
  const auto work = [](end how) -> task<> {
    auto [tx, rx] = make_channel<std::string>({.capacity = 4});
    auto sent = co_await tx.send("an item nobody takes");
    levada::event changed;
    levada::timer every{1s, levada::missed_tick::trigger_all};
    levada::select_set set;
    set.add(rx);
    levada::receiver<levada::unit> changes = changed;
    auto either = levada::merge(
      levada::map(changes, [](levada::unit) { return std::string{}; }), rx);
    levada::scope children;
    children.spawn(collect<levada::unit>, changes);
    if (how == end::returns)
      co_return;
    if (how == end::throws)
      throw std::runtime_error{"it went wrong"};
    auto chosen = co_await levada::select(every, changes);
    (void)chosen;
    (void)sent;
  };
  auto working = rt.spawn(work, how);
  if (how == end::cancelled)
    until([&] { return clock.armed() == 1; });
  if (how == end::throws)
    CHECK_THROWS_AS(working.blocking_join(), std::runtime_error);
  if (how == end::returns)
    working.blocking_join();
  if (how == end::cancelled)
    CHECK(rt.stop(30s).clean);
  until([&] { return rt.tasks().empty() && rt.channels().empty(); });
  CHECK(clock.armed() == 0);
}

TEST_CASE("an end that is never received is dropped with its channel (G-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  {
    auto outer = make_channel<sender<int>>(rt, {.capacity = 1});
    REQUIRE(outer.tx.try_send(std::move(tx)));
    CHECK_FALSE(rx.is_closed());
  }
  CHECK(rx.is_closed());
}

TEST_CASE("a channel may hold its own end without hanging anybody (G-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<levada::receiver<int>>(rt, {.capacity = 1});
  using self_type = std::unique_ptr<std::vector<std::shared_ptr<void>>>;
  auto own = make_channel<self_type>(rt, {.capacity = 1});
  auto content = std::make_unique<std::vector<std::shared_ptr<void>>>();
  content->push_back(std::make_shared<receiver<self_type>>(own.rx));
  REQUIRE(own.tx.try_send(std::move(content)));
  own.rx = {};
  // The buffered item still holds a receiver: taking it ends the circle.
  CHECK_FALSE(own.tx.is_closed());
  own.tx.close();
  rt.destroy(own.tx.id());
  CHECK_FALSE(own.tx.has_receivers());
}
