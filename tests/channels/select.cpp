// select: which case happens, when it waits, and that losers did nothing.
#include <levada/channels/select.hpp>
#include <levada/channels/timers.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

enum class state { nil, empty, has_item, full, closed };

struct ends {
  sender<int> tx;
  receiver<int> rx;
};

ends in_state(runtime& rt, state what, int capacity) {
  if (what == state::nil)
    return {};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  if (what == state::has_item || what == state::full)
    while (tx.try_send(1) && what == state::full)
      ;
  if (what == state::closed)
    tx.close();
  return {tx, rx};
}

} // namespace

TEST_CASE(
  "a select waits, or does not, as its one case would (G-20, G-02, "
  "G-23, Go: select3)") {
  runtime rt{{.workers = 1}};
  const auto capacity = GENERATE(0, 1, 4);
  const auto what = GENERATE(state::nil, state::empty, state::has_item,
                             state::full, state::closed);
  if (capacity == 0 && (what == state::has_item))
    return;
  auto [tx, rx] = in_state(rt, what, capacity);
  const bool can_receive
    = what == state::closed
      || (capacity > 0 && (what == state::has_item || what == state::full));
  const bool can_send = what == state::closed
                        || (capacity > 0
                            && (what == state::empty
                                || (what == state::has_item && capacity > 1)));
  CAPTURE(capacity, static_cast<int>(what));
  rt.block_on([&, rx = rx, tx = tx]() -> task<> {
    auto in = co_await levada::select(rx, levada::otherwise);
    CHECK((in.index() == 0) == can_receive);
    if (in.index() == 0)
      CHECK(in.get<0>().closed() == (what == state::closed));
  });
  auto again = in_state(rt, what, capacity);
  rt.block_on([&, tx = again.tx]() -> task<> {
    auto out
      = co_await levada::select(levada::sending(tx, 5), levada::otherwise);
    CHECK((out.index() == 0) == can_send);
    if (out.index() == 0)
      CHECK(out.get<0>().closed() == (what == state::closed));
  });
}

TEST_CASE(
  "what a select did can be asked again and again, and of no other case "
  "(F-51, F-52)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<std::string>(rt, {.capacity = 1});
  auto b = make_channel<std::string>(rt, {.capacity = 1});
  REQUIRE(a.tx.try_send("a"));
  auto message = levada::blocking_select(b.rx, a.rx);
  CHECK(message.index() == 1);
  CHECK(message.from(b.rx) == nullptr);
  for (int i = 0; i < 2; ++i) {
    auto* got = message.from(a.rx);
    REQUIRE(got != nullptr);
    CHECK(got->value() == "a");
    CHECK_FALSE(got->closed());
  }
  const auto copy = a.rx;
  CHECK(message.from(copy) != nullptr); // the channel counts, not the handle

  b.tx.close("the cause");
  auto ended = levada::blocking_select(a.rx, b.rx);
  CHECK(ended.from(a.rx) == nullptr);
  for (int i = 0; i < 2; ++i) {
    auto* got = ended.from(b.rx);
    REQUIRE(got != nullptr);
    CHECK(got->closed());
    CHECK_THROWS_AS(got->value(), levada::channel_closed);
  }
  CHECK_THROWS_AS(std::rethrow_exception(b.rx.close_record().cause),
                  std::runtime_error);
}

TEST_CASE("losing cases have no effect (G-20)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  for (int i = 0; i < 2; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(10 + i));
  }
  for (int i = 0; i < 50; ++i) {
    const auto before = a.rx.size() + b.rx.size();
    auto chosen = levada::blocking_select(a.rx, levada::sending(b.tx, 7), b.rx);
    switch (chosen.index()) {
      case 0:
        CHECK(a.rx.size() + b.rx.size() == before - 1);
        REQUIRE(a.tx.try_send(*chosen.get<0>()));
        break;
      case 1:
        CHECK(a.rx.size() + b.rx.size() == before + 1);
        REQUIRE(b.rx.try_receive());
        break;
      default:
        CHECK(a.rx.size() + b.rx.size() == before - 1);
        REQUIRE(b.tx.try_send(*chosen.get<2>()));
    }
  }
  CHECK(conserved(a.tx.stats()));
  CHECK(conserved(b.tx.stats()));
}

TEST_CASE("a parked select is withdrawn from the channels that lose (G-20)") {
  const bool by_task = GENERATE(true, false);
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  auto full = make_channel<int>(rt);
  std::size_t index = 99;
  int value = 0;
  const auto use = [&](auto& chosen) {
    index = chosen.index();
    if (auto* got = chosen.from(b.rx))
      value = got->value();
  };
  const auto meet = [&] {
    until([&] {
      return a.rx.info().waiting_receivers == 1
             && b.rx.info().waiting_receivers == 1
             && full.tx.info().waiting_senders == 1;
    });
    REQUIRE(b.tx.try_send(6));
  };
  if (by_task) {
    auto selecting = rt.spawn([&]() -> task<> {
      auto chosen
        = co_await levada::select(a.rx, b.rx, levada::sending(full.tx, 1));
      use(chosen);
    });
    meet();
    selecting.blocking_join();
  } else {
    std::jthread selecting{[&] {
      auto chosen
        = levada::blocking_select(a.rx, b.rx, levada::sending(full.tx, 1));
      use(chosen);
    }};
    meet();
  }
  CHECK(index == 1);
  CHECK(value == 6);
  CHECK(a.rx.info().waiting_receivers == 0);
  CHECK(full.tx.info().waiting_senders == 0);
  CHECK(a.tx.try_send(1).full());
  CHECK(full.rx.try_receive().empty());
  for (const auto& each : {a, b, full})
    CHECK(conserved(each.tx.stats()));
}

