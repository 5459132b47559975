// Leases: an item is received when it is acked, and comes back when it is not.
#include <latch>
#include <optional>
#include <sstream>
#include <thread>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/select.hpp>
#include <levada/runtime/scope.hpp>

#include "lease_support.hpp"

using namespace levada_tests;

TEST_CASE("an acked item is received, a dropped one comes back (N-01, U-13)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  {
    auto got = rx.try_lease();
    REQUIRE(got);
    CHECK(*got == 1);
    CHECK(got.delivery_count() == 1);
    CHECK(tx.size() == 1);
    CHECK(tx.stats().leased == 1);
    CHECK(tx.stats().received == 0);
    CHECK(conserved(tx.stats()));
  }
  CHECK(tx.size() == 2);
  CHECK(tx.stats().leased == 0);
  {
    auto got = rx.try_lease();
    CHECK(*got == 1);
    CHECK(got.delivery_count() == 2);
    got.ack();
    CHECK_FALSE(got.delivery_count());
    CHECK(got); // there was an item
  }
  CHECK(tx.stats().received == 1);
  CHECK(rx.try_receive().value() == 2);
  CHECK(rx.try_lease().empty());
  CHECK(conserved(tx.stats()));
}

TEST_CASE("what a nack says is told to the next one (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  CHECK(rx.try_lease().last_reason().empty());
  rx.try_lease().nack("the disk is full");
  {
    auto got = rx.try_lease();
    CHECK(got.last_reason() == "the disk is full");
    CHECK(got.delivery_count() == 3);
    got.nack();
  }
  CHECK(rx.try_lease().last_reason() == "the disk is full");
}

TEST_CASE("a lease is settled once, then says so (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  auto got = rx.try_lease();
  got.ack();
  CHECK_THROWS_AS(got.ack(), levada::channel_error);
  CHECK_THROWS_AS(got.nack(), levada::channel_error);
  CHECK_THROWS_AS(got.nack("why"), levada::channel_error);
  CHECK_THROWS_AS(got.reject(), levada::channel_error);
  CHECK_THROWS_AS(got.take(), levada::channel_error);
  leased<int> none;
  CHECK_FALSE(none);
  CHECK_THROWS_AS(none.ack(), levada::channel_error);
  CHECK_THROWS_AS(rx.try_lease().value(), levada::channel_empty);
  CHECK(tx.stats().received == 1);
}

TEST_CASE(
  "several that come back stand in their first order, before the rest "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  for (int i = 0; i < 6; ++i)
    REQUIRE(tx.try_send(i));
  const auto order = GENERATE(std::vector{0, 1, 2, 3}, std::vector{3, 2, 1, 0},
                              std::vector{2, 0, 3, 1});
  std::vector<leased<int>> out;
  for (int i = 0; i < 4; ++i)
    out.push_back(rx.try_lease().value());
  for (const auto i : order)
    out[static_cast<std::size_t>(i)] = {};
  // … and keep it when they go out and come back once more.
  out[0] = rx.try_lease().value();
  out[1] = rx.try_lease().value();
  out.clear();
  std::vector<std::pair<int, unsigned>> seen;
  for (int i = 0; i < 6; ++i)
    seen.push_back(leased_now(rx));
  const std::vector<std::pair<int, unsigned>> expected{{0, 3}, {1, 3}, {2, 2},
                                                       {3, 2}, {4, 1}, {5, 1}};
  CHECK(seen == expected);
}

TEST_CASE("what comes back goes straight to who waits, with its count (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(
    rt, {.capacity = GENERATE(as<levada::channel_capacity>{}, 0, 4)});
  auto leasing = rt.spawn(lease_and_ack, rx);
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(7));
  CHECK(leasing.blocking_join() == std::pair{7, 1U});
  leasing = rt.spawn(lease_and_ack, rx);
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(8));
  REQUIRE(leasing.blocking_join().first == 8);

  auto sending = rt.spawn(send_numbers, tx, 9, 10);
  std::optional<leased<int>> held{rx.blocking_lease().value()};
  leasing = rt.spawn(lease_and_ack, rx);
  until_receivers_wait(rx, 1);
  held.reset();
  CHECK(leasing.blocking_join() == std::pair{9, 2U});
  CHECK(sending.blocking_join() == 1);
  CHECK(tx.stats().received == 3);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a plain receive takes what came back, and forgets its count "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  SECTION("from the buffer") {
    rx.try_lease().nack();
    CHECK(rx.try_receive().value() == 1);
  }
  SECTION("while it waits") {
    auto held = rx.try_lease();
    auto receiving = rt.spawn(collect<int>, rx);
    until_receivers_wait(rx, 1);
    held.nack();
    tx.close();
    CHECK(receiving.blocking_join() == numbers(1, 2));
  }
  CHECK(tx.stats().received == 1);
  CHECK(conserved(tx.stats()));
}

