// latest: one value that changes, and readers that want the newest.
#include <levada/channels/latest.hpp>

#include <atomic>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/filter.hpp>
#include <levada/channels/map.hpp>
#include <levada/channels/select.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::latest_receiver;
using levada::latest_sender;
using levada::make_latest;

namespace {

/// Sums what it sees; the last one it saw.
task<std::pair<int, int>> follow(latest_receiver<int> in) {
  int times = 0;
  int last = 0;
  bool in_order = true;
  while (auto news = co_await in.receive()) {
    in_order = in_order && *news > last;
    last = *news;
    ++times;
  }
  co_return std::pair<int, int>{in_order ? times : -1, last};
}

struct bad_copy {
  explicit bad_copy(int number) noexcept : number(number) {
  }
  bad_copy(const bad_copy& other) : number(other.number) {
    if (number == 13)
      throw std::runtime_error{"unlucky"};
  }
  bad_copy(bad_copy&&) noexcept = default;
  bad_copy& operator=(const bad_copy&) = delete;
  ~bad_copy() = default;
  int number;
};

} // namespace

TEST_CASE("the first value counts as seen, a sent one is news once (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 1);
  CHECK_FALSE(rx.has_changed());
  CHECK(rx.try_receive().empty());
  CHECK(*rx.borrow() == 1);
  CHECK(tx.send(2));
  CHECK(tx.send(3));
  CHECK(rx.has_changed());
  CHECK(*rx.borrow() == 3);
  CHECK(rx.has_changed()); // borrowing is not seeing
  CHECK(*rx.try_receive() == 3);
  CHECK_FALSE(rx.has_changed());
  CHECK(rx.try_receive().empty());
  CHECK(tx.send(3)); // the same again is news again
  CHECK(rx.has_changed());
  CHECK(*rx.borrow_and_update() == 3);
  CHECK_FALSE(rx.has_changed());
}

TEST_CASE("a send without receivers fails and does not store (B-09, S-22)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, std::string{"old"});
  rx.close();
  CHECK(tx.receiver_count() == 0);
  CHECK_FALSE(tx.is_closed());
  auto sent = tx.send("new");
  REQUIRE_FALSE(sent);
  CHECK(sent.closed());
  CHECK(sent.value() == "new");
  CHECK(*tx.borrow() == "old");
  CHECK(tx.send_replace("newer") == "old");
  CHECK(*tx.borrow() == "newer");
  auto again = tx.subscribe();
  CHECK(tx.receiver_count() == 1);
  CHECK_FALSE(again.has_changed());
  CHECK(*again.borrow() == "newer");
  CHECK(tx.send("newest"));
  CHECK(*again.try_receive() == "newest");
  CHECK(*rx.borrow() == "newest"); // looking is still allowed
  CHECK(rx.try_receive().closed());
}

TEST_CASE("modifying changes a copy, and tells only when it says so (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, std::vector<int>{1});
  const auto before = tx.borrow();
  tx.send_modify([](std::vector<int>& all) { all.push_back(2); });
  CHECK(*rx.borrow_and_update() == std::vector<int>{1, 2});
  CHECK(*before == std::vector<int>{1});
  CHECK_FALSE(tx.send_if_modified([](std::vector<int>& all) {
    all.clear();
    return false;
  }));
  CHECK_FALSE(rx.has_changed());
  CHECK(tx.borrow()->size() == 2);
  CHECK(tx.send_if_modified([](std::vector<int>& all) {
    all.clear();
    return true;
  }));
  CHECK(rx.has_changed());
  CHECK_THROWS_AS(tx.send_modify([](std::vector<int>& all) {
    all.push_back(9);
    throw std::runtime_error{"changed my mind"};
  }),
                  std::runtime_error);
  CHECK(rx.borrow()->empty());
}

TEST_CASE("concurrent modifications are all there (B-09)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_latest(rt, 0);
  const auto add = [](latest_sender<int> to) {
    for (int i = 0; i < 2000; ++i)
      to.send_modify([](int& n) { ++n; });
  };
  std::thread other{add, tx};
  add(tx);
  other.join();
  CHECK(*rx.borrow() == 4000);
}

