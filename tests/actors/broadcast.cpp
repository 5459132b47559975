// A broadcast to CAF: its hub is an actor, and so is each receiver's buffer.
#include <levada/channels/broadcast.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::close_reason;

TEST_CASE(
  "an exit message to a broadcast closes it for all, one to a receiver "
  "for that one (F-11)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = levada::make_broadcast<std::string>(
    rt, {.capacity = 2, .overflow = overflow::wait, .resend_latest = true});
  auto second = tx.subscribe();
  const auto second_actor = second.as_actor();
  REQUIRE(tx.try_send("one"));
  REQUIRE(tx.try_send("two"));
  auto parked = rt.spawn(
    [](levada::broadcast_sender<std::string> out) -> task<std::string> {
      auto sent = co_await out.send("three");
      co_return sent.closed() ? sent.take() : "it went";
    },
    tx);
  until_senders_wait(tx, 1);
  caf::anon_send_exit(second_actor, caf::exit_reason::kill);
  until([&tx = tx] { return tx.info().receiver_handles == 1; });
  CHECK(tx.info().waiting_senders == 1); // rx is full, too
  caf::anon_send_exit(tx.as_actor(), caf::exit_reason::user_shutdown);
  CHECK(parked.blocking_join() == "three");
  CHECK(rx.close_record().reason == close_reason::killed);
  CHECK(rx.drain() == std::vector<std::string>{"one", "two"});
  CHECK(rx.is_closed());
  CHECK(tx.subscribe().is_closed());
}

TEST_CASE(
  "monitors of a receiver's buffer are told when the broadcast has ended "
  "and it is drained (F-16)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = levada::make_broadcast<int>(rt);
  std::atomic<bool> down{false};
  rx.as_actor()->attach_functor([&down] { down = true; });
  REQUIRE(tx.try_send(1));
  tx = {};
  CHECK_FALSE(down);
  CHECK(rx.blocking_receive().value() == 1);
  CHECK(rx.blocking_receive().closed());
  until([&down] { return down.load(); });
}
