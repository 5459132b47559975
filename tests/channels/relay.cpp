// relay: one sender that sends to several channels.
#include <levada/channels/relay.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::relay;
using levada::relay_policy;
using levada::relay_result;
using levada::relay_sender;

namespace {

task<relay_result<int>> send_one(relay_sender<int> out, int value) {
  co_return co_await out.send(value);
}

task<int> send_range(relay_sender<int> out, int first, int last) {
  int went = 0;
  for (int i = first; i < last; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
    ++went;
  }
  co_return went;
}

struct copies_twelve {
  explicit copies_twelve(int number) noexcept : number(number) {
  }
  copies_twelve(const copies_twelve& other) : number(other.number) {
    if (number != 12)
      throw std::runtime_error{"not twelve"};
  }
  copies_twelve(copies_twelve&&) noexcept = default;
  copies_twelve& operator=(const copies_twelve&) = delete;
  ~copies_twelve() = default;
  int number;
};

} // namespace

TEST_CASE("every target of a relay gets everything, in order (F-87)") {
  for (const auto policy : {relay_policy::all, relay_policy::any})
    for (const auto& kind : waiting_flavours()) {
      CAPTURE(kind, static_cast<int>(policy));
      runtime rt{{.workers = 2}};
      auto a = make_channel<int>(rt, kind.options<int>());
      auto b = make_channel<int>(rt, {.capacity = 1});
      auto c = make_channel<int>(rt);
      auto sending = rt.spawn(
        send_range, relay(policy, std::move(a.tx), std::move(b.tx), c.tx), 0,
        100);
      auto first = rt.spawn(collect<int>, std::move(a.rx));
      auto second = rt.spawn(collect<int>, std::move(b.rx));
      auto third = rt.spawn(collect<int>, std::move(c.rx));
      CHECK(sending.blocking_join() == 100);
      c.tx = {};
      CHECK(first.blocking_join() == numbers(0, 100));
      CHECK(second.blocking_join() == numbers(0, 100));
      CHECK(third.blocking_join() == numbers(0, 100));
    }
}

TEST_CASE("to all or to nobody: a closed target keeps the others free (F-87)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 2});
  auto b = make_channel<int>(rt, {.capacity = 2});
  auto c = make_channel<int>(rt);
  b.tx.close();
  auto sent = rt.block_on(send_one, relay(a.tx, b.tx, c.tx), 7);
  CHECK_FALSE(sent);
  CHECK(sent.closed());
  CHECK(sent.delivered() == 0);
  CHECK(sent.targets()
        == std::vector<errc>{errc::cancelled, errc::closed, errc::cancelled});
  REQUIRE(sent.has_value());
  CHECK(sent.value() == 7);
  CHECK(a.tx.size() == 0);
  REQUIRE(a.tx.try_send(1)); // no place is kept
  REQUIRE(a.tx.try_send(2));
}

TEST_CASE("while all waits for one place, nobody else has got it (F-87)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(b.tx.try_send(0));
  auto sending = rt.spawn(send_one, relay(a.tx, b.tx), 5);
  until_senders_wait(b.tx, 1);
  CHECK(a.tx.size() == 0);
  CHECK(*b.rx.try_receive() == 0);
  CHECK(sending.blocking_join());
  CHECK(*a.rx.try_receive() == 5);
  CHECK(*b.rx.try_receive() == 5);
}

TEST_CASE("a rendezvous with all is met while the places are kept (F-87)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto meet = make_channel<int>(rt);
  auto sending = rt.spawn(send_one, relay(meet.tx, a.tx), 5);
  until_senders_wait(meet.tx, 1);
  CHECK(a.tx.size() == 0);
  CHECK(a.tx.try_send(9).full());
  meet.rx.close();
  auto sent = sending.blocking_join();
  CHECK_FALSE(sent);
  CHECK(sent.value() == 5);
  CHECK(sent.targets() == std::vector<errc>{errc::closed, errc::cancelled});
  CHECK(a.tx.try_send(9));
}

TEST_CASE(
  "two relays to the same full channels do not block each other (F-87)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt, {.capacity = 1});
  auto one = rt.spawn(send_range, relay(a.tx, b.tx), 0, 2000);
  auto two
    = rt.spawn(send_range, relay(std::move(b.tx), std::move(a.tx)), 0, 2000);
  auto first = rt.spawn(collect<int>, std::move(a.rx));
  auto second = rt.spawn(collect<int>, std::move(b.rx));
  CHECK(one.blocking_join() == 2000);
  CHECK(two.blocking_join() == 2000);
  CHECK(first.blocking_join().size() == 4000);
  CHECK(second.blocking_join().size() == 4000);
}

