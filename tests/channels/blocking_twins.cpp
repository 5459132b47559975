// What a task awaits, a thread can wait for: the forms that threads.cpp does not
// go through.
#include <functional>
#include <optional>

#include "owned_support.hpp"

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/broadcast.hpp>
#include <levada/channels/filter.hpp>
#include <levada/channels/latest.hpp>
#include <levada/channels/oneshot.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>

using namespace levada_tests;

namespace {

bool is_even(const int& value) {
  return value % 2 == 0;
}

/// Runs `wait` on a thread, calls `then` when it is parked, gives its answer.
template <class Wait, class Parked, class Then>
auto answer_of(Wait wait, Parked parked, Then then) {
  std::optional<decltype(wait())> answer;
  {
    std::jthread waiting{[&] { answer.emplace(wait()); }};
    until(parked);
    then();
  }
  return *std::move(answer);
}

template <class F>
bool is_refused(F&& operation) {
  try {
    operation();
  } catch (const levada::channel_error& error) {
    return error.code() == errc::wrong_thread;
  }
  return false;
}

} // namespace

TEST_CASE("a thread receives many at once, and waits for the first (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  std::vector<int> got;
  const auto waited
    = answer_of([&rx = rx, &got] { return rx.blocking_receive_many(got, 3); },
                [&rx = rx] { return rx.info().waiting_receivers == 1; },
                [&tx = tx] { CHECK(tx.try_send(0)); });
  CHECK(waited.count() == 1);
  for (int i = 1; i < 6; ++i)
    REQUIRE(tx.try_send(i));
  CHECK(rx.blocking_receive_many(got, 3).count() == 3);
  CHECK(rx.blocking_receive_many(got, 0).count() == 0);
  CHECK(rx.blocking_receive_many(got, 30).count() == 2);
  CHECK(got == numbers(0, 6));
  tx.close();
  CHECK(rx.blocking_receive_many(got, 3).error() == errc::closed);
  auto [tx2, rx2] = make_channel<int>(rt);
  std::stop_source stop;
  stop.request_stop();
  CHECK(rx2.blocking_receive_many(got, 3, stop.get_token()).error()
        == errc::cancelled);
}

TEST_CASE("a thread waits until there is something, and takes nothing (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const bool ready
    = answer_of([&rx = rx] { return rx.blocking_ready(); },
                [&rx = rx] { return rx.info().waiting_receivers == 1; },
                [&tx = tx] { CHECK(tx.try_send(7)); });
  CHECK(ready);
  CHECK(rx.size() == 1);
  CHECK(rx.consume().value() == 7);
  std::stop_source stop;
  const bool stopped = answer_of(
    [&rx = rx, &stop] { return rx.blocking_ready(stop.get_token()); },
    [&rx = rx] { return rx.info().waiting_receivers == 1; },
    [&stop] { stop.request_stop(); });
  CHECK_FALSE(stopped);
  CHECK(rx.info().waiting_receivers == 0);
  tx.close();
  CHECK_FALSE(rx.blocking_ready());
}

TEST_CASE("a thread waits for a place, and the permit then sends (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 1});
  REQUIRE(tx.blocking_emplace(3U, 'x'));
  auto permit
    = answer_of([&tx = tx] { return tx.blocking_reserve(); },
                [&tx = tx] { return tx.info().waiting_senders == 1; },
                [&rx = rx] { CHECK(rx.try_receive().value() == "xxx"); });
  REQUIRE(permit);
  CHECK(tx.try_send("no room").full());
  CHECK(std::move(*permit).send("promised"));
  CHECK(rx.try_receive().value() == "promised");
  std::stop_source stop;
  REQUIRE(tx.try_send("full"));
  auto given_up = answer_of(
    [&tx = tx, &stop] { return tx.blocking_reserve(stop.get_token()); },
    [&tx = tx] { return tx.info().waiting_senders == 1; },
    [&stop] { stop.request_stop(); });
  CHECK(given_up.error() == errc::cancelled);
  CHECK(rx.try_receive().value() == "full");
  CHECK(tx.try_send("a place again"));
}