// -- the holder's death -------------------------------------------------------

TEST_CASE(
  "an exception, a cancelled task and a thread's end give the item "
  "back (N-01, U-14)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  SECTION("exception") {
    auto dies = rt.spawn(
      [](receiver<int> in) -> task<> {
        auto job = co_await in.lease();
        if (*job == 1)
          throw std::runtime_error{"the worker dies"};
      },
      rx);
    CHECK_THROWS_AS(dies.blocking_join(), std::runtime_error);
  }
  SECTION("cancelled") {
    levada::scope workers{rt};
    auto parked = workers.spawn(
      [](receiver<int> in) -> task<> {
        auto job = co_await in.lease();
        co_await levada::sleep_for(24h);
        job.ack();
      },
      rx);
    until([&rx = rx] { return rx.stats().leased == 1; });
    workers.cancel();
    workers.blocking_join();
  }
  SECTION("thread") {
    std::thread{[in = rx] { static_cast<void>(in.blocking_lease()); }}.join();
  }
  CHECK(leased_now(rx) == std::pair{1, 2U});
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a lease travels: to another task, through a channel (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 4});
  auto [forward, backward] = make_channel<leased<std::string>>(
    rt, {.capacity = GENERATE(as<levada::channel_capacity>{}, 1, 2)});
  REQUIRE(tx.try_send("a"));
  REQUIRE(forward.try_send(rx.try_lease().value()));
  CHECK(tx.stats().leased == 1);
  SECTION("and is acked there") {
    backward.try_receive()->ack();
    CHECK(tx.stats().received == 1);
  }
  SECTION("and comes back when that channel is dropped") {
    backward = {};
    CHECK(*rx.try_lease() == "a");
  }
}

// -- closing ------------------------------------------------------------------

TEST_CASE("a closed channel is not drained while an item is lent (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  auto held = rx.try_lease();
  tx = {};
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.try_receive().empty());
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  SECTION("acked: closed now") {
    held.ack();
    CHECK(receiving.blocking_join().empty());
  }
  SECTION("back: received, then closed") {
    held.nack();
    CHECK(receiving.blocking_join() == numbers(1, 2));
  }
  SECTION("rejected: closed now") {
    held.reject();
    CHECK(receiving.blocking_join().empty());
    CHECK(rx.stats().dead_lettered == 1);
  }
  CHECK(rx.is_closed());
  CHECK(rx.try_lease().closed());
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "waiting for a lease ends with the closing, and lends nothing "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto leasing = rt.spawn(lease_and_ack, rx);
  until_receivers_wait(rx, 1);
  tx.close();
  CHECK(leasing.blocking_join().first == -1);
  CHECK(rx.stats().leased == 0);
  CHECK(rx.is_closed());
}

