// Pipelines under supervision whose stages die at random: nothing is lost, nothing
// is done twice, nobody waits for ever.
#include <algorithm>
#include <atomic>
#include <random>

#include <levada/channels/for_each_leased.hpp>
#include <levada/channels/supervise.hpp>
#include <levada/runtime/scope.hpp>

#include "lease_support.hpp"

using namespace levada_tests;
using levada::restart_strategy;
using levada::supervision;

namespace {

struct fate {
  std::atomic<unsigned> random{1};
  std::atomic<int> deaths{0};

  /// Dies once in `of` times.
  void tempt(unsigned of) {
    const auto drawn = random.fetch_add(0x9e3779b9U, std::memory_order_relaxed);
    if ((drawn >> 7) % of != 0)
      return;
    ++deaths;
    throw std::runtime_error{"fate"};
  }
};

/// Sends what is left to send; `next` outlives it.
task<> producer(sender<int> out, fate* luck, int* next, int last) {
  while (*next < last) {
    luck->tempt(7);
    auto sent = co_await out.send(*next);
    if (!sent)
      co_return;
    ++*next;
  }
}

task<> worker(receiver<int> in, sender<int> out, fate* luck) {
  while (auto job = co_await in.lease()) {
    luck->tempt(5);
    auto place = co_await out.reserve();
    if (!place)
      co_return;
    luck->tempt(9);
    auto sent = std::move(place).value().send(*job);
    if (!sent)
      co_return;
    job.ack(); // nothing can come in between
  }
}

/// One worker; several would race for what is stopped half-way.
task<> collector(receiver<int> in, fate* luck, std::vector<int>* all) {
  while (auto item = co_await in.lease()) {
    luck->tempt(11);
    all->push_back(*item);
    item.ack();
  }
}

} // namespace

TEST_CASE(
  "a pipeline whose stages die ten thousand times handles every item "
  "once (N-01, U-14)",
  "[stress]") {
  const auto strategy
    = GENERATE(restart_strategy::one_for_one, restart_strategy::rest_for_one,
               restart_strategy::one_for_all);
  runtime rt{{.workers = 2}};
  constexpr int items = 6000;
  fate luck;
  int next = 0;
  std::vector<int> all;
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 3});
  auto [out, in] = make_channel<int>(rt, {.capacity = 2});
  supervision plan{{.strategy = strategy, .max_restarts = UINT32_MAX}};
  plan.child("producer", producer, std::move(tx), &luck, &next, items);
  for (int i = 0; i < 3; ++i)
    plan.child("worker", worker, rx, out, &luck);
  out = {};
  plan.child("collector", collector, in, &luck, &all);
  rt.block_on(levada::supervise, std::move(plan));
  std::sort(all.begin(), all.end());
  CHECK(all == numbers(0, items));
  CHECK(luck.deaths > 3000);
  for (const auto& stats : {rx.stats(), in.stats()}) {
    CHECK(stats.received == items);
    CHECK(stats.leased == 0);
    CHECK(conserved(stats));
  }
}

TEST_CASE(
  "supervisors above supervisors, cancelled at any moment, leave "
  "nobody and lose nothing (U-14, U-24)",
  "[stress]") {
  std::mt19937 random{7};
  runtime rt{{.workers = 2}};
  const auto idle = rt.tasks().size();
  for (int round = 0; round < 100; ++round) {
    fate luck;
    luck.random = static_cast<unsigned>(random());
    int next = 0;
    std::vector<int> all;
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
    auto [out, in] = make_channel<int>(rt, {.capacity = 2});
    {
      levada::scope scope{rt};
      supervision workers{
        {.strategy = restart_strategy::one_for_all, .max_restarts = 3}};
      for (int i = 0; i < 2; ++i)
        workers.child("worker", worker, rx, out, &luck);
      levada::child_options impatient;
      impatient.stop_timeout = 10s;
      supervision above{{.strategy = restart_strategy::rest_for_one,
                         .max_restarts = UINT32_MAX}};
      above.child("producer", producer, tx, &luck, &next, 1 << 20);
      above.child(impatient, levada::supervise, workers);
      above.child("collector", collector, in, &luck, &all);
      auto top = scope.spawn(levada::supervise, above);
      for (auto spins = random() % 400; spins > 0; --spins)
        std::this_thread::yield();
      scope.cancel();
      CHECK_THROWS_AS(top.blocking_join(), levada::operation_cancelled);
    }
    until([&] { return rt.tasks().size() == idle; });
    CHECK(rx.stats().leased == 0);
    CHECK(in.stats().leased == 0);
    CHECK(conserved(rx.stats()));
    CHECK(conserved(in.stats()));
    CHECK(in.stats().received == all.size());
  }
}