TEST_CASE("a thread waits for the closing of what it sends to (B-23)") {
  runtime rt{{.workers = 1}};
  std::stop_source stop;
  stop.request_stop();
  auto [tx, rx] = make_channel<int>(rt);
  CHECK_FALSE(tx.blocking_closed(stop.get_token()));
  CHECK(answer_of([&tx = tx] { return tx.blocking_closed(); },
                  [] { return true; }, [&rx = rx] { rx.close(); }));
  auto [one_tx, one_rx] = levada::make_oneshot<int>(rt);
  CHECK_FALSE(one_tx.blocking_closed(stop.get_token()));
  CHECK(answer_of([&tx = one_tx] { return tx.blocking_closed(); },
                  [] { return true; }, [&rx = one_rx] { rx.close(); }));
  auto [all_tx, all_rx] = levada::make_broadcast<int>(rt);
  CHECK_FALSE(all_tx.blocking_closed(stop.get_token()));
  CHECK(answer_of([tx = all_tx] { return tx.blocking_closed(); },
                  [] { return true; }, [&tx = all_tx] { tx.close(); }));
  auto [new_tx, new_rx] = levada::make_latest(rt, 1);
  CHECK_FALSE(new_tx.blocking_closed(stop.get_token()));
  auto last = std::make_optional(std::move(new_rx));
  CHECK(answer_of([&tx = new_tx] { return tx.blocking_closed(); },
                  [] { return true; }, [&last] { last.reset(); }));
}

TEST_CASE("a thread is a full receiver of a broadcast (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_broadcast<int>(rt, {.capacity = 4});
  CHECK(tx.receiver_count() == 1);
  std::optional<levada::broadcast_receiver<int>> more;
  auto seen = answer_of([&tx = tx] { return tx.blocking_receivers_changed(); },
                        [] { return true; },
                        [&rx = rx, &more] { more.emplace(rx.subscribe()); });
  CHECK(seen.value() == 2);
  more.reset();
  for (int i = 0; i < 6; ++i)
    REQUIRE(tx.blocking_send(i));
  CHECK(rx.blocking_ready());
  std::vector<int> got;
  auto many = rx.blocking_receive_many(got, 3);
  CHECK(many.count() == 3);
  CHECK(many.lagged() == 2);
  CHECK(got == numbers(2, 5));
  tx.close();
  CHECK(rx.blocking_receive_many(got, 3).count() == 1);
  CHECK(rx.blocking_receive_many(got, 3).error() == errc::closed);
  CHECK_FALSE(rx.blocking_ready());
  CHECK(tx.blocking_receivers_changed().error() == errc::closed);
}

TEST_CASE("a thread waits for the newest value, and for one it wants (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_latest(rt, 1);
  {
    std::jthread sending{[tx = tx] {
      for (int i = 2; i <= 100; ++i)
        static_cast<void>(tx.send(i));
    }};
    REQUIRE(rx.blocking_changed());
    CHECK(*rx.borrow() >= 2);
    const auto big
      = rx.blocking_wait_for([](const int& v) { return v == 100; });
    REQUIRE(big);
    CHECK(**big == 100);
  }
  CHECK_FALSE(rx.has_changed());
  std::stop_source stop;
  stop.request_stop();
  CHECK(rx.blocking_changed(stop.get_token()).error() == errc::cancelled);
  CHECK(rx.blocking_wait_for([](const int&) { return false; }, stop.get_token())
          .error()
        == errc::cancelled);
  tx.close();
  CHECK(rx.blocking_changed().error() == errc::closed);
}

TEST_CASE("a thread ranges over a receiver of any kind (B-23, G-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  levada::any_receiver<int> evens = levada::filter(rx, is_even);
  std::jthread sending{[tx = std::move(tx)] {
    for (int i = 0; i < 100; ++i)
      if (!tx.blocking_send(i))
        return;
  }};
  CHECK(evens.blocking_ready());
  int sum = 0;
  for (auto& v : evens.blocking()) {
    sum += v;
    if (v == 10)
      break;
  }
  CHECK(sum == 30);
  for (auto& v : evens.blocking())
    sum += v;
  CHECK(sum == 49 * 50);
  CHECK_FALSE(evens.blocking_ready());
}

