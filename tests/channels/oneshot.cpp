// oneshot: one value, once, or none.
#include <memory>

#include <levada/channels/oneshot.hpp>
#include <levada/channels/select.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::close_reason;
using levada::make_oneshot;
using levada::oneshot_sender;

template <class S>
concept sends_as_lvalue = requires(S& tx) { tx.send(1); };
static_assert(!sends_as_lvalue<oneshot_sender<int>>);
static_assert(!std::is_copy_constructible_v<oneshot_sender<int>>);

TEST_CASE("a oneshot delivers one value, then closed (F-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<std::string>(rt, {.name = "answer"});
  CHECK(tx.name() == "answer");
  auto sent = std::move(tx).send("yes");
  CHECK(sent);
  CHECK(rx.blocking_receive().value() == "yes");
  CHECK(rx.blocking_receive().closed());
  CHECK(rx.is_closed());
  CHECK(rx.close_record().reason == close_reason::finished);
}

TEST_CASE("a second send fails: the sender is used up (F-15, F-16)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<int>(rt);
  REQUIRE(std::move(tx).send(1));
  CHECK(tx.is_closed());
  auto again = std::move(tx).send(2);
  CHECK(again.error() == errc::sender_closed);
  CHECK(again.value() == 2);
  CHECK(rx.drain() == numbers(1, 2));
  oneshot_sender<int> other;
  CHECK(other.is_closed());
  CHECK(std::move(other).send(3).error() == errc::sender_closed);
  auto third = make_oneshot<int>(rt);
  auto moved = std::move(third.tx);
  CHECK(std::move(third.tx).send(4).error() == errc::sender_closed);
  CHECK(std::move(moved).send(5));
}

TEST_CASE(
  "closed or dropped before the send: the receiver gets closed (F-15)") {
  const auto dropped = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<int>(rt);
  auto waiting = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  if (dropped) {
    tx = {};
  } else {
    CHECK(tx.close());
    CHECK_FALSE(tx.close());
  }
  CHECK(waiting.blocking_join().empty());
  CHECK(std::move(tx).send(1).error() == errc::sender_closed);
}

TEST_CASE("closing after the send leaves the value to be received (F-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<int>(rt);
  REQUIRE(std::move(tx).send(1));
  CHECK_FALSE(tx.close());
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.blocking_receive().value() == 1);
  CHECK(rx.is_closed());
}

TEST_CASE("a cause given instead of a value reaches the receiver (F-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<int>(rt);
  CHECK(tx.close("no answer"));
  CHECK(rx.try_receive().closed());
  CHECK(rx.close_record().reason == close_reason::failed);
  CHECK(to_string(rx.close_record()).find("no answer") != std::string::npos);
}

TEST_CASE("the sender learns that nobody waits for the value any more (B-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<int>(rt);
  CHECK_FALSE(tx.is_closed());
  auto working = rt.spawn(
    [](oneshot_sender<int> out) -> task<int> {
      auto gone = co_await out.closed();
      auto sent = std::move(out).send(7);
      co_return gone&& sent.closed() ? sent.value() : -1;
    },
    std::move(tx));
  until([&] {
    const auto tasks = rt.tasks();
    return tasks.size() == 1 && tasks[0].reason == levada::wait_reason::closing;
  });
  rx.close();
  CHECK(working.blocking_join() == 7);
}

TEST_CASE(
  "a value sent to nobody is handed back, a value nobody took is a dead "
  "letter (F-15)") {
  runtime rt{{.workers = 1}};
  std::vector<int> letters;
  levada::oneshot_options<int> options;
  options.on_dead_letter = [&letters](int&& item, levada::dead_letter_reason) {
    letters.push_back(item);
  };
  auto first = make_oneshot<int>(rt, options);
  first.rx.close();
  auto sent = std::move(first.tx).send(1);
  CHECK(sent.closed());
  CHECK(sent.value() == 1);
  CHECK(letters.empty());
  auto second = make_oneshot<int>(rt, options);
  REQUIRE(std::move(second.tx).send(2));
  second.rx = {};
  CHECK(letters == numbers(2, 3));
}

TEST_CASE(
  "the receiver is a receiver like any: it waits, copies, and stands in a "
  "select (F-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<std::unique_ptr<int>>(rt);
  auto choosing = rt.spawn(
    [](receiver<std::unique_ptr<int>> in) -> task<int> {
      auto chosen = co_await levada::select(in, levada::after(1h));
      auto* got = chosen.from(in);
      const bool right = got != nullptr && *got;
      co_return right ? ***got : -1;
    },
    rx);
  until_receivers_wait(rx, 1);
  auto sent = std::move(tx).send(std::make_unique<int>(3));
  CHECK(sent.status() == send_status::delivered);
  CHECK(choosing.blocking_join() == 3);
}

TEST_CASE("a sender whose value cannot be made is not used up (F-15)") {
  struct hostile {
    explicit hostile(int* moves) : left(moves) {
    }
    hostile(hostile&& other) : left(other.left) {
      if (--*left < 0)
        throw std::runtime_error{"no"};
    }
    int* left;
  };
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_oneshot<hostile>(rt);
  int moves = 0;
  CHECK_THROWS_AS(std::move(tx).send(hostile{&moves}), std::runtime_error);
  moves = 10;
  CHECK(std::move(tx).send(hostile{&moves}));
  CHECK(rx.try_receive());
}

TEST_CASE("send and close race: the value arrives or comes back (F-15)",
          "[stress]") {
  runtime rt{{.workers = 2}};
  for (int i = 0; i < 20'000; ++i) {
    auto [tx, rx] = make_oneshot<int>(rt);
    auto sending = rt.spawn(
      [](oneshot_sender<int> out, int item) -> task<bool> {
        auto sent = std::move(out).send(item);
        co_return static_cast<bool>(sent);
      },
      std::move(tx), i);
    const auto watch = rx.downgrade();
    const auto got = rx.try_receive();
    rx = {};
    const bool sent = sending.blocking_join();
    if (got)
      REQUIRE((sent && *got == i));
    const auto stats = watch.stats();
    REQUIRE(conserved(stats));
    REQUIRE(stats.dead_lettered == (sent && !got ? 1U : 0U));
  }
}