TEST_CASE("a select does not meet itself (G-24, S-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto selecting = rt.spawn([tx = tx, rx = rx]() -> task<std::size_t> {
    auto chosen = co_await levada::select(levada::sending(tx, 1), rx);
    co_return chosen.index();
  });
  until_senders_wait(tx, 1);
  until_receivers_wait(tx, 1);
  CHECK_FALSE(selecting.done());
  SECTION("it sends to somebody else") {
    CHECK(rx.try_receive().value() == 1);
    CHECK(selecting.blocking_join() == 0);
  }
  SECTION("it receives from somebody else") {
    CHECK(tx.try_send(2));
    CHECK(selecting.blocking_join() == 1);
  }
  CHECK(conserved(tx.stats()));
}

TEST_CASE("two selects over the same channel meet each other (G-24)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto both = [tx = tx, rx = rx]() -> task<std::size_t> {
    auto chosen = co_await levada::select(levada::sending(tx, 1), rx);
    co_return chosen.index();
  };
  for (int i = 0; i < 1000; ++i) {
    auto one = rt.spawn(both);
    auto two = rt.spawn(both);
    REQUIRE(one.blocking_join() + two.blocking_join() == 1);
  }
  CHECK(tx.stats().sent == 1000);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("the same channel may stand in a select several times (G-24)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  std::array<int, 3> chosen_index{};
  for (int i = 0; i < 300; ++i) {
    REQUIRE(tx.try_send(i));
    auto chosen = levada::blocking_select(rx, rx, rx);
    ++chosen_index[chosen.index()];
    REQUIRE(rx.try_receive().empty());
  }
  for (const auto count : chosen_index)
    CHECK(count > 0);
  auto parked = rt.spawn([rx = rx]() -> task<int> {
    auto chosen = co_await levada::select(rx, rx);
    co_return chosen.index() == 0 ? chosen.get<0>().value()
                                  : chosen.get<1>().value();
  });
  until_receivers_wait(rx, 2);
  REQUIRE(tx.try_send(5));
  CHECK(parked.blocking_join() == 5);
  CHECK(rx.info().waiting_receivers == 0);
}

TEST_CASE(
  "among several ready chance decides, each equally often (X-05, "
  "G-20)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt, {.capacity = 1});
  auto c = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(a.tx.try_send(0));
  REQUIRE(b.tx.try_send(0));
  constexpr int tries = 30'000;
  std::array<int, 3> count{};
  for (int i = 0; i < tries; ++i) {
    auto chosen = levada::blocking_select(a.rx, b.rx, levada::sending(c.tx, 0));
    ++count[chosen.index()];
    switch (chosen.index()) {
      case 0:
        REQUIRE(a.tx.try_send(0));
        break;
      case 1:
        REQUIRE(b.tx.try_send(0));
        break;
      default:
        REQUIRE(c.rx.try_receive());
    }
  }
  // Ten standard deviations of a fair coin with three sides: sqrt(n * 2 / 9).
  for (const auto each : count)
    CHECK(std::abs(each - tries / 3) < 820);
}

TEST_CASE("biased takes the first as written (X-05)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 100});
  auto b = make_channel<int>(rt, {.capacity = 100});
  for (int i = 0; i < 100; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(i));
  }
  for (int i = 0; i < 100; ++i)
    CHECK(levada::blocking_select(levada::biased, b.rx, a.rx).index() == 0);
  CHECK(a.rx.size() == 100);
  CHECK(levada::blocking_select(levada::biased, b.rx, a.rx).index() == 1);
}

TEST_CASE(
  "a timer that is due and a requested stop are as likely as a channel "
  "that is ready (X-05, F-57, G-20)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = levada::unbounded});
  std::stop_source stop;
  stop.request_stop();
  const auto choose = [](receiver<int> in, sender<int> out,
                         std::stop_token token) -> task<std::vector<int>> {
    std::vector<int> counts(3);
    for (int i = 0; i < 6000; ++i) {
      const auto sent = co_await out.send(i);
      if (!sent)
        co_return std::vector<int>{};
      auto chosen = co_await levada::select(in, levada::after(0s), token);
      ++counts[chosen.index()];
    }
    co_return counts;
  };
  // 2000 each are expected, with a deviation of 37: ten of these
  for (const int each : rt.block_on(choose, rx, tx, stop.get_token()))
    CHECK(std::abs(each - 2000) < 370);
}

TEST_CASE(
  "biased takes a timer that is due, or a stop, where it is written "
  "(X-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  std::stop_source stop;
  stop.request_stop();
  const auto work
    = [](receiver<int> in, std::stop_token token) -> task<std::vector<bool>> {
    std::vector<bool> as_written;
    auto timer_first
      = co_await levada::select(levada::biased, levada::after(0s), in);
    as_written.push_back(timer_first.index() == 0);
    auto stop_first = co_await levada::select(levada::biased, token, in);
    as_written.push_back(stop_first.index() == 0);
    auto stop_second = co_await levada::select(
      levada::biased, levada::receiver<int>{}, token, levada::after(0s), in);
    as_written.push_back(stop_second.index() == 1);
    auto channel_first
      = co_await levada::select(levada::biased, in, token, levada::after(0s));
    as_written.push_back(channel_first.index() == 0);
    co_return as_written;
  };
  CHECK(rt.block_on(work, rx, stop.get_token())
        == std::vector<bool>{true, true, true, true});
}
