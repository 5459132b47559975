// map, filter_map, filter_as.
#include <levada/channels/map.hpp>

#include <memory>
#include <stdexcept>
#include <variant>

#include <levada/channels/filter.hpp>

#include "items.hpp"

using namespace levada_tests;
using levada::any_receiver;

namespace {

struct shape {
  virtual ~shape() = default;
};
struct circle : shape {
  int radius = 7;
};

} // namespace

TEST_CASE("map changes each item, also its type (F-36)") {
  runtime rt{{.workers = 1}};
  auto texts = levada::map(filled<int>(rt, {1, 2, 3}), [](int n) {
    return std::string(std::size_t(n), '*');
  });
  CHECK(all_of(rt, std::move(texts))
        == std::vector<std::string>{"*", "**", "***"});
}

TEST_CASE("map's function runs when the value is taken, not before (F-36)") {
  runtime rt{{.workers = 1}};
  int calls = 0;
  auto counted = levada::map(filled<int>(rt, {5}), [&calls](int n) {
    ++calls;
    return n;
  });
  CHECK(rt.block_on(
    [](any_receiver<int>* in) -> task<bool> { co_return co_await in->ready(); },
    &counted));
  CHECK(calls == 0);
  CHECK(*counted.consume() == 5);
  CHECK(calls == 1);
}

TEST_CASE(
  "what map's function throws reaches the reader, the item is gone, "
  "the receiver goes on (F-36)") {
  runtime rt{{.workers = 1}};
  auto picky = levada::map(filled<int>(rt, {1, 2, 3}), [](int n) {
    if (n == 2)
      throw std::runtime_error{"two"};
    return n * 10;
  });
  CHECK(*picky.try_receive() == 10);
  CHECK_THROWS_WITH(picky.try_receive(), "two");
  CHECK(*picky.try_receive() == 30);
  CHECK(picky.try_receive().closed());
}

TEST_CASE("what map's function throws passes a filter behind it (F-36, F-37)") {
  runtime rt{{.workers = 1}};
  auto picky = levada::filter(levada::map(filled<int>(rt, {1, 2, 3, 4}),
                                          [](int n) {
                                            if (n == 2)
                                              throw std::runtime_error{"two"};
                                            return n * 10;
                                          }),
                              [](int n) { return n > 10; });
  const auto receive = [](any_receiver<int>* in) -> task<int> {
    auto got = co_await in->receive();
    co_return *got;
  };
  CHECK_THROWS_WITH(rt.block_on(receive, &picky), "two");
  CHECK(rt.block_on(receive, &picky) == 30);
  CHECK(*picky.try_receive() == 40);
  CHECK(picky.try_receive().closed());
}

TEST_CASE("filter_as narrows a variant to one of its types (F-37, F-38)") {
  runtime rt{{.workers = 1}};
  using either = std::variant<int, std::string>;
  auto texts = levada::filter_as<std::string>(
    filled<either>(rt, {either{1}, either{"a"}, either{2}, either{"b"}}));
  static_assert(std::is_same_v<decltype(texts), any_receiver<std::string>>);
  CHECK(all_of(rt, std::move(texts)) == std::vector<std::string>{"a", "b"});
}

TEST_CASE("filter_as narrows pointers to a derived class (F-37)") {
  runtime rt{{.workers = 1}};
  circle round;
  shape other;
  auto circles
    = levada::filter_as<circle*>(filled<shape*>(rt, {&other, &round, &other}));
  CHECK(all_of(rt, std::move(circles)) == std::vector<circle*>{&round});
}

TEST_CASE("filter_map changes and chooses in one step (F-37)") {
  runtime rt{{.workers = 1}};
  auto halves = levada::filter_map(filled<int>(rt, {1, 2, 3, 4}),
                                   [](int n) -> std::optional<double> {
                                     if (n % 2 != 0)
                                       return std::nullopt;
                                     return n / 2.0;
                                   });
  CHECK(all_of(rt, std::move(halves)) == std::vector<double>{1.0, 2.0});
}

TEST_CASE("move-only items pass map and filter (F-36, F-37)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<std::unique_ptr<int>>(rt, {.capacity = levada::unbounded});
  for (int i = 0; i < 4; ++i)
    REQUIRE(tx.try_send(std::make_unique<int>(i)));
  tx.close();
  auto odd = levada::filter(
    std::move(rx), [](const std::unique_ptr<int>& p) { return *p % 2 != 0; });
  auto same
    = levada::map(std::move(odd), [](std::unique_ptr<int> p) { return p; });
  CHECK(**same.try_receive() == 1);
  CHECK(**same.try_receive() == 3);
  CHECK(same.try_receive().closed());
}

TEST_CASE("the functions of a pipeline run in the reader's task (F-36)") {
  runtime rt{{.workers = 2}};
  auto ids = levada::map(filled<int>(rt, {1, 2}),
                         [](int) { return std::this_thread::get_id(); });
  CHECK(ids.blocking_receive().value() == std::this_thread::get_id());
}
