// Programs that Go's own tests are made of, written again from their rules.
#include <optional>

#include <levada/channels/select.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

task<> filter(receiver<int> in, sender<int> out, int prime) {
  while (auto v = co_await in.receive()) {
    const int candidate = *v;
    if (candidate % prime == 0)
      continue;
    auto sent = co_await out.send(candidate);
    if (!sent)
      break;
  }
}

task<std::vector<int>> sieve(int count) {
  std::vector<int> primes;
  auto [tx, rx] = make_channel<int>();
  levada::spawn(send_numbers, std::move(tx), 2, 1 << 30).detach();
  auto source = std::move(rx);
  for (int i = 0; i < count; ++i) {
    auto prime = co_await source.receive();
    primes.push_back(prime.value());
    auto next = make_channel<int>();
    levada::spawn(filter, std::move(source), std::move(next.tx), *prime)
      .detach();
    source = std::move(next.rx);
  }
  co_return primes;
}

} // namespace

TEST_CASE(
  "the prime sieve sieves, and falls away when nobody listens "
  "(Go: sieve1)") {
  runtime rt{{.workers = 2}};
  const auto primes = rt.block_on(sieve, 100);
  REQUIRE(primes.size() == 100);
  for (std::size_t i = 0; i < primes.size(); ++i)
    for (int d = 2; d * d <= primes[i]; ++d)
      CHECK(primes[i] % d != 0);
  CHECK(primes.back() == 541);
  // The last receiver went; the closing runs up the whole pipeline.
  // (A task has ended a moment before its handles have gone.)
  until([&] { return rt.tasks().empty() && rt.channels().empty(); });
}

TEST_CASE(
  "non-blocking operations see what blocking ones left, on every "
  "capacity (Go: nonblock)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, kind.options<std::string>());
  CHECK(rx.try_receive().empty());
  const bool buffers = tx.capacity() != 0;
  CHECK(bool{tx.try_send("hello")} == buffers);
  CHECK(rx.try_receive().value_or("none") == (buffers ? "hello" : "none"));
  auto parked = rt.spawn(
    [](sender<std::string> out) -> task<> {
      std::string item = "there";
      auto sent = co_await out.send(std::move(item));
      (void)sent;
    },
    tx);
  until([&] { return tx.stats().sent == (buffers ? 2U : 1U); });
  CHECK(rx.try_receive().value() == "there");
  CHECK(rx.try_receive().empty());
  parked.blocking_join();
}

TEST_CASE(
  "a chain of twenty thousand tasks and channels passes a value through, and "
  "is gone (G-32, Go: goroutines)") {
  constexpr int length = 20000;
  runtime rt{{.workers = 2}};
  auto [first, source] = make_channel<int>(rt);
  for (int i = 0; i < length; ++i) {
    auto next = make_channel<int>(rt);
    rt.spawn(
        [](receiver<int> in, sender<int> out) -> task<> {
          while (auto v = co_await in.receive()) {
            const int more = *v + 1;
            auto sent = co_await out.send(more);
            if (!sent)
              break;
          }
        },
        std::move(source), std::move(next.tx))
      .detach();
    source = std::move(next.rx);
  }
  CHECK(rt.channels().size() == length + 1);
  for (const int from : {0, 100})
    CHECK(rt.block_on(
            [](sender<int> out, receiver<int> in, int n) -> task<int> {
              auto sent = co_await out.send(n);
              auto got = co_await in.receive();
              co_return sent ? *got : -1;
            },
            first, source, from)
          == from + length);
  first = {};
  until([&] { return rt.tasks().empty(); });
  CHECK(source.is_closed());
  source = {};
  until([&] { return rt.channels().empty(); });
}

TEST_CASE("items without size keep their number (Go: zerosize)") {
  runtime rt{{.workers = 1}};
  struct nothing {};
  auto [tx, rx] = make_channel<nothing>(rt, {.capacity = 10});
  for (int i = 0; i < 10; ++i)
    CHECK(tx.try_send(nothing{}));
  CHECK(tx.try_send(nothing{}).full());
  CHECK(rx.drain().size() == 10);
}

TEST_CASE(
  "a select with both ways open does each send and each receive once "
  "(Go: doubleselect)") {
  runtime rt{{.workers = 2}};
  constexpr int count = 2000;
  // One sends each number to whichever of four channels takes it first; one
  // collects from all four; each number must come through exactly once.
  std::array<levada::channel_ends<int>, 4> ways;
  for (auto& each : ways)
    each = make_channel<int>(rt);
  rt.spawn(
      [](std::vector<sender<int>> out) -> task<> {
        for (int i = 0; i < count; ++i) {
          auto chosen = co_await levada::select(
            levada::sending(out[0], i), levada::sending(out[1], i),
            levada::sending(out[2], i), levada::sending(out[3], i));
          (void)chosen;
        }
      },
      std::vector<sender<int>>{ways[0].tx, ways[1].tx, ways[2].tx, ways[3].tx})
    .detach();
  auto merged = make_channel<int>(rt);
  for (auto& each : ways)
    rt.spawn(
        [](receiver<int> in, sender<int> out) -> task<> {
          while (auto v = co_await in.receive()) {
            const int item = *v;
            auto sent = co_await out.send(item);
            if (!sent)
              break;
          }
        },
        each.rx, merged.tx)
      .detach();
  for (auto& each : ways)
    each = {};
  merged.tx = {};
  auto got = rt.block_on(collect<int>, std::move(merged.rx));
  std::sort(got.begin(), got.end());
  CHECK(got == numbers(0, count));
}
