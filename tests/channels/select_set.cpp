// select_set: a select that stays registered.
#include <levada/channels/select_set.hpp>

#include <atomic>
#include <map>

#include "support.hpp"

using namespace levada_tests;
using levada::select_key;
using levada::select_set;

namespace {

/// Receives from all until all are closed; how many came from each.
task<std::map<std::uint64_t, int>> count_events(std::vector<receiver<int>> from,
                                                std::uint64_t* sum) {
  select_set set;
  std::vector<select_key<int>> keys;
  for (auto& each : from)
    keys.push_back(set.add(std::move(each)));
  std::map<std::uint64_t, int> counts;
  while (auto event = co_await set.next()) {
    auto* got = event.from(keys[event.index() - 1]);
    if (*got) {
      ++counts[event.index()];
      *sum += static_cast<std::uint64_t>(**got);
    }
  }
  co_return counts;
}

} // namespace

TEST_CASE(
  "a set gives every item of every member once, and ends when all have "
  "closed (F-50, F-58)") {
  for (const auto& kind : waiting_flavours()) {
    for (const int members : {1, 2, 7, 64}) {
      CAPTURE(kind, members);
      runtime rt{{.workers = 2}};
      std::vector<receiver<int>> ends;
      for (int i = 0; i < members; ++i) {
        auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
        rt.spawn(send_numbers, std::move(tx), 0, 100);
        ends.push_back(std::move(rx));
      }
      std::uint64_t sum = 0;
      const auto counts = rt.block_on(count_events, std::move(ends), &sum);
      CHECK(sum == static_cast<std::uint64_t>(members) * 4950);
      CHECK(counts.size() == static_cast<std::size_t>(members));
      for (const auto& [index, count] : counts)
        CHECK(count == 100);
    }
  }
}

TEST_CASE(
  "a closed member is reported once and then left out (F-54, G-23, S-07)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt);
  select_set set;
  const auto key = set.add(a.rx);
  set.add(b.rx);
  REQUIRE(a.tx.try_send(7));
  a.tx.close();
  const auto first = set.blocking_next();
  REQUIRE(first.from(key) != nullptr);
  CHECK(**first.from(key) == 7);
  const auto second = set.blocking_next();
  REQUIRE(second.from(a.rx) != nullptr);
  CHECK(second.from(a.rx)->closed());
  CHECK(second.from(b.rx) == nullptr);
  b.tx.close();
  const auto third = set.blocking_next();
  CHECK(third.from(b.rx) != nullptr);
  const auto none = set.blocking_next();
  CHECK_FALSE(none);
  CHECK(none.error() == make_error_code(errc::empty));
  CHECK(set.size() == 0);
}

TEST_CASE("a set takes nothing that next() does not return (F-56, S-11)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
    auto sending = rt.spawn(send_numbers, tx, 0, 3);
    until([&] { return rx.size() + rx.info().waiting_senders > 0; });
    {
      select_set set;
      set.add(rx);
      const auto event = set.blocking_next();
      CHECK(**event.from(rx) == 0);
    }
    CHECK(*rx.blocking_receive() == 1);
    CHECK(*rx.blocking_receive() == 2);
    CHECK(sending.blocking_join() == 3);
    CHECK(conserved(rx.stats()));
  }
}

TEST_CASE("a member may be added while a task waits in next() (F-58)") {
  runtime rt{{.workers = 2}};
  select_set set;
  auto quiet = make_channel<int>(rt);
  auto late = make_channel<int>(rt, {.capacity = 1});
  set.add(quiet.rx);
  auto waiting = rt.spawn([&set]() -> task<std::uint64_t> {
    auto event = co_await set.next();
    co_return event.index();
  });
  until_receivers_wait(quiet.rx, 1);
  until([&] {
    return !rt.tasks().empty()
           && rt.tasks()[0].reason == levada::wait_reason::set;
  });
  SECTION("with an item in it already") {
    REQUIRE(late.tx.try_send(1));
    const auto key = set.add(late.rx);
    CHECK(waiting.blocking_join() == key.index());
  }
  SECTION("that gets its item later") {
    const auto key = set.add(late.rx);
    REQUIRE(late.tx.try_send(1));
    CHECK(waiting.blocking_join() == key.index());
  }
  SECTION("that is closed") {
    late.tx.close();
    const auto key = set.add(late.rx);
    CHECK(waiting.blocking_join() == key.index());
  }
}

TEST_CASE(
  "a member may be removed while a task waits in next(), what its "
  "channel holds stays there (F-58)") {
  runtime rt{{.workers = 2}};
  select_set set;
  auto a = make_channel<int>(rt, {.capacity = 1});
  auto b = make_channel<int>(rt, {.capacity = 1});
  const auto key_a = set.add(a.rx);
  const auto key_b = set.add(b.rx);
  auto waiting = rt.spawn([&set]() -> task<std::uint64_t> {
    auto event = co_await set.next();
    co_return event.index();
  });
  until_receivers_wait(a.rx, 1);
  until_receivers_wait(b.rx, 1);
  CHECK(set.remove(key_a));
  CHECK_FALSE(set.remove(key_a));
  CHECK(a.rx.info().waiting_receivers == 0);
  REQUIRE(a.tx.try_send(1));
  REQUIRE(b.tx.try_send(2));
  CHECK(waiting.blocking_join() == key_b.index());
  CHECK(*a.rx.try_receive() == 1);
}

