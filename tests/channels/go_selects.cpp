// What Go's own tests ask of select, written again from their rules.
#include <any>
#include <array>
#include <cmath>
#include <functional>
#include <variant>

#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::otherwise;
using levada::sending;

namespace {

/// Passes its argument on and counts that it was asked for.
struct evaluations {
  template <class T>
  const T& of(const T& operand) {
    ++count;
    return operand;
  }
  int count = 0;
};

/// How one task receives a number from `from` while `idle` has nothing.
constexpr int ways_to_receive = 6;
task<int> receive_somehow(int how, receiver<int> from, receiver<int> idle) {
  const receiver<int> nil;
  switch (how) {
    case 0: {
      auto got = co_await from.receive();
      co_return got.value();
    }
    case 1: {
      auto chosen = co_await levada::select(from);
      co_return chosen.get<0>().value();
    }
    case 2: {
      auto chosen = co_await levada::select(idle, from);
      co_return chosen.get<1>().value();
    }
    case 3: {
      auto chosen = co_await levada::select(from, nil, idle);
      co_return chosen.get<0>().value();
    }
    case 4: {
      auto chosen = co_await levada::select(from, from);
      co_return chosen.index() == 0 ? chosen.get<0>().value()
                                    : chosen.get<1>().value();
    }
    default: {
      levada::select_set set;
      auto idle_key = set.add(idle);
      auto key = set.add(from);
      auto event = co_await set.next();
      (void)idle_key;
      auto* got = event.from(key);
      co_return got != nullptr ? got->value() : -1;
    }
  }
}

/// How one task sends a number.
constexpr int ways_to_send = 5;
task<> send_somehow(int how, int item, sender<int> to, sender<int> idle) {
  const sender<int> nil;
  switch (how) {
    case 0: {
      auto sent = co_await to.send(item);
      sent.check();
      break;
    }
    case 1: {
      auto chosen = co_await levada::select(sending(to, item));
      chosen.get<0>().check();
      break;
    }
    case 2: {
      const int other = -item;
      auto chosen
        = co_await levada::select(sending(idle, other), sending(to, item));
      chosen.get<1>().check();
      break;
    }
    case 3: {
      auto chosen
        = co_await levada::select(sending(to, item), sending(nil, item));
      chosen.get<0>().check();
      break;
    }
    default: {
      auto chosen
        = co_await levada::select(sending(to, item), sending(to, item));
      (void)chosen;
    }
  }
}

} // namespace

TEST_CASE(
  "every operand of a select is evaluated once, chosen or not "
  "(G-20, S-08, Go: select5)") {
  runtime rt{{.workers = 1}};
  auto ready = make_channel<int>(rt, {.capacity = 1});
  auto full = make_channel<int>(rt, {.capacity = 1});
  auto closed = make_channel<int>(rt);
  closed.tx.close();
  REQUIRE(full.tx.try_send(0));
  const receiver<int> nil;
  const sender<int> nil_tx;
  const int number = 7;
  evaluations channels;
  evaluations values;
  int selects = 0;
  for (int i = 0; i < 20; ++i) {
    if (i % 2 == 0)
      REQUIRE(ready.tx.try_send(i));
    auto chosen = levada::blocking_select(
      channels.of(ready.rx), channels.of(nil),
      sending(channels.of(full.tx), values.of(number)),
      sending(channels.of(nil_tx), values.of(number)),
      sending(channels.of(ready.tx), values.of(number)));
    // On an odd turn only the last case is ready, on an even one the first.
    CHECK(chosen.index() == (i % 2 == 0 ? 0 : 4));
    if (i % 2 == 1)
      CHECK(ready.rx.try_receive().value() == number);
    ++selects;
  }
  CHECK(channels.count == 5 * selects);
  CHECK(values.count == 3 * selects);
  const bool waited = rt.block_on(
    [](receiver<int> in, evaluations& seen) -> task<bool> {
      const receiver<int> none;
      auto chosen
        = co_await levada::select(seen.of(none), seen.of(in), otherwise);
      co_return chosen.index() == 1 && chosen.get<1>().closed();
    },
    closed.rx, std::ref(channels));
  CHECK(waited);
  CHECK(channels.count == 5 * selects + 2);
}

