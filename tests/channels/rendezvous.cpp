// Capacity 0: a value goes from hand to hand, and both sides know it.
#include <levada/channels/any_receiver.hpp>

#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "a rendezvous send ends only when a receiver takes the value (G-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  CHECK(tx.capacity() == 0);
  auto sending = rt.spawn(send_numbers, tx, 5, 6);
  until_senders_wait(tx, 1);
  CHECK_FALSE(sending.done());
  CHECK(tx.size() == 0);
  CHECK(rx.try_receive().value() == 5);
  CHECK(sending.blocking_join() == 1);
}

TEST_CASE(
  "default capacity is a rendezvous, not an unbounded buffer (J-02, "
  "S-25)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto result = tx.try_send(1);
  CHECK_FALSE(result);
  CHECK(result.full());
  CHECK(result.value() == 1);
  CHECK(rx.try_receive().empty());
}

TEST_CASE("a rendezvous try_send succeeds only when a receiver waits (G-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got.value();
    },
    rx);
  until_receivers_wait(rx, 1);
  CHECK(tx.try_send(8).status() == send_status::delivered);
  CHECK(tx.try_send(9).full());
  CHECK(receiving.blocking_join() == 8);
}

TEST_CASE(
  "what happened before a send is seen after the receive, and what "
  "happened before the receive after the send (G-03, G-14)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<levada::unit>(rt);
  int from_sender = 0;   // plain on purpose: the channel orders these
  int from_receiver = 0; //
  auto sending = rt.spawn(
    [&from_sender, &from_receiver, out = std::move(tx)]() -> task<int> {
      int seen = 0;
      for (int i = 1; i <= 1000; ++i) {
        from_sender = i;
        auto ping = co_await out.send(levada::unit());
        auto pong = co_await out.send(levada::unit());
        seen += ping && pong && from_receiver == i ? 1 : 0;
      }
      co_return seen;
    });
  auto receiving = rt.spawn(
    [&from_sender, &from_receiver, in = std::move(rx)]() -> task<int> {
      int seen = 0;
      for (int i = 1; i <= 1000; ++i) {
        auto ping = co_await in.receive();
        seen += ping && from_sender == i ? 1 : 0;
        from_receiver = i;
        auto pong = co_await in.receive();
        (void)pong;
      }
      co_return seen;
    });
  CHECK(sending.blocking_join() == 1000);
  CHECK(receiving.blocking_join() == 1000);
}

TEST_CASE(
  "a receive parks instead of polling, and is woken by the send "
  "(J-06)") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  auto receiving = rt.spawn(collect<int>, std::move(rx));
  until_receivers_wait(tx, 1);
  // Nothing that would look again later is armed; time stands still, too.
  CHECK(clock.armed() == 0);
  REQUIRE(tx.blocking_send(1));
  tx.close();
  CHECK(receiving.blocking_join() == numbers(1, 2));
}

TEST_CASE("two tasks in two runtimes meet in one rendezvous (G-03)") {
  runtime here{{.workers = 1}};
  runtime there{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(here);
  auto sending = here.spawn(send_numbers, std::move(tx), 0, 1000);
  auto receiving = there.spawn(collect<int>, std::move(rx));
  CHECK(sending.blocking_join() == 1000);
  CHECK(receiving.blocking_join() == numbers(0, 1000));
}

TEST_CASE(
  "a rendezvous with nobody at the other end keeps no value (G-03, "
  "G-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto first = rt.spawn(send_numbers, tx, 1, 2);
  auto second = rt.spawn(send_numbers, tx, 2, 3);
  until_senders_wait(tx, 2);
  const auto stats = tx.stats();
  CHECK(stats.buffered == 0);
  CHECK(stats.waiting == 2);
  CHECK(conserved(stats));
  CHECK(rx.drain().size() == 2);
  CHECK(first.blocking_join() + second.blocking_join() == 2);
}

TEST_CASE(
  "an item that went back lets no sender go before it is received "
  "(G-03, F-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto sending = rt.spawn(send_numbers, tx, 0, 2);
  until_senders_wait(tx, 1);
  {
    levada::any_receiver<int> looking{rx};
    const bool ready = rt.block_on(
      [](levada::any_receiver<int>* in) -> task<bool> {
        const bool result = co_await in->ready();
        co_return result;
      },
      &looking);
    REQUIRE(ready);
    until_senders_wait(tx, 1);
  }
  REQUIRE(tx.size() == 1);
  CHECK(rx.blocking_receive().value() == 0);
  CHECK(tx.size() == 0);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(rx.blocking_receive().value() == 1);
  CHECK(sending.blocking_join() == 2);
}
