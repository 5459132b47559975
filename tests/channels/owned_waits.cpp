// Owned channels and whoever waits at them: parked ends of dying owners,
// receipts, time limits, and select.
#include "owned_support.hpp"

#include <levada/channels/owned.hpp>

using namespace levada_tests;

namespace {

task<std::string> send_one(owned_sender<int> out, int item) {
  auto sent = co_await out.send(item);
  if (sent)
    co_return "sent";
  co_return sent.error().message() + ", back: " + std::to_string(sent.take());
}

task<std::string> send_and_wait_one(owned_sender<int> out, int item,
                                    levada::owned_send how) {
  auto sent = co_await out.send_and_wait(item, how);
  if (sent)
    co_return "received";
  co_return sent.error().message() + ", back: " + std::to_string(sent.take());
}

task<std::string> receive_one(owned_receiver<int> in) {
  auto got = co_await in.receive();
  co_return word(got);
}

std::string message(errc code) {
  return make_error_code(code).message();
}

std::string came_back(errc code, int item) {
  return message(code) + ", back: " + std::to_string(item);
}

} // namespace

TEST_CASE("a parked send of a dying owner has its value back (I-34, N-04)") {
  const auto policy = GENERATE(owner_gone::keep, owner_gone::replace,
                               owner_gone::error, owner_gone::remove);
  INFO(to_string(policy));
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.capacity = 1, .owner_gone = policy});
  owner dead{"dead"};
  REQUIRE(tx.try_send(1));
  auto first = rt.spawn(send_one, tx.owned_by(dead), 2);
  until_senders_wait(tx, 1);
  auto second = rt.spawn(send_one, tx, 3);
  until_senders_wait(tx, 2);
  dead.end();
  CHECK(first.blocking_join() == came_back(errc::owner_released, 2));
  CHECK(tx.info().waiting_senders == 1);
  CHECK(word(rx.try_receive()) == "1");
  CHECK(second.blocking_join() == "sent");
  CHECK(words(rx) == list{"3"});
  CHECK(rx.stats().handed_back == 1);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a parked receive of a dying owner ends, the others' stay (N-04)") {
  const bool dies = GENERATE(true, false);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner leaving{"leaving"};
  auto theirs = rt.spawn(receive_one, rx.owned_by(leaving));
  until_receivers_wait(rx, 1);
  auto mine = rt.spawn(receive_one, rx);
  until_receivers_wait(rx, 2);
  CHECK(users(rx, channel_end::receive).size() == 2); // waiting is a use
  if (dies)
    leaving.end();
  else
    rx.release(leaving, channel_end::receive);
  CHECK(theirs.blocking_join() == message(errc::owner_released));
  CHECK(rx.info().waiting_receivers == 1);
  REQUIRE(tx.try_send(7));
  CHECK(mine.blocking_join() == "7");
}