TEST_CASE(
  "a select that wins elsewhere leaves its place in the middle of a queue "
  "(G-20, G-05, Go: select6)") {
  runtime rt{{.workers = 1}};
  auto busy = make_channel<int>(rt);
  auto other = make_channel<int>(rt);
  const auto receive = [](receiver<int> in) -> task<int> {
    auto got = co_await in.receive();
    co_return got.value();
  };
  auto first = rt.spawn(receive, busy.rx);
  until_receivers_wait(busy.rx, 1);
  auto middle = rt.spawn(
    [](receiver<int> a, receiver<int> b) -> task<std::size_t> {
      auto chosen = co_await levada::select(a, b);
      co_return chosen.index();
    },
    busy.rx, other.rx);
  until_receivers_wait(busy.rx, 2);
  auto last = rt.spawn(receive, busy.rx);
  until_receivers_wait(busy.rx, 3);
  REQUIRE(other.tx.try_send(0));
  CHECK(middle.blocking_join() == 1);
  CHECK(busy.rx.info().waiting_receivers == 2);
  REQUIRE(busy.tx.try_send(1));
  REQUIRE(busy.tx.try_send(2));
  CHECK(busy.tx.try_send(3).full());
  CHECK(first.blocking_join() == 1);
  CHECK(last.blocking_join() == 2);
}

TEST_CASE(
  "every way to send meets every way to receive, whoever comes first "
  "(G-20, G-24, Go: select7)") {
  const int sender_way = GENERATE(range(0, ways_to_send));
  const int receiver_way = GENERATE(range(0, ways_to_receive));
  const int capacity = GENERATE(0, 1, 2);
  const bool receiver_first = GENERATE(true, false);
  CAPTURE(sender_way, receiver_way, capacity, receiver_first);
  runtime rt{{.workers = 1}};
  auto way = make_channel<int>(rt, {.capacity = capacity});
  auto idle = make_channel<int>(rt);
  auto idle_too = make_channel<int>(rt);
  for (int item = 1; item < 4; ++item) {
    levada::join_handle<int> receiving;
    if (receiver_first) {
      receiving = rt.spawn(receive_somehow, receiver_way, way.rx, idle.rx);
      until([&] { return way.rx.info().waiting_receivers != 0; });
    }
    auto sending
      = rt.spawn(send_somehow, sender_way, item, way.tx, idle_too.tx);
    if (!receiver_first) {
      if (capacity == 0)
        until([&] { return way.tx.info().waiting_senders != 0; });
      else
        sending.blocking_join();
      receiving = rt.spawn(receive_somehow, receiver_way, way.rx, idle.rx);
    }
    CHECK(receiving.blocking_join() == item);
    if (receiver_first || capacity == 0)
      sending.blocking_join();
  }
  for (const auto& each : {way.tx, idle.tx, idle_too.tx}) {
    CHECK(each.info().waiting_senders == 0);
    CHECK(each.info().waiting_receivers == 0);
    CHECK(each.size() == 0);
  }
  CHECK(idle_too.tx.stats().sent == 0);
  CHECK(way.tx.stats().received == 3);
}

