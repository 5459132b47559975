// select_set with members that are not simply channels.
#include <atomic>
#include <map>

#include <levada/channels/filter.hpp>
#include <levada/channels/latest.hpp>
#include <levada/channels/map.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/channels/timer.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;
using levada::select_key;
using levada::select_set;

namespace {

any_receiver<int> doubled(receiver<int> from) {
  return levada::map(std::move(from), [](int n) { return 2 * n; });
}

any_receiver<int> even(receiver<int> from) {
  return levada::filter(std::move(from), [](int n) { return n % 2 == 0; });
}

/// The sum of all that comes, and how many ends.
task<std::pair<long, int>> sum_all(select_set* set,
                                   std::vector<select_key<int>> keys) {
  long sum = 0;
  int ends = 0;
  while (auto event = co_await set->next()) {
    auto* got = event.from(keys.at(event.index() - 1));
    if (*got)
      sum += **got;
    else
      ++ends;
  }
  co_return std::pair<long, int>{sum, ends};
}

} // namespace

TEST_CASE(
  "a set of receivers of all kinds gives every item once, and ends when all "
  "have (F-58, F-50)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 2}};
    select_set set;
    std::vector<select_key<int>> keys;
    for (int i = 0; i < 12; ++i) {
      auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
      rt.spawn(send_numbers, std::move(tx), 0, 100);
      keys.push_back(i % 3 == 0   ? set.add(std::move(rx))
                     : i % 3 == 1 ? set.add(doubled(std::move(rx)))
                                  : set.add(even(std::move(rx))));
    }
    CHECK(set.size() == 12);
    const auto [sum, ends] = rt.block_on(sum_all, &set, keys);
    CHECK(sum == 4 * (4950 + 9900 + 2450));
    CHECK(ends == 12);
    CHECK(set.size() == 0);
  }
}

TEST_CASE(
  "members of both kinds that always have something take turns (F-50)") {
  runtime rt{{.workers = 1}};
  select_set set;
  for (int i = 0; i < 4; ++i) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 64});
    for (int n = 0; n < 64; ++n)
      REQUIRE(tx.try_send(n));
    if (i % 2 == 0)
      (void)set.add(rx);
    else
      (void)set.add(doubled(rx));
  }
  std::map<std::uint64_t, int> counts;
  for (int i = 0; i < 160; ++i)
    ++counts[set.blocking_next().index()];
  for (std::uint64_t member = 1; member <= 4; ++member)
    CHECK(counts[member] == 40);
}

TEST_CASE("a set wakes for a member of either kind (F-58)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  auto [news, watch] = levada::make_latest(rt, 0);
  select_set set;
  std::vector<select_key<int>> keys;
  keys.push_back(set.add(a.rx));
  keys.push_back(set.add(even(b.rx)));
  keys.push_back(set.add(any_receiver<int>{std::move(watch)}));
  auto summing = rt.spawn(sum_all, &set, keys);
  for (int i = 1; i <= 300; ++i) {
    if (i % 3 == 0)
      REQUIRE(a.tx.blocking_send(1000));
    else if (i % 3 == 1)
      REQUIRE(b.tx.blocking_send(i));
    else
      REQUIRE(news.send(0));
  }
  a.tx.close();
  b.tx.close();
  news.close();
  const auto [sum, ends] = summing.blocking_join();
  CHECK(sum == 100 * 1000 + 50 * (4 + 298) / 2);
  CHECK(ends == 3);
}

TEST_CASE("nothing is taken ahead for a member in rounds (F-56, S-11)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  select_set set;
  const auto first = set.add(a.rx);
  const auto second = set.add(doubled(b.rx));
  for (int i = 1; i <= 2; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(i));
  }
  for (int i = 1; i <= 3; ++i)
    (void)set.blocking_next();
  CHECK(a.tx.size() + b.tx.size() == 1);
  CHECK(set.remove(first));
  CHECK(set.remove(second));
  CHECK_FALSE(set.remove(second));
  CHECK_FALSE(set.blocking_next()); // the last event need not be kept any more
  CHECK(a.rx.drain().size() + b.rx.drain().size() == 1);
  CHECK(a.tx.info().receiver_handles == 1);
  CHECK(b.tx.info().receiver_handles == 1);
}

TEST_CASE("an event outlives the removal of its member in rounds (F-58)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 2});
  select_set set;
  const auto key = set.add(
    levada::map(rx, [](const std::string& text) { return text + text; }));
  REQUIRE(tx.try_send("a text that is not short"));
  const auto event = set.blocking_next();
  REQUIRE(event.from(key) != nullptr);
  CHECK(event.is(key));
  CHECK(set.remove(key));
  CHECK(event.from(key)->value().size() == 48);
  CHECK_FALSE(set.blocking_next());
  CHECK(tx.info().receiver_handles == 1);
}

