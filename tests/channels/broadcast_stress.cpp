// broadcast under load: conservation, one order for all, storms, races.
#include <algorithm>

#include "broadcast_support.hpp"

using namespace levada_tests;

namespace {

/// An item that says who sent it, and which of that sender's it is.
struct mark {
  std::uint32_t sender;
  std::uint32_t number;
  friend bool operator==(const mark&, const mark&) = default;
};

task<std::uint32_t> send_marks(broadcast_sender<mark> out, std::uint32_t who,
                               std::uint32_t count) {
  std::uint32_t went = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const mark item{who, i};
    auto sent = co_await out.send(item);
    if (!sent)
      break;
    ++went;
  }
  co_return went;
}

/// What a receiver saw: items in order, and how many it was told it lost.
struct seen {
  std::vector<mark> items;
  std::uint64_t lagged = 0;
  /// Each sender's numbers rise.
  bool ordered = true;
};

task<seen> watch(broadcast_receiver<mark> in, std::uint32_t senders) {
  seen result;
  std::vector<std::int64_t> last(senders, -1);
  while (auto got = co_await in.receive()) {
    result.lagged += got.lagged();
    const auto number = static_cast<std::int64_t>(got->number);
    if (number <= last[got->sender])
      result.ordered = false;
    last[got->sender] = number;
    result.items.push_back(*got);
  }
  co_return result;
}

/// True when `part` is `whole` with some items left out.
bool is_subsequence(const std::vector<mark>& part,
                    const std::vector<mark>& whole) {
  std::size_t next = 0;
  for (const auto& each : part) {
    while (next < whole.size() && whole[next] != each)
      ++next;
    if (next == whole.size())
      return false;
    ++next;
  }
  return true;
}

/// A deterministic sequence for each task.
class dice {
public:
  explicit dice(std::uint32_t seed) noexcept : state_(seed * 2654435761U | 1) {
  }
  std::uint32_t operator()(std::uint32_t sides) noexcept {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % sides;
  }

private:
  std::uint32_t state_;
};

} // namespace

TEST_CASE(
  "all receivers see one order, what one lacks it was told of (B-10, "
  "F-09, U-27)",
  "[stress]") {
  const auto workers = GENERATE(1U, 2U, 4U);
  constexpr std::uint32_t senders = 4;
  constexpr std::uint32_t each = 20'000;
  runtime rt{{.workers = workers}};
  auto [tx, rx] = make_broadcast<mark>(rt, {.capacity = levada::unbounded});
  std::vector<levada::join_handle<seen>> watching;
  watching.push_back(rt.spawn(watch, std::move(rx), senders));
  watching.push_back(rt.spawn(
    watch, tx.subscribe({.capacity = 1, .overflow = overflow::wait}), senders));
  watching.push_back(
    rt.spawn(watch, tx.subscribe({.capacity = 16, .overflow = overflow::wait}),
             senders));
  for (const int capacity : {1, 3, 64})
    watching.push_back(
      rt.spawn(watch, tx.subscribe({.capacity = capacity}), senders));
  std::vector<levada::join_handle<std::uint32_t>> sending;
  for (std::uint32_t i = 0; i < senders; ++i)
    sending.push_back(rt.spawn(send_marks, tx, i, each));
  for (auto& one : sending)
    CHECK(one.blocking_join() == each);
  const auto total = std::uint64_t{senders} * each;
  CHECK(tx.stats().sent == total);
  CHECK(tx.stats().received == total);
  tx.close();
  const auto whole = watching.front().blocking_join();
  CHECK(whole.ordered);
  CHECK(whole.lagged == 0);
  REQUIRE(whole.items.size() == total);
  for (std::size_t i = 1; i < watching.size(); ++i) {
    INFO("receiver " << i);
    const auto got = watching[i].blocking_join();
    CHECK(got.ordered);
    CHECK(got.items.size() + got.lagged == total);
    if (i < 3)
      CHECK(got.items == whole.items);
    else
      CHECK(is_subsequence(got.items, whole.items));
  }
}

TEST_CASE(
  "receivers come and go while senders send: nobody misses what it "
  "should see (F-08, F-11, B-12)",
  "[stress]") {
  constexpr std::uint32_t senders = 3;
  constexpr std::uint32_t each = 15'000;
  runtime rt{{.workers = 4}};
  auto [tx, rx]
    = make_broadcast<mark>(rt, {.capacity = 8, .overflow = overflow::wait});
  auto whole = rt.spawn(watch, std::move(rx), senders);
  // Comes, receives a few without a gap, and leaves with items in its buffer.
  const auto storm = [](broadcast_sender<mark> hub,
                        std::uint32_t seed) -> task<std::uint64_t> {
    dice roll{seed};
    std::uint64_t wrong = 0;
    bool open = true;
    while (open) {
      levada::subscribe_options options;
      options.capacity = static_cast<int>(1 + roll(4));
      options.overflow = roll(2) == 0 ? overflow::wait : overflow::drop_oldest;
      const bool patient = *options.overflow == overflow::wait;
      auto mine = hub.subscribe(options);
      std::vector<std::int64_t> last(senders, -1);
      for (auto left = roll(20); left > 0 && open; --left) {
        auto got = co_await mine.receive();
        if (!got) {
          open = false;
          break;
        }
        const auto number = static_cast<std::int64_t>(got->number);
        auto& before = last[got->sender];
        if (number <= before || (patient && got.lagged() != 0))
          ++wrong;
        if (patient && before >= 0 && number != before + 1)
          ++wrong; // a gap
        before = number;
      }
      open = open && !mine.is_closed();
    }
    co_return wrong;
  };
  std::vector<levada::join_handle<std::uint64_t>> storming;
  for (std::uint32_t i = 1; i <= 4; ++i)
    storming.push_back(rt.spawn(storm, tx, i));
  std::vector<levada::join_handle<std::uint32_t>> sending;
  for (std::uint32_t i = 0; i < senders; ++i)
    sending.push_back(rt.spawn(send_marks, tx, i, each));
  for (auto& one : sending)
    CHECK(one.blocking_join() == each);
  tx.close();
  for (auto& one : storming)
    CHECK(one.blocking_join() == 0);
  const auto all = whole.blocking_join();
  CHECK(all.ordered);
  CHECK(all.lagged == 0);
  CHECK(all.items.size() == std::size_t{senders} * each);
  CHECK(conserved(tx.stats()));
  CHECK(tx.receiver_count() == 0);
  until([&rt] { return rt.channels().size() == 1; }); // only the hub is left
}

