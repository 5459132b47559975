// Duels: a wait is parked first; then two things that may end it happen at the
// same time, on two threads, many times over. Exactly one of them ends it, both
// sides agree on which, and nothing is lost or doubled.
#include <levada/runtime/clock.hpp>

#include "duel.hpp"
#include "support.hpp"

using namespace levada_tests;

namespace {

/// Who won how often, and in how many rounds the two sides disagreed.
struct tally {
  int moved = 0;
  int ended = 0;
  int wrong = 0;

  void add(duel& between, bool value_moved, bool wait_ended,
           bool values_agree) {
    between.won(value_moved);
    moved += value_moved;
    ended += wait_ended;
    wrong += value_moved == wait_ended || !values_agree;
  }

  void check(const rounds_to_go& rounds,
             const levada::channel_stats& stats) const {
    CAPTURE(moved, ended);
    CHECK(wrong == 0);
    CHECK(moved + ended == rounds.done());
    // A duel that one side always wins is none.
    if (rounds.all_done()) {
      CHECK(moved > rounds.done() / 100);
      CHECK(ended > rounds.done() / 100);
    }
    CHECK(conserved(stats));
    CHECK(stats.waiting == 0);
  }
};

/// What came of a wait: the item, and whether it was ended instead.
struct ending {
  int item = 0;
  bool ended = false;
};

task<ending> receive_until_stopped(receiver<int> in, std::stop_token stop) {
  auto got = co_await in.receive(stop);
  co_return got ? ending{*got, false} : ending{0, got.cancelled()};
}

task<ending> send_until_stopped(sender<int> out, int item,
                                std::stop_token stop) {
  auto sent = co_await out.send(item, stop);
  co_return sent ? ending{} : ending{sent.take(), sent.cancelled()};
}

task<ending> receive_in_time(receiver<int> in) {
  auto got = co_await in.receive_for(1s);
  co_return got ? ending{*got, false} : ending{0, got.timed_out()};
}

task<ending> send_in_time(sender<int> out, int item) {
  auto sent = co_await out.send_for(item, 1s);
  co_return sent ? ending{} : ending{sent.take(), sent.timed_out()};
}

task<ending> deliver_in_time(sender<int> out, int item) {
  auto sent = co_await out.send_and_wait_for(item, 1s);
  co_return sent ? ending{} : ending{sent.take(), sent.timed_out()};
}

} // namespace

TEST_CASE("a stop token against a hand-off to a receiver (X-06)", "[stress]") {
  rounds_to_go rounds{10'000};
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::stop_source stop;
  tally count;
  {
    duel stopping{[&stop] { stop.request_stop(); }};
    for (int i = 0; rounds.next(); ++i) {
      stop = std::stop_source{};
      auto waiting = rt.spawn(receive_until_stopped, rx, stop.get_token());
      until_receivers_wait(rx, 1);
      bool delivered = false;
      stopping.run([&, &tx = tx] { delivered = bool{tx.try_send(i)}; });
      const auto end = waiting.blocking_join();
      count.add(stopping, delivered, end.ended, !delivered || end.item == i);
    }
  }
  count.check(rounds, tx.stats());
}

TEST_CASE("a stop token against a hand-off from a sender (X-07)", "[stress]") {
  rounds_to_go rounds{10'000};
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::stop_source stop;
  tally count;
  {
    duel stopping{[&stop] { stop.request_stop(); }};
    for (int i = 0; rounds.next(); ++i) {
      stop = std::stop_source{};
      auto waiting = rt.spawn(send_until_stopped, tx, i, stop.get_token());
      until_senders_wait(tx, 1);
      int taken = -1;
      stopping.run([&, &rx = rx] { taken = rx.try_receive().value_or(-1); });
      const auto end = waiting.blocking_join();
      count.add(stopping, taken == i, end.ended,
                end.ended ? end.item == i : taken == i);
    }
  }
  count.check(rounds, tx.stats());
}

TEST_CASE("a time that runs out against a hand-off (B-06, S-01)", "[stress]") {
  rounds_to_go rounds{5'000};
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  tally count;
  duel timing{[&clock] { clock.advance(1s); }};
  SECTION("to a receiver") {
    for (int i = 0; rounds.next(); ++i) {
      auto waiting = rt.spawn(receive_in_time, rx);
      until_receivers_wait(rx, 1);
      auto how = send_status::failed;
      timing.run([&, &tx = tx] { how = tx.try_send(i).status(); });
      const auto end = waiting.blocking_join();
      // Too late for the receiver: then it is buffered.
      const bool left = rx.try_receive().value_or(-1) == i;
      count.add(timing, how == send_status::delivered, end.ended,
                end.ended ? left : !left && end.item == i);
    }
  }
  SECTION("from a parked sender") {
    for (int i = 0; rounds.next(); ++i) {
      REQUIRE(tx.try_send(-2));
      auto waiting = rt.spawn(send_in_time, tx, i);
      until_senders_wait(tx, 1);
      timing.run([&rx = rx] { static_cast<void>(rx.try_receive()); });
      const auto end = waiting.blocking_join();
      const bool taken = rx.try_receive().value_or(-1) == i;
      count.add(timing, taken, end.ended, !end.ended || end.item == i);
    }
  }
  SECTION("of a buffered item whose receipt is waited for") {
    for (int i = 0; rounds.next(); ++i) {
      auto waiting = rt.spawn(deliver_in_time, tx, i);
      until([&tx = tx] { return tx.size() == 1; });
      int taken = -1;
      timing.run([&, &rx = rx] { taken = rx.try_receive().value_or(-1); });
      const auto end = waiting.blocking_join();
      count.add(timing, taken == i, end.ended, !end.ended || end.item == i);
      count.wrong += rx.size() != 0;
    }
  }
  count.check(rounds, tx.stats());
}

TEST_CASE("a closing against a hand-off (X-01)", "[stress]") {
  rounds_to_go rounds{5'000};
  runtime rt{{.workers = 1}};
  levada::channel_ends<int> ends;
  tally count;
  duel closing{[&ends] { ends.tx.close(); }};
  for (int i = 0; rounds.next(); ++i) {
    ends = make_channel<int>(rt);
    const auto other_tx = ends.tx;
    const auto other_rx = ends.rx;
    if (i % 4 < 2) {
      auto waiting = rt.spawn(
        [](receiver<int> in) -> task<ending> {
          auto got = co_await in.receive();
          co_return got ? ending{*got, false} : ending{0, got.closed()};
        },
        other_rx);
      until_receivers_wait(other_rx, 1);
      bool sent = false;
      closing.run([&] { sent = bool{other_tx.try_send(i)}; });
      const auto end = waiting.blocking_join();
      count.add(closing, sent, end.ended, !sent || end.item == i);
    } else {
      auto waiting = rt.spawn(
        [](sender<int> out, int item) -> task<ending> {
          auto sent = co_await out.send(item);
          co_return sent ? ending{} : ending{sent.take(), sent.closed()};
        },
        other_tx, i);
      until_senders_wait(other_tx, 1);
      int taken = -1;
      closing.run([&] { taken = other_rx.try_receive().value_or(-1); });
      const auto end = waiting.blocking_join();
      count.add(closing, taken == i, end.ended, !end.ended || end.item == i);
    }
    count.wrong += !conserved(other_tx.stats());
  }
  count.check(rounds, ends.tx.stats());
}
