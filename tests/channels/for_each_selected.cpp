// for_each_selected: a function for each receiver, until all have stopped.
#include <levada/channels/for_each_selected.hpp>

#include <levada/channels/map.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;
using levada::for_each_selected;
using levada::on;

namespace {

struct tally {
  int sum = 0;
  std::size_t letters = 0;
  int ends = 0;
};

task<bool> count(receiver<int> numbers, any_receiver<std::string> texts,
                 tally* into) {
  auto add = on(numbers, [into](int n) { into->sum += n; });
  auto read = on(
    texts, [into](std::string&& text) { into->letters += text.size(); },
    [into] { ++into->ends; });
  co_return co_await for_each_selected(std::move(add), std::move(read));
}

task<> add_slowly(int* sum, int n) {
  const int before = *sum;
  co_await levada::yield();
  *sum = before + n;
}

} // namespace

TEST_CASE(
  "each receiver's handler gets what it gives, until all have stopped "
  "(F-53, F-50)") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt, {.capacity = 2});
  rt.spawn(send_numbers, std::move(a.tx), 0, 101);
  rt.spawn(send_numbers, std::move(b.tx), 0, 10);
  tally result;
  CHECK(
    rt.block_on(count, std::move(a.rx),
                any_receiver<std::string>{levada::map(
                  std::move(b.rx), [](int n) { return std::to_string(n); })},
                &result));
  CHECK(result.sum == 5050);
  CHECK(result.letters == 10);
  CHECK(result.ends == 1);
}

TEST_CASE("a handler of results is told of the end, once (F-51, F-54)") {
  runtime rt{{.workers = 1}};
  const auto work = []() -> task<std::pair<int, int>> {
    auto [tx, rx] = make_channel<std::unique_ptr<int>>({.capacity = 2});
    (void)tx.try_send(std::make_unique<int>(4));
    tx.close();
    int sum = 0;
    int ends = 0;
    auto take = on(rx, [&](levada::receive_result<std::unique_ptr<int>> got) {
      if (got)
        sum += **got;
      else
        ++ends;
    });
    co_await for_each_selected(std::move(take));
    co_return std::pair<int, int>{sum, ends};
  };
  CHECK(rt.block_on(work) == std::pair<int, int>{4, 1});
}

TEST_CASE("handlers may be coroutines, and run one at a time (F-53)") {
  runtime rt{{.workers = 2}};
  const auto work = [](receiver<int> one, receiver<int> two) -> task<int> {
    int sum = 0;
    auto* const total = &sum;
    auto first = on(one, [total](int n) { return add_slowly(total, n); });
    auto second = on(two, [total](int n) { return add_slowly(total, n); });
    co_await for_each_selected(std::move(first), std::move(second));
    co_return sum;
  };
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  rt.spawn(send_numbers, std::move(a.tx), 0, 101);
  rt.spawn(send_numbers, std::move(b.tx), 0, 101);
  CHECK(rt.block_on(work, std::move(a.rx), std::move(b.rx)) == 10100);
}

TEST_CASE(
  "what a handler throws ends the loop, and nothing else is lost (F-56)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.try_send(i));
  const auto work = [](receiver<int> from) -> task<> {
    auto fail = on(from, [](int n) {
      if (n == 2)
        throw std::runtime_error{"two"};
    });
    co_await for_each_selected(std::move(fail));
  };
  CHECK_THROWS_WITH(rt.block_on(work, rx), "two");
  CHECK(*rx.try_receive() == 3);
}

TEST_CASE("a cancelled loop says that it has not seen the end (F-56)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto work = [](receiver<int> from) -> task<bool> {
    auto drop = on(from, [](int) {});
    co_return co_await for_each_selected(std::move(drop));
  };
  levada::scope children{rt};
  auto child = children.spawn(work, rx);
  until_receivers_wait(rx, 1);
  children.cancel();
  CHECK_FALSE(child.blocking_join());
}
