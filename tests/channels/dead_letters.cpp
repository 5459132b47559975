// Dead letters: whatever destroys an item says why, once, outside every lock.
#include <mutex>
#include <sstream>

#include "support.hpp"

using namespace levada_tests;
using levada::dead_letter_reason;

namespace {

struct letter_box {
  std::mutex guard;
  std::vector<std::pair<int, dead_letter_reason>> letters;

  levada::channel_options<int> options(levada::channel_capacity capacity,
                                       overflow policy = overflow::wait) {
    levada::channel_options<int> result;
    result.capacity = capacity;
    result.on_full = policy;
    result.on_dead_letter = [this](int&& item, dead_letter_reason why) {
      std::lock_guard lock{guard};
      letters.emplace_back(item, why);
    };
    return result;
  }

  std::vector<int> items() {
    std::lock_guard lock{guard};
    std::vector<int> result;
    for (const auto& each : letters)
      result.push_back(each.first);
    return result;
  }

  bool all_are(dead_letter_reason why) {
    std::lock_guard lock{guard};
    return std::all_of(letters.begin(), letters.end(),
                       [why](const auto& each) { return each.second == why; });
  }
};

} // namespace

TEST_CASE(
  "what is buffered when the last receiver goes is a dead letter, in "
  "order (X-04)") {
  runtime rt{{.workers = 1}};
  letter_box box;
  auto [tx, rx] = make_channel<int>(rt, box.options(levada::unbounded));
  REQUIRE(rt.block_on(tx.send_many(numbers(0, 100))));
  rx = {};
  CHECK(box.items() == numbers(0, 100));
  CHECK(box.all_are(dead_letter_reason::no_receivers));
  CHECK(tx.stats().dead_lettered == 100);
  CHECK(tx.close_record().undelivered == 100);
}

TEST_CASE(
  "a send after the last receiver went is handed back, not a dead "
  "letter (X-04, B-08)") {
  runtime rt{{.workers = 1}};
  letter_box box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  rx = {};
  CHECK(tx.try_send(1).value() == 1);
  CHECK(box.items().empty());
}

TEST_CASE("closing leaves the items to be received: no dead letters (F-06)") {
  runtime rt{{.workers = 1}};
  letter_box box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  REQUIRE(tx.try_send(1));
  tx.close();
  tx = {};
  CHECK(box.items().empty());
  CHECK(rx.try_receive().value() == 1);
  rx = {};
  CHECK(box.items().empty());
}

TEST_CASE(
  "what is left after a close and nobody receives is a dead letter "
  "(X-04)") {
  runtime rt{{.workers = 1}};
  letter_box box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  REQUIRE(tx.try_send(1));
  tx.close();
  rx = {};
  CHECK(box.items() == numbers(1, 2));
}

TEST_CASE("closing by force and destroying make dead letters (I-21, I-26)") {
  runtime rt{{.workers = 1}};
  letter_box box;
  auto [tx, rx] = make_channel<int>(rt, box.options(4));
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  SECTION("force") {
    rt.close(tx.id(), {.force = true});
  }
  SECTION("destroy") {
    rt.destroy(tx.id());
  }
  CHECK(box.items() == numbers(1, 3));
  CHECK(box.all_are(dead_letter_reason::killed));
  CHECK(rx.try_receive().closed());
}

TEST_CASE(
  "items that lie in a channel when its runtime and handles go are "
  "dead letters") {
  letter_box box;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, box.options(4));
    REQUIRE(tx.try_send(1));
    rt.stop();
    CHECK(box.items().empty());
  }
  CHECK(box.items() == numbers(1, 2));
}

