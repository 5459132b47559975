// grouping_latest_value_cache: the newest thing received for each key.
#include <levada/channels/grouping_latest_value_cache.hpp>

#include <atomic>
#include <map>

#include "support.hpp"

using namespace levada_tests;
using levada::grouping_latest_value_cache;

namespace {

struct reading {
  int sensor = 0;
  int value = 0;
  friend bool operator==(const reading&, const reading&) = default;
};

/// Hashes alike for all: every key meets every other one.
struct clumsy_key {
  int number = 0;
  friend bool operator==(const clumsy_key&, const clumsy_key&) = default;
};

int sensor_of(const reading& one) {
  if (one.sensor < 0)
    throw std::runtime_error{"no such sensor"};
  return one.sensor;
}

/// Sends them all, and waits until the cache has the last one.
template <class Cache>
void fill(const sender<reading>& tx, const Cache& cache,
          const std::vector<reading>& all) {
  for (const auto& each : all)
    REQUIRE(tx.blocking_send(each));
  until([&] {
    const auto got = cache.get(all.back().sensor);
    return got && *got == all.back();
  });
}

} // namespace

template <>
struct std::hash<clumsy_key> {
  std::size_t operator()(const clumsy_key&) const noexcept {
    return 42;
  }
};

TEST_CASE("each key has its newest value (F-82)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<reading>(rt);
  grouping_latest_value_cache cache{rt, std::move(rx), sensor_of};
  CHECK(cache.empty());
  CHECK(cache.get(1).empty());
  CHECK(cache.get(1).value_or(reading{}) == reading{});
  CHECK_FALSE(cache.contains(1));
  fill(tx, cache, {{1, 10}, {2, 20}, {1, 11}, {3, 30}});
  CHECK(cache.size() == 3);
  CHECK(cache.contains(1));
  CHECK_FALSE(cache.contains(4));
  CHECK(cache.get(1)->value == 11);
  CHECK(cache.view(2)->value == 20);
  CHECK(cache.view(9) == nullptr);
  CHECK(cache.keys() == std::vector<int>{1, 2, 3});
  CHECK(cache.values() == std::vector<reading>{{1, 11}, {2, 20}, {3, 30}});
  CHECK(cache.items().at(1) == std::pair<int, reading>{2, {2, 20}});
  CHECK_THROWS_AS(cache.get(4).value(), levada::channel_empty);
}

TEST_CASE("removing a key takes its value, the last key first (F-82)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<reading>(rt);
  grouping_latest_value_cache cache{rt, std::move(rx), sensor_of};
  fill(tx, cache, {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {2, 21}});
  CHECK(cache.pop(1)->value == 10);
  CHECK(cache.pop(1).empty());
  CHECK(cache.pop_last()->first == 4); // a newer value does not move its key
  CHECK(cache.erase(3));
  CHECK_FALSE(cache.erase(3));
  CHECK(cache.keys() == std::vector<int>{2});
  CHECK(cache.pop_last()->second == reading{2, 21});
  CHECK(cache.pop_last().empty());
  CHECK(cache.empty());
  fill(tx, cache, {{5, 50}, {1, 12}});
  CHECK(cache.keys() == std::vector<int>{5, 1}); // it comes again, as the last
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.is_running());
  fill(tx, cache, {{1, 13}});
  CHECK(cache.get(1)->value == 13);
}

TEST_CASE("caches are equal when their keys and values are (F-82)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<reading>(rt);
  auto b = make_channel<reading>(rt);
  grouping_latest_value_cache one{rt, a.rx, sensor_of};
  grouping_latest_value_cache two{rt, b.rx, sensor_of};
  CHECK(one == two);
  fill(a.tx, one, {{1, 10}, {2, 20}});
  fill(b.tx, two, {{2, 20}, {1, 10}});
  CHECK(one == two);
  const std::map<int, reading> same{{1, {1, 10}}, {2, {2, 20}}};
  CHECK(one == same);
  fill(b.tx, two, {{2, 21}});
  CHECK(one != two);
  CHECK(two != same);
  two.erase(2);
  CHECK(one != two);
}

TEST_CASE("what stops a grouping cache keeps what it has (F-82)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<reading>(rt);
  grouping_latest_value_cache cache{rt, std::move(rx), sensor_of};
  fill(tx, cache, {{1, 10}});
  SECTION("stop") {
    CHECK(cache.stop());
    CHECK_FALSE(cache.stop());
    until([&] { return tx.is_closed(); });
    CHECK(cache.get(1)->value == 10);
  }
  SECTION("the end of the input") {
    tx.close();
    until([&] { return !cache.is_running(); });
    CHECK(cache.pop(1)->value == 10);
    CHECK(cache.empty());
  }
  SECTION("a key function that throws, and then everything says so") {
    REQUIRE(tx.blocking_send({-1, 0}));
    until([&] { return tx.is_closed(); });
    CHECK_FALSE(cache.is_running());
    CHECK_THROWS_WITH(cache.get(1), "no such sensor");
    CHECK_THROWS_WITH(cache.size(), "no such sensor");
    CHECK(cache.error() != nullptr);
  }
}

TEST_CASE("keys whose hashes are alike are told apart (F-82)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  grouping_latest_value_cache cache{rt, std::move(rx),
                                    [](int n) { return clumsy_key{n % 10}; }};
  for (int i = 0; i < 30; ++i)
    REQUIRE(tx.blocking_send(i));
  until([&] { return cache.get(clumsy_key{9}).value_or(0) == 29; });
  CHECK(cache.size() == 10);
  for (int i = 0; i < 10; ++i)
    CHECK(*cache.get(clumsy_key{i}) == 20 + i);
  CHECK(cache.erase(clumsy_key{4}));
  CHECK(cache.size() == 9);
  CHECK_FALSE(cache.contains(clumsy_key{4}));
  CHECK(cache.contains(clumsy_key{5}));
}

TEST_CASE(
  "a pop takes each value once while newer ones come, and a look sees one "
  "instant (F-82)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  grouping_latest_value_cache cache{rt, std::move(rx),
                                    [](int n) { return n % 8; }};
  std::atomic<bool> wrong{false};
  std::atomic<bool> over{false};
  std::thread popping{[&] {
    std::map<int, int> last;
    while (!over || !cache.empty())
      if (auto got = cache.pop_last()) {
        auto& before = last.try_emplace(got->first, -1).first->second;
        wrong = wrong || got->second <= before || got->second % 8 != got->first;
        before = got->second;
      }
  }};
  std::thread looking{[&] {
    while (!over) {
      const auto keys = cache.keys();
      const std::map<int, int> unique = [&] {
        std::map<int, int> result;
        for (const auto& [key, value] : cache.items())
          result.emplace(key, value);
        return result;
      }();
      wrong = wrong || keys.size() > 8 || unique.size() > 8;
    }
  }};
  for (int i = 0; i < 4000; ++i)
    wrong = !tx.blocking_send(i) || wrong;
  tx.close();
  until([&] { return !cache.is_running(); });
  over = true;
  popping.join();
  looking.join();
  CHECK_FALSE(wrong);
}