TEST_CASE("an operation that may not use its end does not wait (I-24, I-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt, {.capacity = 1});
  owner gone{"gone"};
  const auto their_tx = tx.owned_by(gone);
  const auto their_rx = rx.owned_by(gone);
  CHECK(rx.try_receive().empty()); // (a use: the channel stays open)
  gone.end();
  // Empty, where a receive would wait; then full, where a send would.
  auto receiving = rt.spawn(receive_one, their_rx);
  CHECK(receiving.blocking_join() == message(errc::owner_released));
  REQUIRE(tx.try_send(1));
  auto sending = rt.spawn(send_one, their_tx, 2);
  CHECK(sending.blocking_join() == came_back(errc::owner_released, 2));
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a thread that waits for a dying owner wakes (N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner leaving{"leaving"};
  const auto theirs = rx.owned_by(leaving);
  REQUIRE(tx.try_send(1));
  REQUIRE(rx.try_receive());
  std::string got;
  {
    std::jthread waiting{[&] { got = word(theirs.blocking_receive()); }};
    until_receivers_wait(rx, 1);
    leaving.end();
  }
  CHECK(got == message(errc::owner_released));
}

TEST_CASE(
  "the last owner gone wakes everyone who waits with the closing "
  "(I-29)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner reader{"reader"};
  auto waiting = rt.spawn(receive_one, rx.owned_by(reader));
  until_receivers_wait(rx, 1);
  reader.end();
  CHECK(waiting.blocking_join() == message(errc::owner_released));
  CHECK(tx.is_closed());
  CHECK(tx.close_record().reason == close_reason::owner_gone);
}

TEST_CASE("send_and_wait ends when its item is received (I-10, S-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  auto waiting = rt.spawn(send_and_wait_one, tx, 1, levada::owned_send{});
  until([&rx = rx] { return rx.size() == 1; });
  CHECK(word(rx.try_receive()) == "1");
  CHECK(waiting.blocking_join() == "received");
  // Timed out: the item has left the queue.
  const auto late = tx.blocking_send_and_wait_for(2, 1ms);
  CHECK(late.timed_out());
  CHECK(rx.size() == 0);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "send_and_wait of a dying owner has its value back, unless it is kept "
  "(I-30, I-31, I-32, N-04)") {
  const auto policy = GENERATE(owner_gone::keep, owner_gone::replace,
                               owner_gone::error, owner_gone::remove);
  INFO(to_string(policy));
  runtime rt{{.workers = 1}};
  int letters = 0;
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.on_dead_letter = [&](int&&, dead_letter_reason) { ++letters; }});
  owner dead{"dead"};
  REQUIRE(tx.try_send(0));
  auto theirs = rt.spawn(send_and_wait_one, tx.owned_by(dead), 1,
                         levada::owned_send{policy});
  until([&rx = rx] { return rx.size() == 2; });
  auto mine = rt.spawn(send_and_wait_one, tx, 2, levada::owned_send{policy});
  until([&rx = rx] { return rx.size() == 3; });
  dead.end();
  if (policy != owner_gone::keep)
    CHECK(theirs.blocking_join() == came_back(errc::owner_gone, 1));
  CHECK(letters == 0); // nothing was lost
  CHECK(rx.size() == (policy == owner_gone::remove ? 2 : 3));
  CHECK(word(rx.try_receive()) == "0");
  if (policy != owner_gone::remove)
    CHECK(word(rx.try_receive())
          == (policy == owner_gone::keep      ? "1"
              : policy == owner_gone::replace ? "unbound"
                                              : "gone"));
  CHECK(tx.info().stats.buffered == 1);
  if (policy == owner_gone::keep)
    CHECK(theirs.blocking_join() == "received");
  CHECK(word(rx.try_receive()) == "2");
  CHECK(mine.blocking_join() == "received");
  CHECK(conserved(rx.stats()));
}

TEST_CASE("receipts stay with their items when others go (I-32, I-37)") {
  // Removed: the first, one in the middle and the last, of items that are all
  // waited for.
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner dead{"dead"};
  REQUIRE(rx.try_receive().empty());
  std::vector<levada::join_handle<std::string>> sends;
  for (int i = 0; i < 7; ++i) {
    const auto& out = i % 3 == 0 ? tx.owned_by(dead) : tx;
    sends.push_back(rt.spawn(send_and_wait_one, out, i,
                             levada::owned_send{owner_gone::remove}));
    until(
      [&rx = rx, i] { return rx.size() == static_cast<std::size_t>(i) + 1; });
  }
  dead.end();
  for (int i = 0; i < 7; i += 3)
    CHECK(sends[static_cast<std::size_t>(i)].blocking_join()
          == came_back(errc::owner_gone, i));
  // And one that gives up, between the others.
  auto gives_up = tx.blocking_send_and_wait_for(9, 1ms);
  CHECK(gives_up.timed_out());
  for (int i : {1, 2, 4, 5}) {
    CHECK(word(rx.try_receive()) == std::to_string(i));
    CHECK(sends[static_cast<std::size_t>(i)].blocking_join() == "received");
  }
  CHECK(rx.try_receive().empty());
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a send_and_wait that the closing by force meets (I-10, I-21)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  auto waiting = rt.spawn(send_and_wait_one, tx, 1, levada::owned_send{});
  until([&rx = rx] { return rx.size() == 1; });
  rt.close(tx.id(), {.force = true});
  const auto how = waiting.blocking_join();
  CHECK(how == came_back(errc::closed, 1));
  CHECK(rx.stats().handed_back == 1);
}