TEST_CASE("the hook may use the channel it speaks of") {
  runtime rt{{.workers = 1}};
  int called = 0;
  levada::weak_sender<int> weak;
  levada::channel_options<int> options;
  options.capacity = 1;
  options.on_full = overflow::drop_oldest;
  options.on_dead_letter = [&](int&&, dead_letter_reason) {
    if (called++ > 0)
      return;
    const auto strong = weak.upgrade();
    static_cast<void>(strong.try_send(100));
    static_cast<void>(strong.size());
    static_cast<void>(strong.info());
  };
  auto [tx, rx] = make_channel<int>(rt, options);
  weak = tx.downgrade();
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  CHECK(called == 2);
  CHECK(rx.try_receive().value() == 100);
}

TEST_CASE(
  "a channel may carry its own statistics, and those of who prints them "
  "(S-24)") {
  runtime rt{{.workers = 1}};
  using levada::channel_stats;
  std::vector<channel_stats> seen;
  levada::weak_sender<channel_stats> weak;
  levada::channel_options<channel_stats> options;
  options.capacity = 1;
  options.on_full = overflow::drop_oldest;
  options.on_dead_letter = [&](channel_stats&&, dead_letter_reason) {
    // Whoever reports a loss asks everything there is to ask, on the spot.
    std::ostringstream picture;
    rt.dump(picture);
    CHECK(rt.channels().size() == 1);
    seen.push_back(weak.upgrade().stats());
  };
  auto [tx, rx] = make_channel<channel_stats>(rt, options);
  weak = tx.downgrade();
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(tx.stats()));
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].dead_lettered == 1);
  CHECK(seen[1].dead_lettered == 2);
  for (const auto& each : seen)
    CHECK(conserved(each));
  CHECK(rx.try_receive()->sent == 2); // what was known when it was sent
}

TEST_CASE("the hook may move the item into another channel") {
  runtime rt{{.workers = 1}};
  auto graveyard = make_channel<std::unique_ptr<int>>(rt, {.capacity = 8});
  levada::channel_options<std::unique_ptr<int>> options;
  options.capacity = 1;
  options.on_full = overflow::drop_oldest;
  options.on_dead_letter
    = [out = graveyard.tx](std::unique_ptr<int>&& item, dead_letter_reason) {
        static_cast<void>(out.try_send(std::move(item)));
      };
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, options);
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(std::make_unique<int>(i)));
  CHECK(*graveyard.rx.try_receive().value() == 0);
  CHECK(*graveyard.rx.try_receive().value() == 1);
  CHECK(*rx.try_receive().value() == 2);
}

TEST_CASE("every reason has a word") {
  for (const auto why :
       {dead_letter_reason::overflow, dead_letter_reason::no_receivers,
        dead_letter_reason::killed, dead_letter_reason::abandoned})
    CHECK(std::string{to_string(why)} != "?");
}

TEST_CASE(
  "after any crowd of senders and receivers every item is accounted "
  "for") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 2}};
  letter_box box;
  std::atomic<std::uint64_t> back{0};
  std::atomic<std::uint64_t> taken{0};
  std::uint64_t offered = 0;
  levada::channel_stats stats;
  {
    auto options = box.options(kind.capacity, kind.on_full);
    auto [tx, rx] = make_channel<int>(rt, options);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 2; ++i) {
      offered += 500;
      threads.emplace_back([&back, tx = tx] {
        for (int n = 0; n < 500; ++n) {
          const auto sent = n % 3 == 0 ? bool{tx.try_send(n)}
                                       : bool{tx.blocking_send_for(n, 1ms)};
          back += sent ? 0 : 1;
        }
      });
      threads.emplace_back([&taken, rx = rx] {
        for (int n = 0; n < 200; ++n)
          taken += n % 3 == 0 ? bool{rx.try_receive()}
                              : bool{rx.blocking_receive_for(1ms)};
      });
    }
    threads.clear();
    stats = tx.stats();
  }
  CHECK(conserved(stats));
  CHECK(stats.waiting == 0);
  CHECK(stats.received == taken);
  CHECK(stats.sent - stats.handed_back == offered - back);
  // What was still buffered became dead letters with the handles.
  CHECK(box.items().size() == stats.dead_lettered + stats.buffered);
}