TEST_CASE(
  "any goes on without the closed, and a slow one delays no other "
  "(F-87)") {
  runtime rt{{.workers = 2}};
  auto slow = make_channel<int>(rt);
  auto gone = make_channel<int>(rt);
  auto later = make_channel<int>(rt);
  gone.tx.close();
  const auto out = relay(relay_policy::any, slow.tx, gone.tx, later.tx);
  auto sending = rt.spawn(send_one, out, 3);
  until_senders_wait(slow.tx, 1);
  until_senders_wait(later.tx, 1);
  CHECK(*later.rx.blocking_receive() == 3);
  until_senders_wait(slow.tx, 1);
  CHECK(*slow.rx.blocking_receive() == 3);
  auto sent = sending.blocking_join();
  CHECK(sent);
  CHECK(sent.delivered() == 2);
  CHECK(sent.targets() == std::vector<errc>{errc{}, errc::closed, errc{}});
  CHECK_FALSE(sent.has_value());

  auto again = rt.spawn(send_one, out, 4);
  until_senders_wait(slow.tx, 1);
  slow.rx.close();
  until_senders_wait(later.tx, 1);
  later.rx.close();
  auto failed = again.blocking_join();
  CHECK(failed.closed());
  CHECK(failed.value() == 4);
  CHECK(conserved(slow.tx.stats()));
}

TEST_CASE(
  "best effort sends to those who can take it, and never waits (F-87)") {
  runtime rt{{.workers = 1}};
  auto full = make_channel<int>(rt, {.capacity = 1});
  auto free = make_channel<int>(rt, {.capacity = 1});
  auto meet = make_channel<int>(rt);
  REQUIRE(full.tx.try_send(0));
  const auto out = relay(relay_policy::best_effort, full.tx, free.tx, meet.tx);
  auto sent = rt.block_on(send_one, out, 8);
  CHECK(sent);
  CHECK(sent.targets() == std::vector<errc>{errc::full, errc{}, errc::full});
  CHECK(*free.rx.try_receive() == 8);
  REQUIRE(free.tx.try_send(0));
  auto nobody = rt.block_on(send_one, out, 9);
  CHECK_FALSE(nobody);
  CHECK(nobody.full());
  CHECK(nobody.value() == 9);
}

TEST_CASE("a relay that is stopped says who had the value already (F-87)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt);
  std::stop_source stop;
  const auto send_stopped = [](relay_sender<int> out, std::stop_token token)
    -> task<relay_result<int>> { co_return co_await out.send(6, token); };
  auto any = rt.spawn(send_stopped, relay(relay_policy::any, a.tx, b.tx),
                      stop.get_token());
  until_senders_wait(b.tx, 1);
  stop.request_stop();
  auto sent = any.blocking_join();
  CHECK(sent); // somebody has it
  CHECK(sent.targets() == std::vector<errc>{errc{}, errc::cancelled});
  CHECK(b.tx.info().waiting_senders == 0);
  auto all = rt.block_on(send_stopped, relay(a.tx, b.tx), stop.get_token());
  CHECK_FALSE(all);
  CHECK(all.cancelled());
  CHECK(all.value() == 6);
  CHECK(*a.rx.try_receive() == 6);
  CHECK(a.rx.try_receive().empty());
}

TEST_CASE("channels that drop or reject are sent to without a place (F-87)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto drops
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::drop_oldest});
  auto rejects
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::reject});
  REQUIRE(drops.tx.try_send(0));
  CHECK(rt.block_on(send_one, relay(a.tx, drops.tx), 1));
  CHECK(*drops.rx.try_receive() == 1);
  CHECK(*a.rx.try_receive() == 1);
  REQUIRE(rejects.tx.try_send(0));
  auto sent = rt.block_on(send_one, relay(a.tx, rejects.tx), 2);
  CHECK(sent.full());
  CHECK(sent.value() == 2);
  CHECK(a.tx.size() == 0);
}

TEST_CASE("closing a relay closes every target, and so does its end (F-87)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  {
    const auto out = relay(a.tx, std::move(b.tx));
    CHECK(out.targets().size() == 2);
    CHECK(a.tx.close());
    CHECK(out.close());
    CHECK_FALSE(out.close());
  }
  CHECK(b.rx.is_closed());
  auto c = make_channel<int>(rt);
  {
    const auto out = relay(std::move(c.tx));
    const auto copy = out;
    CHECK_FALSE(c.rx.is_closed());
  }
  CHECK(c.rx.is_closed());
}

TEST_CASE("a relay to nobody, to nil or twice to one is refused (F-87)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt);
  CHECK_THROWS_AS(relay_sender<int>({}), levada::channel_error);
  CHECK_THROWS_AS(relay(a.tx, sender<int>{}), levada::channel_error);
  CHECK_THROWS_AS(relay(a.tx, a.tx), levada::channel_error);
}

TEST_CASE("a copy that throws sends nothing to anybody (F-87)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<copies_twelve>(rt, {.capacity = 2});
  auto b = make_channel<copies_twelve>(rt, {.capacity = 2});
  const auto out = relay(relay_policy::best_effort, a.tx, b.tx);
  const auto send_it
    = [](relay_sender<copies_twelve> to, int number) -> task<bool> {
    copies_twelve value{number};
    const auto sent = co_await to.send(std::move(value));
    co_return static_cast<bool>(sent);
  };
  CHECK_THROWS_WITH(rt.block_on(send_it, out, 11), "not twelve");
  CHECK(a.tx.size() + b.tx.size() == 0);
  CHECK(rt.block_on(send_it, out, 12));
  CHECK(a.tx.size() + b.tx.size() == 2);
}
