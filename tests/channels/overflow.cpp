// Overflow policies: reject and the three ways to drop.
#include "support.hpp"

using namespace levada_tests;
using levada::dead_letter_reason;

namespace {

struct letters {
  std::vector<int> values;
  std::vector<dead_letter_reason> reasons;
};

levada::channel_ends<int> make(runtime& rt, int capacity, overflow policy,
                               letters& dropped) {
  levada::channel_options<int> options;
  options.capacity = capacity;
  options.on_full = policy;
  options.on_dead_letter = [&dropped](int&& item, dead_letter_reason why) {
    dropped.values.push_back(item);
    dropped.reasons.push_back(why);
  };
  return make_channel<int>(rt, options);
}

} // namespace

TEST_CASE(
  "reject: a send to a full channel fails at once with its value "
  "(X-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<int>(rt, {.capacity = 2, .on_full = overflow::reject});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  rt.block_on([&tx = tx]() -> task<> {
    const int item = 3;
    auto sent = co_await tx.send(item);
    CHECK(sent.full());
    CHECK_FALSE(sent.closed());
    CHECK(sent.error() == errc::full);
    CHECK(sent.value() == 3);
  });
  CHECK(tx.blocking_send(3).full());
  CHECK(tx.blocking_send_for(3, 1h).full());
  CHECK(rx.drain() == numbers(1, 3));
  CHECK(tx.try_send(4));
}

TEST_CASE("drop_oldest: the oldest queued item goes (X-08)") {
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 3, overflow::drop_oldest, dropped);
  for (int i = 0; i < 5; ++i)
    CHECK(tx.try_send(i).status()
          == (i < 3 ? send_status::queued : send_status::replaced));
  CHECK(rx.drain() == numbers(2, 5));
  CHECK(dropped.values == numbers(0, 2));
  CHECK(dropped.reasons
        == std::vector<dead_letter_reason>(2, dead_letter_reason::overflow));
}

TEST_CASE(
  "drop_newest_queued: the newest queued item goes, the incoming one "
  "stays (X-09, S-20)") {
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 3, overflow::drop_newest_queued, dropped);
  for (int i = 0; i < 5; ++i)
    CHECK(tx.try_send(i).status()
          == (i < 3 ? send_status::queued : send_status::replaced));
  CHECK(rx.drain() == std::vector<int>({0, 1, 4}));
  CHECK(dropped.values == numbers(2, 4));
}

TEST_CASE("drop_incoming: the item being sent goes (X-09, S-20)") {
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 3, overflow::drop_incoming, dropped);
  for (int i = 0; i < 5; ++i)
    CHECK(tx.try_send(i).status()
          == (i < 3 ? send_status::queued : send_status::dropped));
  CHECK(rx.drain() == numbers(0, 3));
  CHECK(dropped.values == numbers(3, 5));
}

TEST_CASE(
  "dropping policies never make a sender wait, whichever way it sends "
  "(X-08)") {
  const auto policy = GENERATE(overflow::drop_oldest, overflow::drop_incoming,
                               overflow::drop_newest_queued);
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 1, policy, dropped);
  CHECK(rt.block_on(send_numbers, tx, 0, 100) == 100);
  CHECK(tx.blocking_send(100));
  CHECK(tx.blocking_send_for(101, 0s));
  CHECK(dropped.values.size() == 101);
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().dead_lettered == 101);
}

TEST_CASE(
  "dropping what is queued is refused for a rendezvous, which queues "
  "nothing") {
  const auto policy
    = GENERATE(overflow::drop_oldest, overflow::drop_newest_queued);
  runtime rt{{.workers = 1}};
  try {
    make_channel<int>(rt, {.capacity = 0, .on_full = policy});
    FAIL("it was accepted");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::invalid_argument);
  }
}

TEST_CASE(
  "a rendezvous that drops the incoming delivers to whoever waits, and "
  "drops else (X-08)") {
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 0, overflow::drop_incoming, dropped);
  CHECK(tx.try_send(1).status() == send_status::dropped);
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  CHECK(tx.try_send(2).status() == send_status::delivered);
  tx.close();
  CHECK(receiving.blocking_join() == numbers(2, 3));
  CHECK(dropped.values == numbers(1, 2));
  CHECK(conserved(tx.stats()));
}

TEST_CASE("nothing is dropped while there is room or somebody waits (X-08)") {
  const auto kind = GENERATE(from_range(overflowing_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  auto receiving = rt.spawn(collect<int>, rx);
  for (int i = 0; i < 20; ++i) {
    until_receivers_wait(tx, 1);
    CHECK(tx.try_send(i).status() == send_status::delivered);
  }
  tx.close();
  CHECK(receiving.blocking_join() == numbers(0, 20));
  CHECK(tx.stats().dead_lettered == 0);
}

TEST_CASE("force_send takes out the oldest and gives it back (B-07, X-12)") {
  const auto policy
    = GENERATE(overflow::wait, overflow::reject, overflow::drop_incoming);
  runtime rt{{.workers = 1}};
  letters dropped;
  auto [tx, rx] = make(rt, 2, policy, dropped);
  CHECK_FALSE(tx.force_send(1));
  CHECK_FALSE(tx.force_send(2));
  CHECK(tx.force_send(3) == 1);
  CHECK(tx.force_send(4) == 2);
  CHECK(rx.drain() == numbers(3, 5));
  CHECK(dropped.values.empty());
  CHECK(tx.stats().handed_back == 2);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("force_send on a closed or rendezvous channel throws (B-07)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  tx.close();
  CHECK_THROWS_AS(tx.force_send(1), levada::channel_closed);
  auto rendezvous = make_channel<int>(rt);
  try {
    rendezvous.tx.force_send(1);
    FAIL("it was accepted");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::invalid_argument);
  }
}
