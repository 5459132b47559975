// filter, with_previous.
#include <levada/channels/filter.hpp>

#include <stdexcept>

#include "items.hpp"

using namespace levada_tests;
using levada::any_receiver;

TEST_CASE("filter keeps what the predicate is true for (F-37)") {
  runtime rt{{.workers = 1}};
  auto odd = levada::filter(filled<int>(rt, {1, 2, 3, 4, 5}),
                            [](int n) { return n % 2 != 0; });
  CHECK(all_of(rt, std::move(odd)) == std::vector<int>{1, 3, 5});
}

TEST_CASE(
  "a filter that rejects a million items in a row neither recurses nor "
  "waits (F-37)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 64});
  auto sent = rt.spawn(send_numbers, std::move(tx), 0, 200000);
  auto last = levada::filter(std::move(rx), [](int n) { return n == 199999; });
  CHECK(all_of(rt, std::move(last)) == std::vector<int>{199999});
  CHECK(sent.blocking_join() == 200000);
}

TEST_CASE(
  "what a predicate throws reaches the reader, the item is gone, the "
  "receiver goes on (F-37)") {
  runtime rt{{.workers = 1}};
  auto picky = levada::filter(filled<int>(rt, {1, 2, 3}), [](int n) {
    if (n == 2)
      throw std::runtime_error{"two"};
    return true;
  });
  CHECK(*picky.try_receive() == 1);
  CHECK_THROWS_WITH(picky.try_receive(), "two");
  CHECK(*picky.try_receive() == 3);
}

TEST_CASE(
  "with_previous compares with the item seen before, accepted or not "
  "(F-83, S-19)") {
  runtime rt{{.workers = 1}};
  const auto grows = [](int now, int before) { return now > before; };
  SECTION("growing") {
    auto chosen = levada::filter(filled<int>(rt, {1, 5, 3, 4, 4, 9}),
                                 levada::with_previous(grows));
    // 4 is compared with 3, which was not accepted; not with 5
    CHECK(all_of(rt, std::move(chosen)) == std::vector<int>{1, 5, 4, 9});
  }
  SECTION("the first is not accepted when so asked") {
    auto chosen = levada::filter(filled<int>(rt, {1, 5, 3}),
                                 levada::with_previous(grows, false));
    CHECK(all_of(rt, std::move(chosen)) == std::vector<int>{5});
  }
}