TEST_CASE(
  "what comes back to a channel without receivers is a dead letter "
  "(N-01, N-03, U-24)") {
  runtime rt{{.workers = 1}};
  grave box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  auto held = rx.try_lease();
  if (GENERATE(false, true))
    tx.close();
  rx = {};
  REQUIRE(box.size() == 1);
  CHECK(box.stones[0].item == 2);
  SECTION("nack") {
    held.nack();
    REQUIRE(box.size() == 2);
    CHECK(box.stones[1].item == 1);
    CHECK(box.stones[1].why == dead_letter_reason::no_receivers);
  }
  SECTION("ack") {
    held.ack();
    CHECK(box.size() == 1);
    CHECK(tx.stats().received == 1);
  }
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "what comes back to a channel closed by force or destroyed is a "
  "dead letter (N-01, N-03)") {
  runtime rt{{.workers = 1}};
  grave box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  REQUIRE(tx.try_send(1));
  auto held = rx.try_lease();
  SECTION("force") {
    rt.close(tx.id(), {.force = true});
  }
  SECTION("destroyed") {
    rt.destroy(tx.id());
  }
  CHECK(rx.is_closed());
  CHECK(rx.try_receive().closed());
  held.nack();
  REQUIRE(box.size() == 1);
  CHECK(box.stones[0].why == dead_letter_reason::killed);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a lease may outlive receivers, senders and runtime (N-01, U-24)") {
  grave box;
  leased<int> acked;
  leased<int> dropped;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, box.options(4));
    REQUIRE(tx.try_send(1));
    REQUIRE(tx.try_send(2));
    acked = rx.try_lease().value();
    dropped = rx.try_lease().value();
    rt.stop();
    CHECK(rx.try_receive().empty());
  }
  CHECK(*acked == 1);
  acked.ack();
  CHECK(box.size() == 0);
  dropped = {};
  REQUIRE(box.size() == 1);
  CHECK(box.stones[0].item == 2);
  CHECK(box.stones[0].why == dead_letter_reason::no_receivers);
}

TEST_CASE(
  "a stopping runtime has its workers give back what they leased "
  "(N-01, U-24)") {
  grave box;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, box.options(4));
    REQUIRE(tx.try_send(1));
    rt.spawn(
      [](receiver<int> in) -> task<> {
        auto job = co_await in.lease();
        co_await levada::sleep_for(24h);
        job.ack();
      },
      rx);
    until([&rx = rx] { return rx.stats().leased == 1; });
    CHECK(rt.stop().clean);
    CHECK(leased_now(rx) == std::pair{1, 2U});
  }
  CHECK(box.size() == 0);
}

// -- limits -------------------------------------------------------------------

TEST_CASE(
  "an item that comes back from its last lease is poison (N-01, N-03)") {
  runtime rt{{.workers = 1}};
  grave box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4, 3));
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  rx.try_lease().nack("once");
  rx.try_lease().nack("twice");
  CHECK(box.size() == 0);
  rx.try_lease().nack("thrice");
  REQUIRE(box.size() == 1);
  CHECK(box.stones[0].item == 1);
  CHECK(box.stones[0].why == dead_letter_reason::nack_limit);
  CHECK(box.stones[0].deliveries == 3);
  CHECK(box.stones[0].reason == "thrice");
  CHECK(leased_now(rx) == std::pair{2, 1U});
  CHECK(tx.stats().dead_lettered == 1);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a rejected item is poison at once, and without on_poison the other hook "
  "hears of it (N-01, N-03)") {
  runtime rt{{.workers = 1}};
  grave box;
  auto options = box.options(4);
  options.on_poison = {};
  auto [tx, rx] = make_channel<int>(rt, options);
  REQUIRE(tx.try_send(1));
  rx.try_lease().reject("cannot be parsed");
  REQUIRE(box.size() == 1);
  CHECK(box.stones[0].why == dead_letter_reason::nack_limit);
  CHECK(std::string{to_string(box.stones[0].why)} == "nack limit");
}

TEST_CASE("the hook for poison may use the channel it speaks of (N-03)") {
  runtime rt{{.workers = 1}};
  levada::weak_sender<int> weak;
  levada::channel_options<int> options{.capacity = 4, .max_deliveries = 1};
  options.on_poison = [&weak](int&& item, const poison_info&) {
    static_cast<void>(weak.upgrade().try_send(item + 100));
  };
  auto [tx, rx] = make_channel<int>(rt, options);
  weak = tx.downgrade();
  REQUIRE(tx.try_send(1));
  rx.try_lease().nack();
  CHECK(leased_now(rx) == std::pair{101, 1U});
}

// -- capacity and policies ----------------------------------------------------