TEST_CASE(
  "members of both kinds come and go while a wait in rounds is under way "
  "(F-58)") {
  runtime rt{{.workers = 2}};
  auto base = make_channel<int>(rt);
  select_set set;
  (void)set.add(doubled(base.rx));
  const auto count = [](select_set* from) -> task<std::pair<int, int>> {
    int items = 0;
    int ends = 0;
    while (auto event = co_await from->next())
      ++(event.index() % 2 == 0 ? items : ends);
    co_return std::pair<int, int>{items, ends};
  };
  auto counting = rt.spawn(count, &set);
  until_receivers_wait(base.tx, 1);
  std::size_t left = 0; // what a member had in hand when it was removed
  for (int i = 0; i < 200; ++i) {
    auto plain = make_channel<int>(rt);
    auto composed = make_channel<int>(rt);
    const auto one = set.add(plain.rx);
    const auto two = set.add(even(composed.rx));
    REQUIRE(plain.tx.blocking_send(1));
    REQUIRE(composed.tx.blocking_send(2));
    CHECK(set.remove(one));
    CHECK(set.remove(two));
    until([&] { return composed.tx.info().receiver_handles == 1; });
    left += composed.rx.drain().size() + plain.rx.drain().size();
  }
  CHECK(set.size() == 1);
  base.tx.close();
  const auto [items, ends] = counting.blocking_join();
  CHECK(items + ends + static_cast<int>(left) == 401);
}

TEST_CASE("removing the last member in rounds ends the wait (F-58)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  select_set set;
  const auto key = set.add(doubled(rx));
  const auto wait = [](select_set* from) -> task<std::error_code> {
    auto event = co_await from->next();
    co_return event.error();
  };
  auto waiting = rt.spawn(wait, &set);
  until_receivers_wait(tx, 1);
  CHECK(set.remove(key));
  CHECK(waiting.blocking_join() == make_error_code(errc::empty));
}

TEST_CASE("a wait in rounds ends by time, stop and cancelling (F-56)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  auto idle = make_channel<int>(rt);
  select_set set;
  const auto key = set.add(doubled(rx));
  (void)set.add(idle.rx);
  const auto wait_for
    = [](select_set* from, levada::duration length) -> task<std::error_code> {
    auto event = co_await from->next_for(length);
    co_return event.error();
  };
  const auto late = make_error_code(errc::timed_out);
  CHECK(rt.block_on(wait_for, &set, levada::duration{0}) == late);
  CHECK(rt.block_on(wait_for, &set, levada::duration{1ms}) == late);
  std::stop_source stop;
  const auto wait
    = [](select_set* from, std::stop_token token) -> task<std::error_code> {
    auto event = co_await from->next(std::move(token));
    co_return event.error();
  };
  auto stopped = rt.spawn(wait, &set, stop.get_token());
  until_receivers_wait(tx, 1);
  stop.request_stop();
  CHECK(stopped.blocking_join() == make_error_code(errc::cancelled));
  levada::scope children{rt};
  auto child = children.spawn(wait, &set, std::stop_token{});
  until_receivers_wait(tx, 1);
  children.cancel();
  CHECK(child.blocking_join() == make_error_code(errc::cancelled));
  REQUIRE(tx.try_send(4));
  CHECK(rt.block_on(wait_for, &set, levada::duration{0}) == std::error_code{});
  REQUIRE(tx.try_send(5));
  CHECK(set.blocking_next().from(key)->value() == 10);
}

TEST_CASE(
  "the first any_receiver is refused while a set waits without one (F-58)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  select_set set;
  (void)set.add(a.rx);
  auto waiting = rt.spawn(
    [](select_set* from) -> task<std::uint64_t> {
      auto event = co_await from->next();
      co_return event.index();
    },
    &set);
  until([&] {
    for (const auto& each : rt.tasks())
      if (each.reason == levada::wait_reason::set)
        return true;
    return false;
  });
  CHECK_THROWS_AS(set.add(doubled(b.rx)), levada::channel_error);
  REQUIRE(a.tx.blocking_send(1));
  CHECK(waiting.blocking_join() == 1);
  (void)set.add(doubled(b.rx));
  CHECK(set.size() == 2);
}

TEST_CASE(
  "what a member's function throws comes out of next, and the set goes "
  "on (F-55)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  select_set set;
  const auto key = set.add(levada::map(rx, [](int n) {
    if (n == 2)
      throw std::runtime_error{"two"};
    return n;
  }));
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.try_send(i));
  CHECK(set.blocking_next().from(key)->value() == 1);
  CHECK_THROWS_WITH(set.blocking_next(), "two");
  CHECK(set.blocking_next().from(key)->value() == 3);
}