TEST_CASE("removing the last member ends the wait with an empty event") {
  runtime rt{{.workers = 2}};
  select_set set;
  auto a = make_channel<int>(rt);
  const auto key = set.add(a.rx);
  auto waiting = rt.spawn([&set]() -> task<std::error_code> {
    auto event = co_await set.next();
    co_return event.error();
  });
  until([&] {
    return !rt.tasks().empty()
           && rt.tasks()[0].reason == levada::wait_reason::set;
  });
  CHECK(set.remove(key));
  CHECK(waiting.blocking_join() == make_error_code(errc::empty));
}

TEST_CASE("a set that waits meets a try_send on a rendezvous (G-03)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  select_set set;
  set.add(rx);
  CHECK(tx.try_send(1).full());
  auto waiting = rt.spawn([&]() -> task<int> {
    auto event = co_await set.next();
    co_return **event.from(rx);
  });
  until([&] { return static_cast<bool>(tx.try_send(5)); });
  CHECK(waiting.blocking_join() == 5);
}

TEST_CASE("members that have something take turns (F-50)") {
  runtime rt{{.workers = 1}};
  select_set set;
  std::vector<levada::channel_ends<int>> ends;
  for (int i = 0; i < 3; ++i) {
    ends.push_back(make_channel<int>(rt, {.capacity = 30}));
    for (int k = 0; k < 30; ++k)
      REQUIRE(ends.back().tx.try_send(k));
    set.add(ends.back().rx);
  }
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 30; ++i) {
    const auto event = set.blocking_next();
    ++counts[event.index()];
  }
  for (std::uint64_t index = 1; index <= 3; ++index)
    CHECK(counts[index] == 10);
}

TEST_CASE(
  "the wait in next() ends by time, by stop token, and with the "
  "runtime") {
  levada::manual_clock clock;
  runtime rt{{.workers = 1, .time = &clock}};
  auto [tx, rx] = make_channel<int>(rt);
  select_set set;
  set.add(rx);
  SECTION("time") {
    auto waiting = rt.spawn([&set]() -> task<std::error_code> {
      auto event = co_await set.next_for(5s);
      co_return event.error();
    });
    until([&] { return clock.armed() == 1; });
    clock.advance(5s);
    CHECK(waiting.blocking_join() == make_error_code(errc::timed_out));
    CHECK(clock.armed() == 0);
  }
  SECTION("stop token") {
    std::stop_source source;
    auto waiting
      = rt.spawn([&set, token = source.get_token()]() -> task<std::error_code> {
          auto event = co_await set.next(token);
          co_return event.error();
        });
    until_receivers_wait(rx, 1);
    source.request_stop();
    CHECK(waiting.blocking_join() == make_error_code(errc::cancelled));
  }
  SECTION("runtime") {
    auto waiting = rt.spawn([&set]() -> task<bool> {
      auto event = co_await set.next();
      co_return static_cast<bool>(event);
    });
    until_receivers_wait(rx, 1);
    CHECK(rt.stop(10s).clean);
    waiting.blocking_join(); // whether the closing or the cancelling came first
  }
}

TEST_CASE("adding nil says so") {
  select_set set;
  CHECK_THROWS_AS(set.add(receiver<int>{}), levada::channel_error);
}

TEST_CASE("members come and go under load, and every item arrives once",
          "[stress]") {
  runtime rt{{.workers = 2}};
  constexpr int channels = 50;
  constexpr int items = 200;
  std::vector<receiver<int>> ends;
  for (int i = 0; i < channels; ++i) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = i % 3});
    rt.spawn(send_numbers, std::move(tx), 0, items);
    ends.push_back(std::move(rx));
  }
  select_set set;
  std::vector<select_key<int>> keys(channels);
  for (int i = 0; i < channels; ++i)
    keys[static_cast<std::size_t>(i)]
      = set.add(ends[static_cast<std::size_t>(i)]);
  std::atomic<bool> done{false};
  std::jthread churn{[&] {
    // Takes members out and puts them back as new ones.
    for (std::size_t i = 0; !done; i = (i + 1) % channels)
      if (set.remove(keys[i]))
        keys[i] = set.add(ends[i]);
  }};
  std::uint64_t sum = 0;
  int received = 0;
  while (received < channels * items) {
    auto event = set.blocking_next();
    if (!event)
      continue; // for an instant the set may hold nothing
    for (const auto& each : ends)
      if (auto* got = event.from(each)) {
        if (*got) {
          ++received;
          sum += static_cast<std::uint64_t>(**got);
        }
        break;
      }
  }
  done = true;
  CHECK(sum == static_cast<std::uint64_t>(channels) * (items - 1) * items / 2);
}