TEST_CASE(
  "cancelled sends under backpressure: each item reached all receivers, "
  "or none and its sender has it (B-12, U-27)",
  "[stress]") {
  runtime rt{{.workers = 4}};
  auto [tx, rx]
    = make_broadcast<mark>(rt, {.capacity = 1, .overflow = overflow::wait});
  auto first = rt.spawn(watch, std::move(rx), 3U);
  auto second
    = rt.spawn(watch, tx.subscribe({.capacity = 2}), 3U); // patient, too
  struct tally {
    std::vector<mark> went;
    std::uint64_t back = 0;
    bool honest = true;
  };
  const auto impatient
    = [](broadcast_sender<mark> out, std::uint32_t who) -> task<tally> {
    tally result;
    dice roll{who + 7};
    for (std::uint32_t i = 0; i < 10'000; ++i) {
      const mark item{who, i};
      const auto patience = std::chrono::microseconds{roll(40)};
      auto sent = co_await out.send_for(item, patience);
      if (sent) {
        result.went.push_back(item);
      } else {
        ++result.back;
        result.honest = result.honest && sent.timed_out() && sent.has_value()
                        && sent.value() == item;
      }
    }
    co_return result;
  };
  std::vector<levada::join_handle<tally>> sending;
  for (std::uint32_t i = 0; i < 3; ++i)
    sending.push_back(rt.spawn(impatient, tx, i));
  std::vector<tally> tallies;
  for (auto& each : sending)
    tallies.push_back(each.blocking_join());
  tx.close();
  const auto one = first.blocking_join();
  const auto two = second.blocking_join();
  CHECK(one.items == two.items);
  CHECK(one.ordered);
  std::size_t went = 0;
  for (std::uint32_t who = 0; who < 3; ++who) {
    CHECK(tallies[who].honest);
    CHECK(tallies[who].went.size() + tallies[who].back == 10'000);
    went += tallies[who].went.size();
    std::vector<mark> arrived;
    std::copy_if(one.items.begin(), one.items.end(),
                 std::back_inserter(arrived),
                 [who](const mark& each) { return each.sender == who; });
    CHECK(arrived == tallies[who].went);
  }
  CHECK(went == one.items.size());
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "close races with sends, receives and subscribing: all agree (F-16, "
  "F-08)",
  "[stress]") {
  runtime rt{{.workers = 4}};
  for (int round = 0; round < 1'500; ++round) {
    levada::broadcast_options<mark> options;
    options.capacity = 2;
    options.overflow = round % 2 == 0 ? overflow::wait : overflow::drop_oldest;
    options.resend_latest = round % 3 == 0;
    options.auto_close = round % 5 == 0;
    auto [tx, rx] = make_broadcast<mark>(rt, options);
    auto reading = rt.spawn(watch, std::move(rx), 2U);
    auto more = rt.spawn(
      [](broadcast_sender<mark> hub) -> task<bool> {
        auto late = hub.subscribe();
        while (auto got = co_await late.receive()) {}
        co_return late.is_closed();
      },
      tx);
    auto one = rt.spawn(send_marks, tx, 0U, 20U);
    auto two = rt.spawn(send_marks, tx, 1U, 20U);
    auto closer = rt.spawn(
      [](broadcast_sender<mark> hub) -> task<bool> {
        co_await levada::yield();
        const bool closed = hub.close();
        co_return closed;
      },
      tx);
    const auto went = one.blocking_join() + two.blocking_join();
    closer.blocking_join();
    const auto got = reading.blocking_join();
    REQUIRE(more.blocking_join());
    REQUIRE(got.ordered);
    REQUIRE(got.items.size() + got.lagged == went);
    REQUIRE(conserved(tx.stats()));
  }
}

TEST_CASE(
  "threads and tasks mix: strings, shared by all, are freed once (F-07)",
  "[stress]") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_broadcast<std::string>(rt, {.capacity = 4});
  auto patient = tx.subscribe({.capacity = 4, .overflow = overflow::wait});
  std::vector<std::jthread> threads;
  std::atomic<std::uint64_t> lost{0};
  std::atomic<std::uint64_t> got{0};
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([mine = tx.subscribe(), &lost, &got] {
      while (auto item = mine.blocking_receive()) {
        lost += item.lagged();
        got += item->size() == 40 ? 1 : 0;
      }
    });
  auto in_task = rt.spawn(collect_all<std::string>, std::move(patient));
  rx.close();
  std::vector<std::jthread> sending;
  constexpr std::uint64_t each = 10'000;
  for (int i = 0; i < 2; ++i)
    sending.emplace_back([out = tx] {
      for (std::uint64_t n = 0; n < each; ++n) {
        auto sent = out.blocking_send(std::string(40, 'x'));
        if (!sent)
          break;
      }
    });
  sending.clear();
  tx.close();
  threads.clear();
  CHECK(in_task.blocking_join().size() == 2 * each);
  CHECK(lost + got == 3 * 2 * each);
}
