// Sends to a broadcast as cases of select.
#include <string>

#include <levada/channels/select.hpp>
#include <levada/runtime/scope.hpp>

#include "broadcast_support.hpp"

using namespace levada_tests;
using levada::overflow;
using levada::sending;

namespace {

/// Which case happened: 0 the send, 1 `other`.
task<std::size_t> send_or(broadcast_sender<int> out, int item,
                          receiver<int> other) {
  auto chosen = co_await levada::select(sending(out, item), other);
  co_return chosen.index();
}

task<levada::send_result<std::string>>
send_word(broadcast_sender<std::string> out, std::string item) {
  auto chosen = co_await levada::select(sending(out, std::move(item)));
  co_return std::move(chosen.get<0>());
}

template <class T>
std::vector<T> drained(broadcast_receiver<T>& in) {
  std::vector<T> result;
  while (auto got = in.try_receive())
    result.push_back(*std::move(got));
  return result;
}

} // namespace

TEST_CASE("a send to a broadcast is a case that happens when there is room") {
  runtime rt;
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 2});
  auto other = tx.subscribe();
  auto never = levada::never<int>();

  CHECK(rt.block_on(send_or(tx, 1, never)) == 0);
  auto chosen = levada::blocking_select(sending(tx, 2));
  REQUIRE(chosen.get<0>());
  CHECK(chosen.get<0>().status() == levada::send_status::queued);
  CHECK(drained(rx) == std::vector{1, 2});
  CHECK(drained(other) == std::vector{1, 2});
}

TEST_CASE(
  "a send to a broadcast as a case waits for a full receiver that is to be "
  "waited for, and tells nobody anything when it loses (G-20)") {
  runtime rt;
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 1, .overflow = overflow::wait});
  auto open = tx.subscribe({.overflow = overflow::drop_oldest});
  auto [other_tx, other] = make_channel<int>(rt);
  REQUIRE(tx.try_send(1));

  auto losing = rt.spawn(send_or, tx, 2, other);
  until_senders_wait(tx, 1);
  other_tx.blocking_send(0).value();
  CHECK(losing.blocking_join() == 1);
  CHECK(tx.info().waiting_senders == 0);
  CHECK(drained(open) == std::vector{1});

  auto winning = rt.spawn(send_or, tx, 3, other);
  until_senders_wait(tx, 1);
  CHECK(rx.try_receive().value() == 1);
  CHECK(winning.blocking_join() == 0);
  CHECK(drained(rx) == std::vector{3});
  CHECK(drained(open) == std::vector{3});
}

TEST_CASE(
  "senders of a broadcast are served in order, cases and others alike (G-07)") {
  runtime rt;
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 1, .overflow = overflow::wait});
  auto never = levada::never<int>();
  REQUIRE(tx.try_send(0));
  std::vector<levada::join_handle<std::size_t>> selects;
  std::vector<levada::join_handle<std::error_code>> sends;
  for (int i = 1; i <= 6; ++i) {
    if (i % 2 == 1)
      selects.push_back(rt.spawn(send_or, tx, i, never));
    else
      sends.push_back(rt.spawn(send_one, tx, i));
    until_senders_wait(tx, static_cast<std::uint32_t>(i));
  }
  for (int i = 0; i <= 6; ++i)
    CHECK(rx.blocking_receive().value() == i);
  for (auto& each : selects)
    CHECK(each.blocking_join() == 0);
  for (auto& each : sends)
    CHECK_FALSE(each.blocking_join());
}

TEST_CASE(
  "a select that takes another case when it is its turn lets the next one "
  "send") {
  // The one worker is kept, so that the turn is given while the select, woken
  // by the other case already, has not gone on.
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 1, .overflow = overflow::wait});
  auto [other_tx, other] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(0));
  auto first = rt.spawn(send_or, tx, 1, other);
  until_senders_wait(tx, 1);
  auto second = rt.spawn(send_one, tx, 2);
  until_senders_wait(tx, 2);
  const auto both
    = [](levada::sender<int> one, broadcast_receiver<int>* in) -> task<int> {
    const bool woken = one.try_send(7).operator bool();
    auto got = in->try_receive();
    co_return woken&& got ? *got : -1;
  };
  CHECK(rt.block_on(both(other_tx, &rx)) == 0);
  CHECK(first.blocking_join() == 1);
  CHECK_FALSE(second.blocking_join());
  auto next = tx.subscribe(); // (and nobody's turn is out)
  CHECK(tx.info().waiting_senders == 0);
}

