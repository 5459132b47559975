// Leases against a sequential model, and in crowds that nack, die and close.
#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <random>
#include <thread>

#include <levada/channels/leasing.hpp>
#include <levada/runtime/scope.hpp>

#include "lease_support.hpp"

using namespace levada_tests;

namespace {

/// A channel that lends, said as simply as possible: returned items by the order
/// of their first lease, then the others.
class lending_model {
public:
  lending_model(std::size_t capacity, unsigned most)
      : capacity_(capacity),
        most_(most) {
  }

  struct item {
    int value;
    unsigned place = 0;
    unsigned deliveries = 0;
  };

  bool send(int value) {
    if (returned_.size() + fresh_.size() >= capacity_)
      return false;
    fresh_.push_back({value});
    return true;
  }

  std::optional<item> lease() {
    auto result = receive();
    if (result) {
      if (result->place == 0)
        result->place = ++last_;
      ++result->deliveries;
    }
    return result;
  }

  std::optional<item> receive() {
    if (!returned_.empty()) {
      const auto result = returned_.begin()->second;
      returned_.erase(returned_.begin());
      return result;
    }
    if (fresh_.empty())
      return {};
    const auto result = fresh_.front();
    fresh_.pop_front();
    return result;
  }

  /// False: it is poison.
  bool give_back(item which) {
    if (which.deliveries >= most_)
      return false;
    returned_.emplace(which.place, which);
    return true;
  }

  std::size_t size() const {
    return returned_.size() + fresh_.size();
  }

private:
  std::size_t capacity_;
  unsigned most_;
  unsigned last_ = 0;
  std::map<unsigned, item> returned_;
  std::deque<item> fresh_;
};

} // namespace

TEST_CASE("leases do what the sequential model says (N-01)") {
  const auto capacity = GENERATE(1, 3, 16);
  const auto seed = GENERATE(range(0U, 40U));
  INFO("capacity " << capacity << ", seed " << seed);
  std::mt19937 random{seed};
  runtime rt{{.workers = 1}};
  grave box;
  auto [tx, rx] = make_channel<int>(rt, box.options(capacity, 4));
  lending_model model{static_cast<std::size_t>(capacity), 4};
  std::vector<std::pair<leased<int>, lending_model::item>> out;
  std::size_t poison = 0;
  for (int step = 0; step < 300; ++step) {
    const auto pick = [&] { return random() % out.size(); };
    switch (random() % 6) {
      case 0:
      case 1:
        REQUIRE(static_cast<bool>(tx.try_send(step)) == model.send(step));
        break;
      case 2:
      case 3: {
        auto got = rx.try_lease();
        const auto expected = model.lease();
        REQUIRE(static_cast<bool>(got) == expected.has_value());
        if (!got)
          break;
        REQUIRE(*got == expected->value);
        REQUIRE(got.delivery_count() == expected->deliveries);
        out.emplace_back(std::move(got).value(), *expected);
        break;
      }
      case 4:
        if (!out.empty()) {
          const auto which = pick();
          poison += model.give_back(out[which].second) ? 0 : 1;
          out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
        }
        break;
      default:
        if (!out.empty() && random() % 2 == 0) {
          const auto which = pick();
          out[which].first.ack();
          out.erase(out.begin() + static_cast<std::ptrdiff_t>(which));
        } else {
          auto got = rx.try_receive();
          const auto expected = model.receive();
          REQUIRE(static_cast<bool>(got) == expected.has_value());
          if (got)
            REQUIRE(*got == expected->value);
        }
    }
    REQUIRE(tx.size() == model.size());
    REQUIRE(box.size() == poison);
    const auto stats = tx.stats();
    REQUIRE(stats.leased == out.size());
    REQUIRE(conserved(stats));
  }
}

namespace {

struct crowd {
  explicit crowd(int items) : acked(static_cast<std::size_t>(items)) {
  }
  std::vector<std::atomic<int>> acked;
  std::atomic<unsigned> random{1};
  std::atomic<int> poisoned{0};

