// select_set::next() in a task: the short way, and every way out of it.
#include <levada/channels/select_set.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <stdexcept>

#include <levada/channels/map.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::select_key;
using levada::select_set;

namespace {

/// The values of the next `count` events; -1 for a closed member, -2 for no event.
task<std::vector<int>> next_values(select_set* set,
                                   std::vector<select_key<int>> keys,
                                   std::size_t count) {
  std::vector<int> result;
  while (result.size() < count) {
    auto event = co_await set->next_for(0s);
    int value = -2;
    for (const auto key : keys)
      if (auto* got = event.from(key))
        value = *got ? **got : -1;
    result.push_back(value);
  }
  co_return result;
}

/// Throws when it is moved out of a channel, if it is told to.
struct prickly {
  prickly(int value, const bool* throws) : value(value), throws(throws) {
  }
  prickly(prickly&& other) : value(other.value), throws(other.throws) {
    if (*throws)
      throw std::runtime_error{"not to be moved"};
  }
  int value;
  const bool* throws;
};

/// The value of the next event; -1 when making it throws, -2 for no event.
task<int> next_prickly(select_set* set, select_key<prickly> key) {
  int result = -2;
  try {
    auto event = co_await set->next();
    if (auto* got = event.from(key))
      result = (*got)->value;
  } catch (const std::runtime_error&) {
    result = -1;
  }
  co_return result;
}

/// Stops when it is moved out of a channel, if it is told to.
struct stuck_in_move {
  enum { free, armed, stuck, over };

  stuck_in_move(int value, std::atomic<int>* state)
      : value(value),
        state(state) {
  }
  stuck_in_move(stuck_in_move&& other)
      : value(other.value),
        state(other.state) {
    int expected = armed;
    if (!state->compare_exchange_strong(expected, stuck))
      return;
    state->notify_all();
    state->wait(stuck);
  }
  int value;
  std::atomic<int>* state;
};

/// The value of the next event; -2 for no event.
task<int> next_stuck(select_set* set, select_key<stuck_in_move> key) {
  int result = -2;
  auto event = co_await set->next_for(0s);
  if (auto* got = event.from(key))
    result = (*got)->value;
  co_return result;
}

} // namespace

TEST_CASE(
  "events of ready members come in turns, then the closed ones, then none "
  "(F-50, F-54)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  select_set set;
  const std::vector keys{set.add(a.rx), set.add(b.rx)};
  for (int i = 0; i < 3; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(10 + i));
  }
  CHECK(rt.block_on(next_values, &set, keys, 4)
        == std::vector<int>{0, 10, 1, 11});
  b.tx.close();
  CHECK(rt.block_on(next_values, &set, keys, 4)
        == std::vector<int>{2, 12, -1, -2});
  CHECK(set.size() == 1);
  CHECK(rt.block_on(next_values, &set, keys, 1) == std::vector<int>{-2});
  CHECK(conserved(a.rx.stats()));
  CHECK(a.rx.stats().received == 3);
}

TEST_CASE("a set lets in the senders that wait, in their order (F-50, G-03)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
    select_set set;
    const std::vector keys{set.add(rx)};
    std::vector<levada::join_handle<int>> sending;
    std::vector<int> expected;
    for (int i = 0; i < 20; ++i) {
      sending.push_back(rt.spawn(send_numbers, tx, i, i + 1));
      const auto sent = static_cast<std::uint32_t>(i + 1);
      until([&] { return rx.size() + rx.info().waiting_senders == sent; });
      expected.push_back(i);
    }
    CHECK(rt.block_on(next_values, &set, keys, 20) == expected);
    for (auto& each : sending)
      CHECK(each.blocking_join() == 1);
    CHECK(conserved(rx.stats()));
  }
}

TEST_CASE(
  "a member removed while its event is out is passed over for the next one "
  "(F-58)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  select_set set;
  const std::vector keys{set.add(a.rx), set.add(b.rx)};
  for (int i = 0; i < 2; ++i) {
    REQUIRE(a.tx.try_send(i));
    REQUIRE(b.tx.try_send(10 + i));
  }
  CHECK(rt.block_on(next_values, &set, keys, 1) == std::vector<int>{0});
  CHECK(set.remove(keys[0]));
  // Time for one look: it must be one at all that are ready.
  CHECK(rt.block_on(next_values, &set, keys, 3)
        == std::vector<int>{10, 11, -2});
  CHECK(a.rx.drain() == std::vector<int>{1});
  CHECK(a.rx.info().waiting_receivers == 0);
}

