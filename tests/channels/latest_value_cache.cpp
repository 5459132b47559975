// latest_value_cache: the newest thing received, for whoever looks.
#include <levada/channels/latest_value_cache.hpp>

#include <atomic>

#include <levada/channels/map.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::latest_value_cache;

TEST_CASE(
  "a cache is empty before the first value, then has the newest (F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  latest_value_cache cache{rt, std::move(rx)};
  CHECK_FALSE(cache.has_value());
  CHECK(cache.get().empty());
  CHECK(cache.view() == nullptr);
  CHECK_THROWS_AS(cache.get().value(), levada::channel_empty);
  CHECK(cache.is_running());
  REQUIRE(tx.blocking_send(1));
  until([&] { return cache.has_value(); });
  CHECK(*cache.get() == 1);
  const auto before = cache.view();
  for (int i = 2; i <= 100; ++i)
    REQUIRE(tx.blocking_send(i)); // nobody looks, and senders do not wait
  until([&] { return *cache.get() == 100; });
  CHECK(*before == 1);
}

TEST_CASE("a cache keeps its value when the input ends (F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<std::string>(rt);
  latest_value_cache cache{rt, std::move(rx), "cache"};
  REQUIRE(tx.blocking_send("last"));
  tx.close();
  until([&] { return !cache.is_running(); });
  CHECK(*cache.get() == "last");
  CHECK(cache.error() == nullptr);
  CHECK_FALSE(cache.stop());
}

TEST_CASE(
  "stopping a cache closes its receiver, and its value stays as it is "
  "(F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  latest_value_cache cache{rt, std::move(rx)};
  REQUIRE(tx.try_send(1));
  until([&] { return cache.has_value(); });
  CHECK(cache.stop());
  CHECK_FALSE(cache.stop());
  CHECK_FALSE(cache.is_running());
  (void)tx.try_send(2);
  until([&] { return tx.is_closed(); });
  CHECK(*cache.get() == 1);
  CHECK(tx.close_record().reason == levada::close_reason::no_receivers);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "what comes while a cache is stopped is left to other receivers "
  "(F-81)") {
  for (int round = 0; round < 100; ++round) {
    runtime rt{{.workers = 2}};
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 16});
    const auto other = rx;
    int kept = 0;
    {
      latest_value_cache cache{rt, std::move(rx)};
      auto sending = rt.spawn(send_numbers, tx, 1, 11);
      if (round % 2 == 0)
        until([&] { return cache.has_value(); });
      cache.stop();
      kept = cache.get().value_or(0);
      CHECK(sending.blocking_join() == 10);
      until([&] { return other.info().receiver_handles == 1; });
      CHECK(cache.get().value_or(0) == kept);
    }
    for (int i = kept + 1; i <= 10; ++i) {
      const auto rest = other.try_receive();
      REQUIRE(rest);
      REQUIRE(*rest == i);
    }
    CHECK(other.try_receive().empty());
  }
}

TEST_CASE("a cache that goes closes its receiver (F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  {
    latest_value_cache cache{rt, std::move(rx)};
    latest_value_cache moved{std::move(cache)};
    CHECK(moved.is_running());
    CHECK_THROWS_AS(cache.get(), levada::channel_error); // NOLINT: on purpose
  }
  until([&] { return tx.is_closed(); });
  CHECK(tx.is_closed());
}

TEST_CASE("what the input's function throws is told by get, for good (F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  latest_value_cache cache{rt, levada::map(std::move(rx), [](int n) {
                             if (n == 2)
                               throw std::runtime_error{"two"};
                             return n * 10;
                           })};
  REQUIRE(tx.blocking_send(1));
  until([&] { return cache.has_value(); });
  CHECK(*cache.get() == 10);
  REQUIRE(tx.blocking_send(2));
  until([&] { return tx.is_closed(); });
  CHECK_FALSE(cache.is_running());
  CHECK_THROWS_WITH(cache.get(), "two");
  CHECK_THROWS_WITH(cache.view(), "two");
  CHECK(cache.error() != nullptr);
  CHECK(*cache.last() == 10);
}

TEST_CASE("a cache made inside a task lives in its runtime (F-81)") {
  runtime rt{{.workers = 2}};
  const auto make = []() -> task<int> {
    auto [tx, rx] = make_channel<std::unique_ptr<int>>();
    latest_value_cache cache{std::move(rx)};
    auto seven = std::make_unique<int>(7);
    auto sent = co_await tx.send(std::move(seven));
    sent.check();
    while (!cache.has_value())
      co_await levada::yield();
    co_return **cache.view(); // (cannot be copied, and need not be)
  };
  CHECK(rt.block_on(make) == 7);
  auto outside = make_channel<int>(rt);
  CHECK_THROWS_AS(latest_value_cache{outside.rx}, levada::channel_error);
}

TEST_CASE("many threads may look while values come (F-81)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<std::string>(rt);
  latest_value_cache cache{rt, std::move(rx)};
  std::atomic<bool> torn{false};
  std::atomic<bool> over{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i)
    readers.emplace_back([&] {
      while (!over)
        if (auto got = cache.get())
          torn = torn || got->size() != 100
                 || got->find_first_not_of(got->front()) != std::string::npos;
    });
  for (int i = 0; i < 2000; ++i)
    if (!tx.blocking_send(std::string(100, static_cast<char>('a' + i % 26))))
      torn = true;
  over = true;
  for (auto& each : readers)
    each.join();
  CHECK_FALSE(torn);
}