TEST_CASE(
  "two that are always ready are taken equally often, also beside idle ones "
  "(G-20, X-05, Go: TestSelectFairness)") {
  runtime rt{{.workers = 2}};
  constexpr int trials = 10'000;
  std::array<levada::channel_ends<int>, 4> in;
  for (std::size_t i = 0; i < 4; ++i)
    in[i] = make_channel<int>(rt, {.capacity = i < 2 ? trials + 1 : 0});
  for (int i = 0; i <= trials; ++i) {
    REQUIRE(in[0].tx.try_send(0));
    REQUIRE(in[1].tx.try_send(1));
  }
  auto [out, results] = make_channel<int>(rt);
  auto done = make_channel<int>(rt);
  auto relaying = rt.spawn(
    [](std::vector<receiver<int>> from, sender<int> to,
       receiver<int> end) -> task<> {
      for (;;) {
        auto chosen
          = co_await levada::select(from[2], from[3], from[0], from[1]);
        const int which = static_cast<int>(chosen.index()) - 2;
        auto passed = co_await levada::select(sending(to, which), end);
        if (passed.index() != 0)
          break;
      }
    },
    std::vector{in[0].rx, in[1].rx, in[2].rx, in[3].rx}, std::move(out),
    done.rx);
  std::array<int, 2> count{};
  bool idle_fired = false;
  for (int i = 0; i < trials; ++i) {
    const int which = results.blocking_receive().value();
    if (which < 0)
      idle_fired = true;
    else
      ++count[static_cast<std::size_t>(which)];
  }
  done.tx.close();
  relaying.blocking_join();
  CHECK_FALSE(idle_fired);
  // Ten standard deviations: it fails once in 10^23 runs.
  const double bound = 10 * std::sqrt(trials * 0.25);
  CHECK(std::abs(count[0] - trials / 2) < bound);
  CHECK(std::abs(count[1] - trials / 2) < bound);
}

TEST_CASE(
  "two sends of one select on one channel are equally likely "
  "(G-20, G-24, Go: TestPseudoRandomSend)") {
  const int capacity = GENERATE(0, 1, 100);
  runtime rt{{.workers = 2}};
  constexpr int trials = 1000;
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto sending_all = rt.spawn(
    [](sender<int> out) -> task<> {
      for (int i = 0; i < trials; ++i) {
        auto chosen = co_await levada::select(sending(out, 0), sending(out, 1));
        (void)chosen;
      }
    },
    std::move(tx));
  int ones = 0;
  int all = 0;
  for (const int each : rx.blocking()) {
    ones += each;
    ++all;
  }
  sending_all.blocking_join();
  CHECK(all == trials);
  CHECK(std::abs(ones - trials / 2) < 10 * std::sqrt(trials * 0.25));
}

TEST_CASE(
  "two that each may send to and receive from one channel never meet "
  "themselves (G-24, S-08, Go: TestSelfSelect)") {
  const int capacity = GENERATE(0, 1, 2, 10);
  CAPTURE(capacity);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  const auto play = [](int me, sender<int> out, receiver<int> in) -> task<int> {
    int own = 0;
    for (int i = 0; i < 1000; ++i) {
      if (me == 0 || i % 2 == 0) {
        auto chosen = co_await levada::select(sending(out, me), in);
        if (chosen.index() == 1 && chosen.get<1>().value() == me)
          ++own;
      } else {
        auto chosen = co_await levada::select(in, sending(out, me));
        if (chosen.index() == 0 && chosen.get<0>().value() == me)
          ++own;
      }
    }
    co_return own;
  };
  auto first = rt.spawn(play, 0, tx, rx);
  auto second = rt.spawn(play, 1, tx, rx);
  const int own = first.blocking_join() + second.blocking_join();
  if (capacity == 0)
    CHECK(own == 0); // with a buffer one may well find one's own
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a select with the same channel twice leaves both places when it wins "
  "elsewhere (G-24, Go: TestSelectDuplicateChannel)") {
  runtime rt{{.workers = 1}};
  auto c = make_channel<int>(rt);
  auto d = make_channel<int>(rt);
  auto twice = rt.spawn(
    [](receiver<int> a, receiver<int> b) -> task<std::size_t> {
      auto chosen = co_await levada::select(a, a, b);
      co_return chosen.index();
    },
    c.rx, d.rx);
  until_receivers_wait(c.rx, 2);
  auto behind = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got.value();
    },
    c.rx);
  until_receivers_wait(c.rx, 3);
  REQUIRE(d.tx.try_send(7));
  CHECK(twice.blocking_join() == 2);
  CHECK(c.rx.info().waiting_receivers == 1);
  REQUIRE(c.tx.try_send(8));
  CHECK(behind.blocking_join() == 8);
}