  unsigned chance(unsigned of) {
    // (any sequence will do)
    return (random.fetch_add(0x9e3779b9U, std::memory_order_relaxed) >> 7) % of;
  }
};

/// Leases until it dies, or nothing is left; true in the latter case.
task<bool> mortal(receiver<int> in, crowd* all) {
  levada::lease_result<int> got{errc::empty};
  for (;;) {
    switch (all->chance(3)) {
      case 0:
        got = co_await in.lease();
        break;
      case 1: {
        auto timed = co_await in.lease_for(1ms);
        if (timed.timed_out())
          continue;
        got = timed ? levada::lease_result<int>{std::move(timed).value()}
                    : levada::lease_result<int>{errc::closed};
        break;
      }
      default: {
        auto chosen = co_await levada::select(levada::leasing(in));
        if (chosen.cancelled())
          co_return false;
        got = std::move(chosen.get<0>());
      }
    }
    if (!got)
      co_return got.closed();
    switch (all->chance(5)) {
      case 0:
        got.nack();
        break;
      case 1:
        throw std::runtime_error{"dies with its lease"};
      case 2:
        co_await levada::yield();
        [[fallthrough]];
      default:
        all->acked[static_cast<std::size_t>(*got)].fetch_add(1);
        got.ack();
    }
  }
}

/// One of several that replace each other when they die.
task<> immortal(receiver<int> in, crowd* all) {
  bool over = false;
  while (!over) {
    try {
      over = co_await mortal(in, all);
    } catch (const std::runtime_error&) {
      continue;
    }
    if (!over)
      co_return; // cancelled
  }
}

} // namespace

TEST_CASE(
  "in a crowd that nacks and dies every item is acked exactly once "
  "(N-01, U-14)",
  "[stress]") {
  const auto capacity = GENERATE(as<levada::channel_capacity>{}, 0, 2, 64);
  runtime rt{{.workers = 2}};
  constexpr int items = 3000;
  crowd all{items};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto sending = rt.spawn(send_numbers, std::move(tx), 0, items);
  std::vector<levada::join_handle<>> workers;
  for (int i = 0; i < 5; ++i)
    workers.push_back(rt.spawn(immortal, rx, &all));
  CHECK(sending.blocking_join() == items);
  for (auto& each : workers)
    each.blocking_join();
  CHECK(std::all_of(all.acked.begin(), all.acked.end(),
                    [](const auto& each) { return each == 1; }));
  CHECK(rx.stats().received == items);
  CHECK(rx.stats().leased == 0);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "crowds that are cancelled and closed at random conserve every item "
  "(N-01, U-14, U-24)",
  "[stress]") {
  const auto seed = GENERATE(range(0U, 60U));
  std::mt19937 random{seed};
  runtime rt{{.workers = 2}};
  constexpr int items = 100;
  crowd all{items};
  grave box;
  auto [tx, rx] = make_channel<int>(
    rt, box.options(static_cast<int>(random() % 4), random() % 2 * 3));
  auto sending = rt.spawn(send_numbers, tx, 0, items);
  {
    std::vector<std::unique_ptr<levada::scope>> groups;
    for (int i = 0; i < 3; ++i) {
      groups.push_back(std::make_unique<levada::scope>(rt));
      groups.back()->spawn(immortal, rx, &all);
      groups.back()->spawn(immortal, rx, &all);
    }
    for (auto& each : groups) {
      for (auto spins = random() % 2000; spins > 0; --spins)
        std::this_thread::yield();
      each->cancel();
      if (random() % 4 == 0)
        tx.close();
    }
    for (auto& each : groups)
      each->blocking_join();
  }
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().leased == 0);
  rx = {};
  const auto went = static_cast<std::uint64_t>(sending.blocking_join());
  const auto stats = tx.stats();
  CHECK(stats.buffered == 0);
  CHECK(stats.waiting == 0);
  CHECK(stats.received + stats.dead_lettered == went);
  CHECK(box.size() == stats.dead_lettered);
  std::uint64_t acked = 0;
  for (const auto& each : all.acked) {
    CHECK(each <= 1);
    acked += static_cast<std::uint64_t>(each.load());
  }
  CHECK(acked == stats.received);
}