TEST_CASE(
  "a member removed while next() has its item in hand stays until that "
  "event has been seen (F-58)") {
  // The short way holds no lock then: all that keeps the member is that it is busy.
  runtime rt{{.workers = 1}};
  std::atomic<int> state{stuck_in_move::free};
  auto [tx, rx] = make_channel<stuck_in_move>(rt, {.capacity = 4});
  select_set set;
  const auto key = set.add(rx);
  for (int i = 1; i <= 2; ++i)
    REQUIRE(tx.try_send(stuck_in_move{i, &state}));
  state = stuck_in_move::armed;
  auto waiting = rt.spawn(next_stuck, &set, key);
  until([&] { return state == stuck_in_move::stuck; });
  CHECK(set.remove(key));
  CHECK_FALSE(set.remove(key));
  CHECK(rx.info().receiver_handles == 2); // the member's, too
  state = stuck_in_move::over;
  state.notify_all();
  CHECK(waiting.blocking_join() == 1);
  CHECK(rt.block_on(next_stuck, &set, key) == -2);
  CHECK(rx.info().receiver_handles == 1);
  CHECK(rx.info().waiting_receivers == 0);
  auto left = rx.try_receive();
  REQUIRE(left);
  CHECK(left->value == 2);
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a member in rounds that joins ready ones has its turn (F-58)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt, {.capacity = 4});
  auto b = make_channel<int>(rt, {.capacity = 4});
  select_set set;
  std::vector keys{set.add(a.rx)};
  REQUIRE(a.tx.try_send(1));
  REQUIRE(a.tx.try_send(2));
  CHECK(rt.block_on(next_values, &set, keys, 1) == std::vector<int>{1});
  keys.push_back(
    set.add(levada::map(std::move(b.rx), [](int n) { return 2 * n; })));
  REQUIRE(b.tx.try_send(10));
  auto both = rt.block_on(next_values, &set, keys, 2);
  std::sort(both.begin(), both.end());
  CHECK(both == std::vector<int>{2, 20});
  CHECK(set.remove(keys[1]));
  REQUIRE(a.tx.try_send(3));
  CHECK(rt.block_on(next_values, &set, keys, 2) == std::vector<int>{3, -2});
}

namespace {

task<> say_so(std::atomic<bool>* ran) {
  *ran = true;
  co_return;
}

/// Takes events that never run dry until a task it has spawned has run.
task<int> take_until_another_runs(select_set* set, sender<int> feed,
                                  std::atomic<bool>* ran) {
  int events = 0;
  levada::spawn(say_so, ran).detach();
  while (!*ran && events < 1'000'000) {
    auto event = co_await set->next();
    events += event ? 1 : 0;
    auto sent = feed.try_send(events);
    if (!sent)
      break;
  }
  co_return events;
}

} // namespace

TEST_CASE("a task whose events never run dry lets others run") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  std::atomic<bool> ran{false};
  select_set set;
  set.add(rx);
  REQUIRE(tx.try_send(0));
  CHECK(rt.block_on(take_until_another_runs, &set, tx, &ran) < 1'000'000);
  CHECK(ran);
}

TEST_CASE("an item whose move throws is lost with its event, not its member") {
  runtime rt{{.workers = 1}};
  bool throws = false;
  auto [tx, rx] = make_channel<prickly>(rt, {.capacity = 4});
  auto other = make_channel<int>(rt, {.capacity = 1});
  auto late = make_channel<int>(rt, {.capacity = 1});
  select_set set;
  const auto short_way = GENERATE(true, false);
  select_key<int> gone;
  if (!short_way) { // whose event is out when it is removed
    gone = set.add(other.rx);
    REQUIRE(other.tx.try_send(1));
    CHECK(rt.block_on(next_values, &set, std::vector{gone}, 1)
          == std::vector<int>{1});
  }
  const auto key = set.add(rx);
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.try_send(prickly{i, &throws}));
  if (!short_way)
    CHECK(set.remove(gone));
  throws = true;
  CHECK(rt.block_on(next_prickly, &set, key) == -1);
  throws = false;
  // Nobody waits any more, so members of another kind may join.
  const auto in_rounds
    = set.add(levada::map(std::move(late.rx), std::negate{}));
  CHECK(rt.block_on(next_prickly, &set, key) == 2);
  CHECK(set.remove(in_rounds));
  CHECK(rt.block_on(next_prickly, &set, key) == 3);
  CHECK(conserved(rx.stats()));
}