TEST_CASE(
  "what comes back exceeds the capacity, and senders wait until it "
  "does not (N-01)") {
  const auto capacity = GENERATE(0, 1, 2);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto sending = rt.spawn(send_numbers, tx, 0, capacity + 4);
  std::vector<leased<int>> out;
  out.push_back(rx.blocking_lease().value());
  out.push_back(rx.blocking_lease().value());
  until_senders_wait(tx, 1);
  out.clear();
  CHECK(tx.size() == static_cast<std::size_t>(capacity) + 2);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(rx.try_receive().value() == 0);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(rx.try_receive().value() == 1);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(tx.size() == static_cast<std::size_t>(capacity));
  for (int i = 2; i < capacity + 4; ++i)
    CHECK(rx.blocking_receive().value() == i);
  CHECK(sending.blocking_join() == capacity + 4);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a full channel drops what came back like anything else (N-01)") {
  runtime rt{{.workers = 1}};
  grave box;
  auto options = box.options(2);
  options.on_full
    = GENERATE(overflow::drop_oldest, overflow::drop_newest_queued);
  auto [tx, rx] = make_channel<int>(rt, options);
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  {
    auto first = rx.try_lease();
    auto second = rx.try_lease();
  }
  REQUIRE(tx.try_send(3));
  REQUIRE(box.size() == 1);
  const auto kept = options.on_full == overflow::drop_oldest ? 2 : 1;
  CHECK(box.stones[0].item == 3 - kept);
  CHECK(leased_now(rx) == std::pair{kept, 2U});
  CHECK(leased_now(rx) == std::pair{3, 1U});
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "receipts are given for the right items when others came back "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  auto first = rx.try_lease();
  auto second = rx.try_lease();
  auto sending = rt.spawn(
    [](sender<int> out) -> task<bool> {
      auto sent = co_await out.send_and_wait(3);
      co_return static_cast<bool>(sent);
    },
    tx);
  until([&tx = tx] { return tx.size() == 1; });
  REQUIRE(tx.try_send(4));
  second.nack();
  first.nack();
  CHECK(leased_now(rx) == std::pair{1, 2U});
  CHECK(rx.try_receive().value() == 2);
  CHECK_FALSE(sending.done());
  auto third = rx.try_lease();
  CHECK(*third == 3);
  CHECK(sending.blocking_join()); // a lease is a receipt
  CHECK(leased_now(rx) == std::pair{4, 1U});
}

TEST_CASE(
  "an item another receiver put back stands before those that came "
  "back (N-01, F-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  for (int i = 1; i < 5; ++i)
    REQUIRE(tx.try_send(i));
  {
    auto first = rx.try_lease();
    auto second = rx.try_lease();
  }
  {
    levada::any_receiver<int> looking{rx};
    const bool ready = rt.block_on(
      [](levada::any_receiver<int>* in) -> task<bool> {
        const bool result = co_await in->ready();
        co_return result;
      },
      &looking);
    REQUIRE(ready);
  }
  std::vector<std::pair<int, unsigned>> seen;
  for (int i = 0; i < 4; ++i)
    seen.push_back(leased_now(rx));
  // (it was received in between, and so counts from the beginning)
  CHECK(
    seen
    == std::vector<std::pair<int, unsigned>>{{1, 1}, {2, 2}, {3, 1}, {4, 1}});
}

// -- what is shown ------------------------------------------------------------

TEST_CASE("info and dump tell how many are leased (N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "jobs", .capacity = 4});
  REQUIRE(tx.try_send(1));
  auto held = rx.try_lease();
  std::ostringstream out;
  rt.dump(out);
  CHECK(out.str().find("0/4 buffered, 1 leased, waiting") != std::string::npos);
  held.ack();
  CHECK(to_string(rx.info()).find("leased") == std::string::npos);
}

TEST_CASE(
  "an item whose holder went before it could look comes back uncounted "
  "(N-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  REQUIRE(tx.try_send(1));
  {
    using levada::detail::handle_access;
    levada::detail::lease_step<int, levada::lease_result<int>> step{
      handle_access::receiving(rx)};
    {
      levada::detail::wake_list wakes;
      levada::detail::spin_guard guard{step.channel->lock};
      REQUIRE(step.settle(wakes, nullptr));
    }
    CHECK(tx.stats().leased == 1);
    step.abandon(); // as by a frame that is destroyed
  }
  CHECK(leased_now(rx) == std::pair{1, 1U});
}