TEST_CASE("a thread's wait for a set ends with its time, or an item (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  levada::select_set set;
  const auto key = set.add(rx);
  CHECK(set.blocking_next_for(1ms).error() == errc::timed_out);
  CHECK(set.blocking_next_for(0ms).error() == errc::timed_out);
  REQUIRE(tx.try_send(1));
  auto ready = set.blocking_next_for(0ms);
  REQUIRE(ready);
  CHECK(ready.from(key)->value() == 1);
  std::jthread sending{[tx = tx, rx = rx] {
    until_receivers_wait(rx, 1);
    static_cast<void>(tx.try_send(2));
  }};
  auto later = set.blocking_next_for(1h);
  REQUIRE(later);
  CHECK(later.from(key)->value() == 2);
  std::stop_source stop;
  stop.request_stop();
  CHECK(set.blocking_next_for(1h, stop.get_token()).error() == errc::cancelled);
}

TEST_CASE("so does its wait for a set with receivers of any kind (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  levada::select_set set;
  const auto key
    = set.add(levada::any_receiver<int>{levada::filter(rx, is_even)});
  CHECK(set.blocking_next_for(1ms).error() == errc::timed_out);
  CHECK(set.blocking_next_for(0ms).error() == errc::timed_out);
  REQUIRE(tx.try_send(1));
  CHECK(set.blocking_next_for(1ms).error() == errc::timed_out);
  REQUIRE(tx.try_send(2));
  auto ready = set.blocking_next_for(1h);
  REQUIRE(ready);
  CHECK(ready.from(key)->value() == 2);
}

TEST_CASE("items race with a thread's time in a set, and none is lost (B-23)",
          "[stress]") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  std::jthread sending{[tx = std::move(tx)] {
    for (int i = 0; i < 20'000; ++i)
      if (!tx.blocking_send(i))
        return;
  }};
  levada::select_set set;
  const auto key = set.add(rx);
  rx = {};
  std::vector<int> got;
  for (;;) {
    auto next = set.blocking_next_for(1us);
    if (!next && next.error() == errc::timed_out)
      continue;
    if (!next)
      break;
    auto* item = next.from(key);
    if (!*item)
      break;
    got.push_back(**item);
  }
  CHECK(got == numbers(0, 20'000));
}

TEST_CASE("an owner's receiver is waited for until a point in time (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt, {.capacity = 1});
  const auto past = std::chrono::steady_clock::now() - 1s;
  CHECK(rx.blocking_receive_until(past).timed_out());
  REQUIRE(tx.try_send(4));
  CHECK(rx.blocking_receive_until(levada::time_point::max()).value() == 4);
}

TEST_CASE("these are refused inside a task, too, in words (B-23)") {
  runtime rt{{.workers = 1}};
  const int refused = rt.block_on(
    [](runtime& home) -> task<int> {
      auto [tx, rx] = make_channel<int>(home, {.capacity = 1});
      auto [all_tx, all_rx] = levada::make_broadcast<int>(home);
      auto [new_tx, new_rx] = levada::make_latest(home, 1);
      auto [one_tx, one_rx] = levada::make_oneshot<int>(home);
      levada::any_receiver<int> any{rx};
      levada::select_set set;
      set.add(rx);
      std::vector<int> out;
      int count = 0;
      count += is_refused([&] { (void)rx.blocking_receive_many(out, 1); });
      count += is_refused([&] { (void)rx.blocking_receive_many(out, 0); });
      count += is_refused([&] { (void)rx.blocking_ready(); });
      count += is_refused([&] { (void)tx.blocking_emplace(1); });
      count += is_refused([&] { (void)tx.blocking_reserve(); });
      count += is_refused([&] { (void)tx.blocking_closed(); });
      count += is_refused([&] { (void)one_tx.blocking_closed(); });
      count += is_refused([&] { (void)all_rx.blocking_receive_many(out, 1); });
      count += is_refused([&] { (void)all_rx.blocking_ready(); });
      count += is_refused([&] { (void)all_tx.blocking_receivers_changed(); });
      count += is_refused([&] { (void)all_tx.blocking_closed(); });
      count += is_refused([&] { (void)new_rx.blocking_changed(); });
      count += is_refused([&] {
        (void)new_rx.blocking_wait_for([](const int&) { return true; });
      });
      count += is_refused([&] { (void)new_tx.blocking_closed(); });
      count += is_refused([&] { (void)any.blocking_ready(); });
      count += is_refused([&] {
        for (auto& v : any.blocking())
          (void)v;
      });
      count += is_refused([&] { (void)set.blocking_next_for(1s); });
      count += is_refused([&] { (void)levada::blocking_select(rx); });
      co_return count;
    },
    std::ref(rt));
  CHECK(refused == 18);
}
