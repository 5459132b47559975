// The credit of an actor, as its senders see it: who may put an item into its
// hands while it is busy, and what becomes of that.
#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;
using levada::send_status;

/// Handles one item for each opening of the gate.
caf::actor slow_listener(runtime& rt, const receiver<int>& in, const gate& hold,
                         const ints& to, std::uint32_t credit) {
  return rt.system().spawn(
    [=](event_based_actor* self, receiver<int> from) {
      on_receive(self, std::move(from),
                 [=](int n) {
                   to.add(n);
                   hold.pass();
                 },
                 {}, {.credit = credit});
    },
    in);
}

/// A channel whose actor handles 0, with the rest of its credit open.
struct held_actor {
  runtime rt{{.workers = 2}};
  levada::channel_ends<int> ends;
  gate hold;
  ints heard;
  caf::actor who;

  held_actor(int capacity, std::uint32_t credit)
      : ends(make_channel<int>(rt, {.capacity = capacity})),
        who(slow_listener(rt, ends.rx, hold, heard, credit)) {
    REQUIRE(ends.tx.blocking_send(0));
    until([&] { return hold.arrived() == 1; });
  }
  ~held_actor() {
    hold.open(1000);
  }
  /// Lets it handle everything: 0 and what was sent then.
  void hear_all(int items) {
    hold.open(items);
    until([&] { return hold.arrived() == items; });
    CHECK(heard.all() == numbers(0, items));
    CHECK(conserved(ends.tx.stats()));
  }
};

} // namespace

TEST_CASE(
  "at a rendezvous senders go on until a busy actor's credit is used up "
  "(U-25)") {
  held_actor at{0, 4};
  const auto& tx = at.ends.tx;
  for (int i = 1; i < 4; ++i)
    CHECK(tx.try_send(i).status() == send_status::delivered);
  CHECK(tx.try_send(4).full());
  CHECK(tx.stats().received == 4);
  CHECK(tx.info().size == 0);
  auto sending = at.rt.spawn(send_numbers, tx, 4, 100);
  until_senders_wait(tx, 1);
  CHECK(tx.stats().received == 4);
  at.hear_all(100);
  CHECK(sending.blocking_join() == 96);
}

TEST_CASE(
  "with a credit of one a rendezvous waits until the handler has returned "
  "(U-25)") {
  held_actor at{0, 1};
  const auto& tx = at.ends.tx;
  CHECK(tx.try_send(1).full());
  auto sending = at.rt.spawn(send_numbers, tx, 1, 3);
  until_senders_wait(tx, 1);
  CHECK(tx.stats().received == 1);
  at.hold.open();
  until([&] { return at.hold.arrived() == 2; });
  until_senders_wait(tx, 1);
  CHECK(tx.stats().received == 2);
  at.hold.open(2);
  CHECK(sending.blocking_join() == 2);
  until([&] { return at.heard.size() == 3; });
  CHECK(at.heard.all() == numbers(0, 3));
}

TEST_CASE("who waits to receive comes before a busy actor's credit") {
  held_actor at{0, 8};
  const auto& tx = at.ends.tx;
  CHECK(tx.try_send(1));
  auto waiting = at.rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return *got;
    },
    at.ends.rx);
  until_receivers_wait(tx, 1);
  CHECK(tx.try_send(10));
  CHECK(waiting.blocking_join() == 10);
  CHECK(tx.try_send(2));
  at.hear_all(3);
}

TEST_CASE(
  "a full buffer moves up into a busy actor's credit, and the order stays") {
  const int capacity = GENERATE(1, 2, 5);
  held_actor at{capacity, 4};
  const auto& tx = at.ends.tx;
  const int most = 4 + capacity;
  for (int i = 1; i < most; ++i) {
    CHECK(tx.try_send(i).status() == send_status::queued);
    CHECK(tx.stats().received == 1U + unsigned(std::max(0, i - capacity)));
  }
  CHECK(tx.try_send(most).full());
  CHECK(tx.stats().received == 4);
  at.hear_all(most);
}

TEST_CASE("a place that becomes free by an actor's credit goes to who waits") {
  held_actor at{1, 2};
  const auto& tx = at.ends.tx;
  CHECK(tx.try_send(1)); // buffered
  auto reserving = at.rt.spawn(
    [](sender<int> out) -> task<levada::permit<int>> {
      auto place = co_await out.reserve();
      co_return std::move(place).value();
    },
    tx);
  until_senders_wait(tx, 1);
  CHECK(tx.try_send(9).full()); // its place is taken by who waited
  auto place = reserving.blocking_join();
  CHECK(place.send(2).status() == send_status::queued);
  at.hear_all(3);
}