TEST_CASE("closed is told only when everything was seen (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 1);
  auto second = rx;
  CHECK(tx.send(2));
  CHECK(tx.close());
  CHECK_FALSE(tx.close());
  CHECK(tx.send(3).closed());
  CHECK_THROWS_AS(tx.send_replace(3), levada::channel_closed);
  CHECK_THROWS_AS(tx.send_modify([](int&) {}), levada::channel_closed);
  CHECK_FALSE(rx.is_closed());
  CHECK(*rx.try_receive() == 2);
  CHECK(rx.is_closed());
  CHECK(rx.try_receive().closed());
  CHECK(*rx.borrow() == 2);
  const auto changes = [](latest_receiver<int>* in) -> task<int> {
    int count = 0;
    while (auto changed = co_await in->changed())
      ++count;
    co_return count;
  };
  CHECK(rt.block_on(changes, &second) == 1);
  CHECK(*second.borrow() == 2);
}

TEST_CASE("the last sender closes, also under a reader that waits (B-09)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_latest(rt, 0);
  auto second = std::make_unique<latest_sender<int>>(tx);
  auto following = rt.spawn(follow, std::move(rx));
  {
    const auto gone = std::move(tx);
    CHECK(gone.send(1));
  }
  CHECK(second->send(5));
  CHECK_FALSE(second->is_closed());
  second.reset();
  const auto [times, last] = following.blocking_join();
  CHECK((times == 1 || times == 2));
  CHECK(last == 5);
}

TEST_CASE("marking makes the same value news, or no news (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 4);
  rx.mark_changed();
  CHECK(rx.has_changed());
  CHECK(*rx.try_receive() == 4);
  CHECK_FALSE(rx.has_changed());
  CHECK(tx.send(5));
  rx.mark_unchanged();
  CHECK_FALSE(rx.has_changed());
  CHECK(rx.try_receive().empty());
}

TEST_CASE(
  "asking twice whether there is news takes nothing, and void news is "
  "none (B-09, S-11, F-32)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 0);
  CHECK(tx.send(1));
  const auto ready = [](latest_receiver<int>* in) -> task<bool> {
    const bool first = co_await in->ready();
    const bool second = co_await in->ready();
    co_return first&& second;
  };
  CHECK(rt.block_on(ready, &rx));
  CHECK(tx.send(2));
  CHECK(*rx.consume() == 2);
  CHECK(rx.consume().error() == make_error_code(errc::not_ready));
  CHECK(tx.send(3));
  CHECK(rt.block_on(ready, &rx));
  rx.mark_unchanged();
  CHECK(rx.consume().error() == make_error_code(errc::not_ready));
}

TEST_CASE("every reader sees the last value, in order (B-09)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_latest(rt, 0);
  std::vector<levada::join_handle<std::pair<int, int>>> readers;
  for (int i = 0; i < 4; ++i)
    readers.push_back(rt.spawn(follow, rx));
  rx.close();
  const auto send_all = [](latest_sender<int> to) -> task<> {
    for (int i = 1; i <= 3000; ++i) {
      auto sent = co_await to.send(i);
      sent.check();
      if (i % 10 == 0)
        co_await levada::yield();
    }
  };
  rt.block_on(send_all, std::move(tx));
  for (auto& each : readers) {
    const auto [times, last] = each.blocking_join();
    CHECK(times > 0);
    CHECK(last == 3000);
  }
}

TEST_CASE("wait_for asks about the value that is there first (B-09)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_latest(rt, 10);
  const auto wait = [](latest_receiver<int>* in, int least) -> task<int> {
    const auto holds = [least](int n) { return n >= least; };
    auto found = co_await in->wait_for(holds);
    co_return found ? **found : -1;
  };
  CHECK(rt.block_on(wait, &rx, 10) == 10);
  auto waiting = rt.spawn(wait, &rx, 12);
  CHECK(tx.send(11));
  CHECK(tx.send(12));
  CHECK(waiting.blocking_join() == 12);
  auto in_vain = rt.spawn(wait, &rx, 100);
  tx.close();
  CHECK(in_vain.blocking_join() == -1);
  CHECK(rt.block_on(wait, &rx, 12) == 12); // closed, but it holds
  const auto throws = [](latest_receiver<int>* in) -> task<> {
    const auto fails
      = [](int) -> bool { throw std::runtime_error{"predicate"}; };
    auto found = co_await in->wait_for(fails);
    found.value();
  };
  CHECK_THROWS_AS(rt.block_on(throws, &rx), std::runtime_error);
}