TEST_CASE(
  "of two tries for an item that moves between two channels one finds it "
  "(G-25, Go: TestNonblockSelectRace)",
  "[stress]") {
  // c1 is full. A task looks at c1 and then at c2; meanwhile c2 is filled and
  // then c1 emptied: at no instant are both empty.
  const bool by_closing = GENERATE(false, true);
  runtime rt{{.workers = 2}};
  int missed = 0;
  for (int i = 0; i < 5000; ++i) {
    auto c1 = make_channel<int>(rt, {.capacity = 1});
    auto c2 = make_channel<int>(rt, {.capacity = by_closing ? 0 : 1});
    REQUIRE(c1.tx.try_send(1));
    auto looking = rt.spawn(
      [](receiver<int> a, receiver<int> b) -> task<bool> {
        auto chosen = co_await levada::select(a, b, otherwise);
        co_return chosen.index() != 2;
      },
      c1.rx, c2.rx);
    if (by_closing)
      c2.tx.close();
    else
      REQUIRE(c2.tx.try_send(1));
    (void)levada::blocking_select(c1.rx, otherwise);
    missed += looking.blocking_join() ? 0 : 1;
  }
  CHECK(missed == 0);
}

TEST_CASE(
  "several consumers share what several producers make, and all of it "
  "(G-01, Go: TestMultiConsumer)") {
  runtime rt{{.workers = 2}};
  constexpr int workers = 23;
  constexpr int items = 5000;
  auto work = make_channel<int>(rt, {.capacity = workers});
  auto results = make_channel<int>(rt, {.capacity = workers});
  for (int i = 0; i < workers; ++i)
    rt.spawn(
        [](receiver<int> in, sender<int> out) -> task<> {
          while (auto v = co_await in.receive()) {
            const int item = *v;
            if (item % 7 == 0)
              co_await levada::yield();
            auto sent = co_await out.send(item);
            if (!sent)
              break;
          }
        },
        work.rx, results.tx)
      .detach();
  work.rx = {};
  results.tx = {};
  auto feeding = rt.spawn(send_numbers, std::move(work.tx), 0, items);
  auto got = rt.block_on(collect<int>, std::move(results.rx));
  std::sort(got.begin(), got.end());
  CHECK(got == numbers(0, items));
  CHECK(feeding.blocking_join() == items);
}

TEST_CASE(
  "whatever a type can hold goes through every way to send "
  "(G-12, Go: TestChanSendInterface)") {
  struct big {
    std::array<int, 300> values{};
    std::string text;
  };
  const int way = GENERATE(0, 1, 2, 3);
  runtime rt{{.workers = 1}};
  using item = std::variant<int, std::string, std::any, std::shared_ptr<big>>;
  auto [tx, rx] = make_channel<item>(rt, {.capacity = way == 0 ? 1 : 0});
  auto held = std::make_shared<big>();
  held->text = "big";
  held->values.back() = 5;
  const std::vector<item> items{1, std::string{"text"}, std::any{2.5}, held};
  auto sending_all = rt.spawn(
    [](sender<item> out, std::vector<item> all, int how) -> task<> {
      for (auto& each : all) {
        if (how < 2) {
          auto sent = co_await out.send(each);
          sent.check();
        } else if (how == 2) {
          auto chosen = co_await levada::select(sending(out, each));
          chosen.get<0>().check();
        } else {
          for (bool went = false; !went;) {
            auto chosen
              = co_await levada::select(sending(out, each), otherwise);
            went = chosen.index() == 0;
            co_await levada::yield();
          }
        }
      }
    },
    std::move(tx), items, way);
  auto got = rt.block_on(collect<item>, std::move(rx));
  sending_all.blocking_join();
  REQUIRE(got.size() == 4);
  CHECK(std::get<0>(got[0]) == 1);
  CHECK(std::get<1>(got[1]) == "text");
  CHECK(std::any_cast<double>(std::get<2>(got[2])) == 2.5);
  CHECK(std::get<3>(got[3])->values.back() == 5);
  CHECK(std::get<3>(got[3]) == held);
}