TEST_CASE("a broadcast that closes hands the value of a case back (X-03)") {
  runtime rt;
  auto [tx, rx] = make_broadcast<std::string>(
    rt, {.capacity = 1, .overflow = overflow::wait});
  REQUIRE(tx.try_send("one"));
  auto waits = rt.spawn(send_word, tx, "two");
  until_senders_wait(tx, 1);
  REQUIRE(tx.close());
  auto parked = waits.blocking_join();
  REQUIRE_FALSE(parked);
  CHECK(parked.error() == errc::closed);
  CHECK(std::move(parked).value() == "two");

  auto late = rt.block_on(send_word(tx, "three"));
  REQUIRE_FALSE(late);
  CHECK(std::move(late).value() == "three");
}

TEST_CASE("a case that sends to a nil broadcast never happens (G-12)") {
  runtime rt;
  broadcast_sender<int> nil;
  auto chosen = levada::blocking_select(sending(nil, 1), levada::after(1ms));
  CHECK(chosen.index() == 1);
}

TEST_CASE(
  "a full broadcast is not ready, and otherwise leaves no place in "
  "the line") {
  runtime rt;
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 1, .overflow = overflow::wait});
  REQUIRE(tx.try_send(1));
  auto full = levada::blocking_select(sending(tx, 2), levada::otherwise);
  CHECK(full.index() == 1);
  CHECK(tx.info().waiting_senders == 0);
  CHECK(drained(rx) == std::vector{1});
  auto room = levada::blocking_select(sending(tx, 3), levada::otherwise);
  CHECK(room.index() == 0);
}

TEST_CASE("a new receiver that is full at once takes the turn back") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(
    rt, {.capacity = 1, .overflow = overflow::wait, .resend_latest = true});
  auto never = levada::never<int>();
  REQUIRE(tx.try_send(1));
  auto waits = rt.spawn(send_or, tx, 2, never);
  until_senders_wait(tx, 1);
  // Room, and at once, on the only worker, a receiver without any.
  const auto fill
    = [](broadcast_sender<int> to,
         broadcast_receiver<int>* in) -> task<broadcast_receiver<int>> {
    auto got = in->try_receive();
    if (!got)
      co_return broadcast_receiver<int>{};
    co_return to.subscribe();
  };
  auto late = rt.block_on(fill(tx, &rx));
  until_senders_wait(tx, 1);
  CHECK(rx.try_receive().error() == errc::empty);
  CHECK(late.try_receive().value() == 1);
  CHECK(waits.blocking_join() == 0);
  CHECK(drained(rx) == std::vector{2});
  CHECK(drained(late) == std::vector{2});
}

TEST_CASE(
  "selects send to a broadcast and receive from it, and all see one "
  "order",
  "[stress]") {
  constexpr int players = 4;
  constexpr int each = 3000;
  runtime rt{{.workers = 2}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 3, .overflow = overflow::wait});
  // Each sends its numbers and receives everybody's in one select.
  const auto play = [](broadcast_sender<int> out, broadcast_receiver<int> in,
                       int first) -> task<std::vector<int>> {
    std::vector<int> seen;
    int next = first;
    while (seen.size() < players * each) {
      broadcast_sender<int> to; // nil when all is sent
      if (next < first + each)
        to = out;
      auto chosen = co_await levada::select(sending(to, next), in);
      if (chosen.index() == 0)
        ++next;
      else if (chosen.get<1>())
        seen.push_back(*chosen.get<1>());
      else
        break;
    }
    co_return seen;
  };
  std::vector<levada::join_handle<std::vector<int>>> all;
  std::vector<broadcast_receiver<int>> ins;
  for (int i = 0; i < players; ++i)
    ins.push_back(tx.subscribe());
  rx.close();
  for (int i = 0; i < players; ++i)
    all.push_back(rt.spawn(
      play, tx, std::move(ins[static_cast<std::size_t>(i)]), i * each));
  const auto first = all[0].blocking_join();
  CHECK(first.size() == players * each);
  std::vector<int> next(players);
  for (const int item : first)
    CHECK(item % each == next[static_cast<std::size_t>(item / each)]++);
  for (std::size_t i = 1; i < all.size(); ++i)
    CHECK(all[i].blocking_join() == first);
  CHECK(tx.info().waiting_senders == 0);
}