TEST_CASE("time limits and stop tokens end owned waits (I-16, I-10)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt, {.capacity = 1});
  CHECK(rx.blocking_receive_for(1ms).timed_out());
  REQUIRE(tx.try_send(1));
  CHECK(tx.try_send(2).full());
  auto late = tx.blocking_send_for(2, 1ms);
  CHECK(late.timed_out());
  CHECK(late.take() == 2);
  std::stop_source stop;
  auto stopped = rt.spawn(
    [](owned_sender<int> out, std::stop_token token) -> task<bool> {
      const levada::owned_send as_usual;
      auto sent = co_await out.send(3, as_usual, token);
      co_return sent.cancelled() && sent.take() == 3;
    },
    tx, stop.get_token());
  until_senders_wait(tx, 1);
  stop.request_stop();
  CHECK(stopped.blocking_join());
  auto timed = rt.block_on(
    [](owned_receiver<int> in) -> task<list> {
      list result;
      auto first = co_await in.receive_for(10s);
      result.push_back(word(first));
      auto second = co_await in.receive_for(1ms);
      result.push_back(second.timed_out() ? "timed out" : "?");
      co_return result;
    },
    rx);
  CHECK(timed == list{"1", "timed out"});
  CHECK(conserved(rx.stats()));
}

TEST_CASE("owned ends stand in a select (N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::replace});
  auto [other_tx, other_rx] = make_channel<int>(rt);
  REQUIRE(tx.try_send(1));
  auto first = levada::blocking_select(rx, other_rx);
  REQUIRE(first.index() == 0);
  CHECK(first.get<0>().value() == 1);
  REQUIRE(first.from(rx) != nullptr);
  CHECK(first.from(rx)->value() == 1);

  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(2));
  }
  auto second = levada::blocking_select(rx, other_rx);
  REQUIRE(second.index() == 0);
  CHECK(second.get<0>().is_unbound());

  auto third = levada::blocking_select(levada::sending(tx, 3), other_rx);
  REQUIRE(third.index() == 0);
  CHECK(third.get<0>());
  CHECK(words(rx) == list{"3"});

  // Waiting, and handed over.
  auto waiting = rt.spawn(
    [](owned_receiver<int> in, receiver<int> idle) -> task<std::string> {
      auto chosen = co_await levada::select(in, idle);
      if (chosen.index() != 0)
        co_return "?";
      co_return word(chosen.template get<0>());
    },
    rx, other_rx);
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(4));
  CHECK(waiting.blocking_join() == "4");
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a select of a dying owner ends, with the value back (N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt, {.capacity = 1});
  auto [idle_tx, idle_rx] = make_channel<int>(rt);
  REQUIRE(tx.try_send(1));
  {
    owner dead{"dead"};
    auto sending = rt.spawn(
      [](owned_sender<int> out, receiver<int> idle) -> task<std::string> {
        auto chosen = co_await levada::select(levada::sending(out, 2), idle);
        if (chosen.index() != 0)
          co_return "?";
        auto& sent = chosen.template get<0>();
        co_return sent.error().message()
          + ", back: " + std::to_string(sent.take());
      },
      tx.owned_by(dead), idle_rx);
    until_senders_wait(tx, 1);
    dead.end();
    CHECK(sending.blocking_join() == came_back(errc::owner_released, 2));
  }
  CHECK(words(rx) == list{"1"});
  owner dead{"dead"};
  auto receiving = rt.spawn(
    [](owned_receiver<int> in, receiver<int> idle) -> task<std::string> {
      auto chosen = co_await levada::select(in, idle);
      if (chosen.index() != 0)
        co_return "?";
      co_return word(chosen.template get<0>());
    },
    rx.owned_by(dead), idle_rx);
  until_receivers_wait(rx, 1);
  dead.end();
  CHECK(receiving.blocking_join() == message(errc::owner_released));
  CHECK(idle_rx.info().waiting_receivers == 0);
  // Dead from the start.
  auto late = levada::blocking_select(rx.owned_by(dead), idle_rx);
  REQUIRE(late.index() == 0);
  CHECK(late.get<0>().error() == errc::owner_released);
  CHECK(conserved(rx.stats()));
}