TEST_CASE("busy actors of one channel are given items by turns") {
  runtime rt{{.workers = 3}};
  auto [tx, rx] = make_channel<int>(rt);
  const gate hold;
  const ints one;
  const ints two;
  slow_listener(rt, rx, hold, one, 4);
  slow_listener(rt, rx, hold, two, 4);
  until_receivers_wait(rx, 2);
  REQUIRE(tx.try_send(0));
  REQUIRE(tx.try_send(1));
  until([&] { return hold.arrived() == 2; });
  for (int i = 2; i < 8; ++i)
    CHECK(tx.try_send(i));
  CHECK(tx.try_send(8).full());
  hold.open(8);
  until([&] { return one.size() + two.size() == 8; });
  // (which of them has the first of a round, is for the workers to say)
  const auto rest_of_one = [&](const ints& heard) {
    auto all = heard.all();
    all.erase(all.begin());
    return all;
  };
  auto evens = rest_of_one(one);
  auto odds = rest_of_one(two);
  if (evens.front() != 2)
    std::swap(evens, odds);
  CHECK(evens == std::vector{2, 4, 6});
  CHECK(odds == std::vector{3, 5, 7});
}

TEST_CASE("what lies in a dead actor's credit is next again, in order (U-25)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const gate hold;
  const bool quits = GENERATE(true, false);
  const auto who = rt.system().spawn(
    [=](event_based_actor* self, receiver<int> from) {
      on_receive(self, std::move(from),
                 [=](int) {
                   hold.pass();
                   if (quits)
                     self->quit(caf::exit_reason::user_shutdown);
                   else
                     throw std::runtime_error("an item too many");
                 },
                 {}, {.credit = 8});
    },
    rx);
  until_receivers_wait(rx, 1);
  for (int i = 0; i < 6; ++i)
    REQUIRE(tx.blocking_send(i));
  auto sending = rt.spawn(send_numbers, tx, 6, 12);
  until([&] { return hold.arrived() == 1; });
  hold.open();
  CHECK(end_of(rt.system(), who) != "it did not end");
  auto got = numbers(0, 1);
  for (int i = 1; i < 12; ++i) {
    auto next = rx.blocking_receive();
    REQUIRE(next);
    got.push_back(*next);
  }
  CHECK(got == numbers(0, 12));
  CHECK(sending.blocking_join() == 6);
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().received == 12);
}

TEST_CASE("closing leaves what is in an actor's credit, and then it ends") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const gate hold;
  const ints heard;
  rt.system().spawn(
    [=](event_based_actor* self, receiver<int> from) {
      on_receive(
        self, std::move(from),
        [=](int n) {
          heard.add(n);
          hold.pass();
        },
        [=] { heard.add(-1); }, {.credit = 4});
    },
    std::move(rx));
  until_receivers_wait(tx, 1);
  for (int i = 0; i < 4; ++i)
    REQUIRE(tx.blocking_send(i));
  REQUIRE(tx.close());
  CHECK(tx.try_send(4).error() == errc::closed);
  hold.open(4);
  until([&] { return heard.size() == 5; });
  CHECK(heard.all() == std::vector{0, 1, 2, 3, -1});
}

TEST_CASE(
  "send_and_wait and a select's send succeed by an actor's credit "
  "(U-25)") {
  held_actor at{0, 3};
  at.rt.block_on(
    [](sender<int> out) -> task<> {
      auto got = co_await out.send_and_wait(1);
      if (!got)
        throw std::logic_error("not received");
      auto chosen = co_await levada::select(levada::sending(out, 2));
      if (!chosen.get<0>())
        throw std::logic_error("not sent");
    },
    at.ends.tx);
  CHECK(at.ends.tx.try_send(3).full());
  at.hear_all(3);
}

TEST_CASE("send_and_wait waits in the buffer that a credit has emptied") {
  held_actor at{1, 2};
  const auto& tx = at.ends.tx;
  CHECK(tx.try_send(1));
  auto waiting = at.rt.spawn(
    [](sender<int> out) -> task<bool> {
      auto got = co_await out.send_and_wait(2);
      co_return static_cast<bool>(got);
    },
    tx);
  until([&] { return tx.stats().received == 2 && tx.info().size == 1; });
  CHECK(tx.try_send(3).full());
  at.hear_all(3);
  CHECK(waiting.blocking_join());
}

TEST_CASE("credit stays granted in the channels that did not end a wait") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  const ints heard;
  const gate hold;
  rt.system().spawn(
    [=](event_based_actor* self, receiver<int> one, receiver<int> two) {
      const auto hear = [=](int n) {
        heard.add(n);
        hold.pass();
      };
      on_select(self, {.credit = 8}, when(std::move(one), hear),
                when(std::move(two), hear));
    },
    a.rx, b.rx);
  for (int round = 0; round < 10; ++round) {
    until_receivers_wait(a.tx, 1);
    until_receivers_wait(b.tx, 1);
    const auto from = static_cast<int>(heard.size());
    REQUIRE(b.tx.blocking_send(from));
    until([&] { return hold.arrived() == from + 1; });
    for (int i = 1; i < 5; ++i)
      CHECK(a.tx.try_send(from + i));
    CHECK(a.tx.try_send(-1).full());
    hold.open(5);
    until([&] { return hold.arrived() == from + 5; });
  }
  CHECK(heard.all() == numbers(0, 50));
}
