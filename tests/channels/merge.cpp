// merge: several receivers as one.
#include <levada/channels/merge.hpp>

#include <numeric>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/filter.hpp>
#include <levada/channels/map.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;

namespace {

task<std::vector<int>> collect_any(any_receiver<int> in) {
  std::vector<int> result;
  while (auto v = co_await in.receive())
    result.push_back(*v);
  co_return result;
}

} // namespace

TEST_CASE("a merge gives all of all, each input in its order (F-59)") {
  for (const auto& kind : waiting_flavours()) {
    CAPTURE(kind);
    runtime rt{{.workers = 2}};
    auto [tx_a, rx_a] = make_channel<int>(rt, kind.options<int>());
    auto [tx_b, rx_b] = make_channel<int>(rt, kind.options<int>());
    auto first = rt.spawn(send_numbers, std::move(tx_a), 0, 100);
    auto second = rt.spawn(send_numbers, std::move(tx_b), 1000, 1100);
    auto all = rt.block_on(collect_any,
                           levada::merge(std::move(rx_a), std::move(rx_b)));
    CHECK(all.size() == 200);
    std::vector<int> from_a;
    std::vector<int> from_b;
    for (const int n : all)
      (n < 1000 ? from_a : from_b).push_back(n);
    CHECK(from_a == numbers(0, 100));
    CHECK(from_b == numbers(1000, 1100));
    CHECK(first.blocking_join() + second.blocking_join() == 200);
  }
}

TEST_CASE("a merge of nothing is refused (F-59)") {
  CHECK_THROWS_AS(levada::merge(std::vector<receiver<int>>{}),
                  levada::channel_error);
}

TEST_CASE(
  "an input that ends does not end the merge, the last one does "
  "(F-59)") {
  runtime rt{{.workers = 1}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 2});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 2});
  std::vector<receiver<int>> inputs{rx_a, rx_b};
  auto both = levada::merge(std::move(inputs));
  REQUIRE(tx_a.try_send(1));
  tx_a.close();
  CHECK(*both.try_receive() == 1);
  CHECK(both.try_receive().empty());
  CHECK_FALSE(both.is_closed());
  REQUIRE(tx_b.try_send(2));
  CHECK(*both.try_receive() == 2);
  tx_b.close();
  CHECK(both.try_receive().closed());
  CHECK(both.is_closed());
  CHECK(both.try_receive().closed());
}

TEST_CASE("a merge takes nothing before it is asked (F-60, S-18)") {
  runtime rt{{.workers = 1}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 2});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx_a.try_send(1));
  REQUIRE(tx_b.try_send(2));
  {
    auto both = levada::merge(rx_a, rx_b);
    CHECK(rx_a.size() + rx_b.size() == 2);
    CHECK(both.try_receive());
    CHECK(rx_a.size() + rx_b.size() == 1);
    // one is in hand, and goes back
    CHECK(rt.block_on([](any_receiver<int>* in)
                        -> task<bool> { co_return co_await in->ready(); },
                      &both));
    CHECK(rx_a.size() + rx_b.size() == 0);
  }
  CHECK(rx_a.size() + rx_b.size() == 1);
}

TEST_CASE("an input that throws does not end the merge (F-60)") {
  runtime rt{{.workers = 1}};
  auto [tx_a, rx_a] = make_channel<int>(rt, {.capacity = 3});
  auto [tx_b, rx_b] = make_channel<int>(rt, {.capacity = 3});
  auto both = levada::merge(levada::map(std::move(rx_a),
                                        [](int n) {
                                          if (n == 0)
                                            throw std::runtime_error{"zero"};
                                          return n;
                                        }),
                            std::move(rx_b));
  REQUIRE(tx_a.try_send(0));
  CHECK_THROWS_WITH(both.try_receive(), "zero");
  REQUIRE(tx_a.try_send(1));
  CHECK(*both.try_receive() == 1);
  REQUIRE(tx_b.try_send(2));
  CHECK(*both.try_receive() == 2);
  tx_a.close();
  tx_b.close();
  CHECK(both.try_receive().closed());
}

TEST_CASE("a merge starves no input (F-57, F-59)") {
  runtime rt{{.workers = 1}};
  std::vector<receiver<int>> inputs;
  for (int i = 0; i < 4; ++i) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = levada::unbounded});
    for (int n = 0; n < 4000; ++n)
      REQUIRE(tx.try_send(i));
    inputs.push_back(std::move(rx));
  }
  auto all = levada::merge(std::move(inputs));
  std::vector<int> counts(4);
  for (int n = 0; n < 4000; ++n)
    ++counts[std::size_t(*all.try_receive())];
  // 1000 each are expected, with a deviation of 27: ten of these
  for (const int each : counts)
    CHECK(std::abs(each - 1000) < 274);
}

TEST_CASE(
  "a merge of things that are not channels, within a select (F-59, "
  "F-50)") {
  runtime rt{{.workers = 2}};
  auto [tx_a, rx_a] = make_channel<int>(rt);
  auto [tx_b, rx_b] = make_channel<long>(rt);
  auto [tx_c, rx_c] = make_channel<int>(rt);
  const auto work = [](any_receiver<long> some,
                       receiver<int> other) -> task<std::vector<long>> {
    std::vector<long> sums(2);
    for (int open = 2; open != 0;) {
      auto chosen = co_await levada::select(some, other);
      if (auto* got = chosen.from(some)) {
        if (*got)
          sums[0] += **got;
        else {
          some = any_receiver<long>{};
          --open;
        }
      } else if (auto* last = chosen.from(other)) {
        if (*last)
          sums[1] += **last;
        else {
          other = {};
          --open;
        }
      }
    }
    co_return sums;
  };
  auto even = levada::filter(std::move(rx_a), [](int n) { return n % 2 == 0; });
  auto summing = rt.spawn(work, levada::merge(std::move(even), std::move(rx_b)),
                          std::move(rx_c));
  auto first = rt.spawn(send_numbers, std::move(tx_a), 0, 1000);
  auto third = rt.spawn(send_numbers, std::move(tx_c), 0, 1000);
  auto second = rt.spawn(
    [](sender<long> out) -> task<> {
      for (long i = 0; i < 1000; ++i) {
        auto sent = co_await out.send(i);
        if (!sent)
          co_return;
      }
    },
    std::move(tx_b));
  CHECK(summing.blocking_join() == std::vector<long>{249500 + 499500, 499500});
  CHECK(first.blocking_join() + third.blocking_join() == 2000);
  second.blocking_join();
}
