#include <catch.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include <levada/runtime/timer_wheel.hpp>

using namespace std::chrono_literals;
using levada::duration;
using levada::time_point;
using levada::detail::timer_node;
using levada::detail::timer_wheel;
using levada::detail::wake_list;

namespace {

struct plain_node : timer_node {
  explicit plain_node(time_point due = {}) : timer_node(&plain_node::fire) {
    when = due;
  }
  static void fire(timer_node&, wake_list&) noexcept {
  }
};

constexpr time_point origin{std::chrono::hours{1}};

/// What is due at `now`, in the order it is taken out.
std::vector<timer_node*> take_all(timer_wheel& wheel, time_point now) {
  std::vector<timer_node*> result;
  while (auto* node = wheel.take_due(now))
    result.push_back(node);
  return result;
}

} // namespace

TEST_CASE("a wheel gives out what is due, the earliest first") {
  timer_wheel wheel{origin};
  plain_node a{origin + 1ns}, b{origin + 1h}, c{origin + 70ns}, d{origin + 1s};
  for (auto* each : {&b, &d, &a, &c})
    wheel.insert(*each);
  CHECK(wheel.first() == a.when);
  CHECK(wheel.take_due(origin) == nullptr);
  CHECK(take_all(wheel, origin + 1s - 1ns) == std::vector<timer_node*>{&a, &c});
  CHECK(wheel.first() == d.when);
  CHECK(take_all(wheel, origin + 2h) == std::vector<timer_node*>{&d, &b});
  CHECK(wheel.first() == time_point::max());
  CHECK(wheel.size() == 0);
}

TEST_CASE(
  "deadlines that are equal come in the order of inserting, whenever "
  "that was") {
  timer_wheel wheel{origin};
  std::vector<plain_node> nodes(200);
  std::vector<timer_node*> expected;
  const auto due = origin + 5s;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (i % 50 == 49) // the wheel has turned meanwhile
      CHECK(wheel.take_due(origin + i * 10ms) == nullptr);
    nodes[i].when = due;
    wheel.insert(nodes[i]);
    expected.push_back(&nodes[i]);
  }
  CHECK(wheel.take_due(due - 1ns) == nullptr);
  CHECK(take_all(wheel, due) == expected);
}

TEST_CASE(
  "deadlines of the past, and before the clock's beginning, are due at "
  "once") {
  timer_wheel wheel{origin};
  CHECK(wheel.take_due(origin + 1s) == nullptr);
  plain_node past{origin}, ancient{time_point::min()};
  wheel.insert(past);
  wheel.insert(ancient);
  CHECK(wheel.first() == time_point::min());
  CHECK(take_all(wheel, origin + 1s).size() == 2);
}

TEST_CASE("a deadline that never comes stays, and can be taken back") {
  timer_wheel wheel{origin};
  plain_node never{time_point::max()}, last{time_point::max() - 1ns};
  wheel.insert(never);
  wheel.insert(last);
  CHECK(wheel.take_due(time_point::max() - 2ns) == nullptr);
  CHECK(wheel.take_due(time_point::max() - 1ns) == &last);
  CHECK(wheel.take_due(time_point::max() - 1ns) == nullptr);
  wheel.remove(never);
  CHECK(wheel.size() == 0);
  CHECK(wheel.first() == time_point::max());
}

TEST_CASE(
  "the quick look is never after the first deadline, and at it when few "
  "are close") {
  timer_wheel wheel{origin};
  std::vector<plain_node> nodes(100);
  auto due = origin + 1s;
  for (auto& each : nodes) {
    each.when = due;
    wheel.insert(each);
    CHECK(wheel.first_at_least() <= wheel.first());
    due -= 1us;
  }
  for (std::size_t i = 3; i < nodes.size(); ++i)
    wheel.remove(nodes[i]);
  CHECK(wheel.first_at_least() == wheel.first());
}

TEST_CASE("a wheel agrees with a sorted multimap, near and far") {
  const auto seed = Catch::rngSeed();
  CAPTURE(seed);
  std::mt19937_64 random{seed};
  timer_wheel wheel{origin};
  std::vector<std::unique_ptr<plain_node>> nodes;
  for (int i = 0; i < 500; ++i)
    nodes.push_back(std::make_unique<plain_node>());
  std::multimap<time_point, timer_node*> model;
  std::map<timer_node*, bool> inside;
  auto now = origin;
  const auto forget = [&](timer_node* node) {
    model.erase(std::find_if(model.begin(), model.end(), [&](const auto& each) {
      return each.second == node;
    }));
    inside[node] = false;
  };
  // From nanoseconds to years, every length as likely as any other.
  const auto length = [&] {
    return duration{
      static_cast<duration::rep>(random() >> (8 + random() % 56))};
  };
  for (int step = 0; step < 50'000; ++step) {
    auto& node = *nodes[random() % nodes.size()];
    switch (random() % 4) {
      case 0:
      case 1:
        if (inside[&node])
          break;
        node.when = now + length() / 16;
        wheel.insert(node);
        model.emplace(node.when, &node);
        inside[&node] = true;
        break;
      case 2:
        if (!inside[&node])
          break;
        wheel.remove(node);
        forget(&node);
        break;
      default:
        if (now < origin + std::chrono::hours{24 * 365 * 50})
          now += length() / 4096;
        auto previous = time_point::min();
        for (auto* each : take_all(wheel, now)) {
          REQUIRE(inside[each]);
          REQUIRE(each->when <= now);
          REQUIRE(previous <= each->when);
          previous = each->when;
          forget(each);
        }
        REQUIRE((model.empty() || model.begin()->first > now));
    }
    REQUIRE(wheel.size() == model.size());
    const auto first = model.empty() ? time_point::max() : model.begin()->first;
    REQUIRE(wheel.first() == first);
    REQUIRE(wheel.first_at_least() <= first);
  }
}