TEST_CASE("a sender can wait until nobody reads (B-09)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_latest(rt, 0);
  auto second = rx;
  const auto wait = [](latest_sender<int> from) -> task<bool> {
    co_return co_await from.closed();
  };
  auto waiting = rt.spawn(wait, tx);
  auto also = rt.spawn(wait, tx);
  // the readers go only when both wait for it
  until([&] {
    std::uint32_t closers = 0;
    for (const auto& each : rt.tasks())
      closers += each.reason == levada::wait_reason::closing ? 1U : 0U;
    return closers == 2;
  });
  rx.close();
  CHECK_FALSE(waiting.done());
  second.close();
  CHECK(waiting.blocking_join());
  CHECK(also.blocking_join());
  CHECK(rt.block_on(wait, tx)); // at once
  auto third = tx.subscribe();
  std::stop_source stop;
  const auto wait_stopped
    = [](latest_sender<int> from, std::stop_token token) -> task<bool> {
    co_return co_await from.closed(token);
  };
  auto stopped = rt.spawn(wait_stopped, tx, stop.get_token());
  stop.request_stop();
  CHECK_FALSE(stopped.blocking_join());
}

TEST_CASE("it stands in select, and losing takes nothing (B-09, S-11)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 0);
  auto [data_tx, data_rx] = make_channel<int>(rt, {.capacity = 1});
  CHECK(tx.send(1));
  REQUIRE(data_tx.try_send(2));
  auto first = levada::blocking_select(levada::biased, data_rx, rx);
  CHECK(first.index() == 0);
  CHECK(rx.has_changed());
  auto second = levada::blocking_select(data_rx, rx);
  REQUIRE(second.from(rx) != nullptr);
  CHECK(**second.from(rx) == 1);
  auto none = levada::blocking_select(data_rx, rx, levada::otherwise);
  CHECK(none.index() == 2);
  tx.close();
  auto closed = levada::blocking_select(data_rx, rx);
  REQUIRE(closed.from(rx) != nullptr);
  CHECK(closed.from(rx)->closed());
}

TEST_CASE(
  "a filter with a memory compares with the value it saw before, not the "
  "one it let through (S-19, F-83)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 0);
  auto rising = levada::filter(std::move(rx),
                               levada::with_previous([](int now, int before) {
                                 return now >= before + 2;
                               }));
  CHECK(tx.send(0));
  CHECK(*rising.try_receive() == 0);
  CHECK(tx.send(1)); // seen, and dropped
  CHECK(rising.try_receive().empty());
  CHECK(tx.send(2)); // 2 more than what was let through, 1 more than seen
  CHECK(rising.try_receive().empty());
  CHECK(tx.send(4));
  CHECK(*rising.try_receive() == 4);
}

TEST_CASE("a receiver sliced into an any_receiver still counts (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, 0);
  {
    levada::any_receiver<int> plain = std::move(rx);
    CHECK(tx.receiver_count() == 1);
    CHECK(tx.send(1));
    CHECK(*plain.try_receive() == 1);
  }
  CHECK(tx.receiver_count() == 0);
}

TEST_CASE("a copy that throws leaves the news there (B-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_latest(rt, bad_copy{1});
  CHECK(tx.send(bad_copy{13}));
  CHECK_THROWS_AS(rx.try_receive(), std::runtime_error);
  CHECK(rx.has_changed());
  CHECK(rx.borrow()->number == 13);
  CHECK_THROWS_AS(tx.send_modify([](bad_copy&) {}), std::runtime_error);
  CHECK(tx.send(bad_copy{2}));
  CHECK(rx.try_receive()->number == 2);
}

TEST_CASE("a stopped runtime ends waits, and values can still be read (B-09)") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 2});
  auto [tx, rx] = make_latest(*rt, 0);
  auto following = rt->spawn(follow, rx);
  rt->stop();
  (void)following.blocking_join();
  rt.reset();
  CHECK(tx.send(1));
  CHECK(*rx.borrow() == 1);
  CHECK_THROWS_AS(tx.subscribe(), levada::channel_error);
}
