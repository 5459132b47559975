// Programs that Go's own tests are made of, written again from their rules.
#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>

#include <levada/channels/context.hpp>
#include <levada/channels/select.hpp>
#include <levada/runtime/scope.hpp>

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
  "(G-32, Go: sieve1)") {
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
  "(G-12, G-25, Go: doubleselect)") {
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

TEST_CASE(
  "a value runs through a chain of ten thousand tasks and channels "
  "(G-32, Go: goroutines)") {
  constexpr int links = 10'000;
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  auto left = std::move(rx);
  auto right = std::move(tx);
  for (int i = 0; i < links; ++i) {
    auto next = make_channel<int>(rt);
    rt.spawn(
        [](receiver<int> in, sender<int> out) -> task<> {
          auto v = co_await in.receive();
          if (!v)
            co_return;
          const int more = *v + 1;
          auto sent = co_await out.send(more);
          sent.check();
        },
        std::move(next.rx), std::move(right))
      .detach();
    right = std::move(next.tx);
  }
  REQUIRE(right.blocking_send(0));
  CHECK(left.blocking_receive().value() == links);
  CHECK(left.blocking_receive().closed());
  until([&] { return rt.tasks().empty(); });
}

TEST_CASE(
  "whoever makes a hundred thousand channels and tasks has them, and no "
  "longer when they go (G-32)") {
  constexpr std::size_t count = 100'000;
  runtime rt{{.workers = 2}};
  std::vector<sender<int>> ways(count);
  for (auto& each : ways) {
    auto ends = make_channel<int>(rt);
    each = std::move(ends.tx);
    rt.spawn(collect<int>, std::move(ends.rx)).detach();
  }
  CHECK(rt.tasks().size() == count);
  CHECK(rt.channels().size() == count);
  ways.clear();
  until([&] { return rt.tasks().empty() && rt.channels().empty(); });
}

// -- closing after all producers, and groups of tasks -------------------------

TEST_CASE(
  "the channel closes by itself when the last producer's handle goes "
  "(G-30, B-01)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  for (int i = 0; i < 10; ++i)
    rt.spawn(send_numbers, tx, 100 * i, 100 * (i + 1)).detach();
  tx = {};
  auto got = rt.block_on(collect<int>, std::move(rx));
  std::sort(got.begin(), got.end());
  CHECK(got == numbers(0, 1000));
}

TEST_CASE(
  "a closer waits for all producers of a scope, then closes, as with Go's "
  "WaitGroup (G-30)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  auto closing = rt.spawn(
    [](sender<int> out) -> task<> {
      levada::scope producers;
      for (int i = 0; i < 10; ++i)
        producers.spawn(send_numbers, out, 100 * i, 100 * (i + 1)).detach();
      co_await producers.join();
      out.close();
    },
    tx); // another handle stays open here
  auto got = rt.block_on(collect<int>, rx);
  closing.blocking_join();
  std::sort(got.begin(), got.end());
  CHECK(got == numbers(0, 1000));
  CHECK(tx.close_record().reason == levada::close_reason::closed);
}

TEST_CASE(
  "the first error in a group cancels the rest, which waits through a "
  "context, and is the one thrown (G-30, G-29)") {
  runtime rt{{.workers = 2}};
  auto never = make_channel<int>(rt);
  std::atomic<int> told{0};
  const auto work = [](levada::context ctx, receiver<int> in,
                       std::atomic<int>& count) -> task<> {
    const auto done = ctx.done();
    auto chosen = co_await levada::select(in, done);
    count += chosen.index() == 1 || chosen.cancelled() ? 1 : 0;
  };
  std::string thrown;
  rt.block_on(
    [&](receiver<int> in) -> task<> {
      auto group = levada::with_cancel(levada::context{});
      levada::scope children{{.limit = 5}};
      for (int i = 0; i < 4; ++i) {
        auto place = co_await children.reserve();
        place.spawn(work, group.ctx, in, std::ref(told)).detach();
      }
      auto place = co_await children.reserve();
      place
        .spawn(
          [](receiver<int> queue) -> task<> {
            while (queue.info().waiting_receivers != 4)
              co_await levada::yield();
            throw std::runtime_error{"the fifth"};
          },
          in)
        .detach();
      try {
        co_await children.join();
      } catch (const std::runtime_error& error) {
        thrown = error.what();
        group.cancel(std::current_exception());
      }
    },
    never.rx);
  CHECK(thrown == "the fifth");
  CHECK(told == 4);
}

// -- powser1: power series as pairs of channels -------------------------------
// A series is asked for its next coefficient on one channel and gives it on
// another; operations are tasks between series. Some series are made from
// themselves.

namespace {

struct rational {
  long long over = 0;
  long long under = 1;

  rational() = default;
  rational(long long a, long long b = 1)
      : over(a / std::gcd(a, b)),
        under(b / std::gcd(a, b)) {
  }
  friend rational operator+(rational a, rational b) {
    return {a.over * b.under + b.over * a.under, a.under * b.under};
  }
  friend rational operator*(rational a, rational b) {
    return {a.over * b.over, a.under * b.under};
  }
  friend bool operator==(rational, rational) = default;
  friend std::ostream& operator<<(std::ostream& out, rational r) {
    return out << r.over << '/' << r.under;
  }
};

/// Where the coefficients of a series are had.
struct series {
  sender<levada::unit> ask;
  receiver<rational> answer;
};

/// Where they are given.
struct outlet {
  receiver<levada::unit> asked;
  sender<rational> answer;
};

struct both_ends {
  series from;
  outlet to;
};

both_ends make_series() {
  auto ask = make_channel<levada::unit>();
  auto answer = make_channel<rational>();
  return {{std::move(ask.tx), std::move(answer.rx)},
          {std::move(ask.rx), std::move(answer.tx)}};
}

task<rational> next_of(series& from) {
  const levada::unit please;
  auto asked = co_await from.ask.send(please);
  asked.check();
  auto got = co_await from.answer.receive();
  co_return got.value();
}

task<> give(outlet& to, rational value) {
  auto sent = co_await to.answer.send(value);
  sent.check();
}

/// `first`, then what `rest` has.
task<> prepend(rational first, series rest, outlet to) {
  auto asked = co_await to.asked.receive();
  if (!asked)
    co_return;
  co_await give(to, first);
  while (auto more = co_await to.asked.receive()) {
    const rational each = co_await next_of(rest);
    co_await give(to, each);
  }
}

task<> constants(rational first, rational all_others, outlet to) {
  auto value = first;
  while (auto asked = co_await to.asked.receive()) {
    co_await give(to, value);
    value = all_others;
  }
}

task<> sum(series a, series b, outlet to) {
  while (auto asked = co_await to.asked.receive()) {
    const rational left = co_await next_of(a);
    const rational right = co_await next_of(b);
    const auto both = left + right;
    co_await give(to, both);
  }
}

task<> scaled(rational by, series a, outlet to) {
  while (auto asked = co_await to.asked.receive()) {
    const rational each = co_await next_of(a);
    const auto value = by * each;
    co_await give(to, value);
  }
}

/// The integral that begins with `first`.
task<> integral(rational first, series a, outlet to) {
  auto value = first;
  long long n = 0;
  while (auto asked = co_await to.asked.receive()) {
    if (n != 0) {
      const rational each = co_await next_of(a);
      value = each * rational{1, n};
    }
    ++n;
    co_await give(to, value);
  }
}

/// One series as two, each asked when it is wanted. It must hear both askers
/// while its source works, since a source may be made from one of the two.
task<> split(series from, outlet left, outlet right) {
  std::array<outlet*, 2> to{&left, &right};
  std::array<std::deque<rational>, 2> had;
  std::array<bool, 2> wanted{};
  receiver<rational> off;
  bool asked = false;
  for (;;) {
    const auto& source = asked ? from.answer : off;
    auto chosen = co_await levada::select(left.asked, right.asked, source);
    if (chosen.cancelled())
      co_return;
    if (chosen.index() == 2) {
      const auto got = chosen.get<2>().value();
      asked = false;
      for (auto& each : had)
        each.push_back(got);
    } else {
      const bool open
        = chosen.index() == 0 ? bool{chosen.get<0>()} : bool{chosen.get<1>()};
      if (!open)
        co_return; // one side is not wanted any more: neither is needed here
      wanted[chosen.index()] = true;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (!wanted[i])
        continue;
      if (!had[i].empty()) {
        const auto value = had[i].front();
        had[i].pop_front();
        wanted[i] = false;
        co_await give(*to[i], value);
      } else if (!asked) {
        asked = true;
        const levada::unit please;
        auto sent = co_await from.ask.send(please);
        sent.check();
      }
    }
  }
}

struct halves {
  series a;
  series b;
};

halves split(series from) {
  auto a = make_series();
  auto b = make_series();
  levada::spawn(
    [](series x, outlet l, outlet r) -> task<> {
      return split(std::move(x), std::move(l), std::move(r));
    },
    std::move(from), std::move(a.to), std::move(b.to))
    .detach();
  return {std::move(a.from), std::move(b.from)};
}

template <class F, class... Args>
series run(F work, Args... args) {
  auto made = make_series();
  levada::spawn(work, std::move(args)..., std::move(made.to)).detach();
  return std::move(made.from);
}

/// (f + xF)(g + xG) = fg + x(fG + gF) + x·xFG
task<> product(series a, series b, outlet to) {
  auto asked = co_await to.asked.receive();
  if (!asked)
    co_return;
  const rational f = co_await next_of(a);
  const rational g = co_await next_of(b);
  const auto first = f * g;
  co_await give(to, first);
  asked = co_await to.asked.receive();
  if (!asked)
    co_return;
  auto as = split(std::move(a));
  auto bs = split(std::move(b));
  auto mixed = run(sum, run(scaled, f, std::move(bs.a)),
                   run(scaled, g, std::move(as.a)));
  auto rest = run(
    sum, std::move(mixed),
    run(prepend, rational{0}, run(product, std::move(as.b), std::move(bs.b))));
  do {
    const rational each = co_await next_of(rest);
    co_await give(to, each);
    asked = co_await to.asked.receive();
  } while (asked);
}

/// Its first coefficients. The series comes through a channel, as anything may.
task<std::vector<rational>> first_of(receiver<series> in, int count) {
  auto got = co_await in.receive();
  auto from = std::move(got).value();
  std::vector<rational> result;
  for (int i = 0; i < count; ++i) {
    const rational each = co_await next_of(from);
    result.push_back(each);
  }
  co_return result;
}

task<> send_series(series what, sender<series> out) {
  auto sent = co_await out.send(std::move(what));
  sent.check();
}

} // namespace

TEST_CASE(
  "power series are computed by tasks that ask each other, in circles too "
  "(G-12, Go: powser1)") {
  // (a task that is asked no more ends with a channel_closed of its sends)
  runtime rt{{.workers = 2, .on_failure = [](const auto&) {}}};
  auto [tx, rx] = make_channel<series>(rt);
  const auto compute = [&, tx = tx](auto make) {
    rt.spawn([make, tx]() -> task<> {
        auto made = make();
        co_await send_series(std::move(made), tx);
      })
      .detach();
    return rt.block_on(first_of, rx, 10);
  };
  const auto ones = [] { return run(constants, rational{1}, rational{1}); };
  const auto exponential = [] {
    auto self = make_series();
    auto both = split(std::move(self.from));
    levada::spawn(integral, rational{1}, std::move(both.b), std::move(self.to))
      .detach();
    return std::move(both.a);
  };
  const auto tangent = [] {
    auto self = make_series();
    auto out = split(std::move(self.from));
    auto factors = split(std::move(out.b));
    auto square = run(product, std::move(factors.a), std::move(factors.b));
    auto slope
      = run(sum, run(constants, rational{1}, rational{0}), std::move(square));
    levada::spawn(integral, rational{0}, std::move(slope), std::move(self.to))
      .detach();
    return std::move(out.a);
  };
  CHECK(compute([=] { return run(product, ones(), ones()); })
        == std::vector<rational>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(compute(exponential)
        == std::vector<rational>{1,
                                 1,
                                 {1, 2},
                                 {1, 6},
                                 {1, 24},
                                 {1, 120},
                                 {1, 720},
                                 {1, 5040},
                                 {1, 40320},
                                 {1, 362880}});
  CHECK(compute(tangent)
        == std::vector<rational>{
          0, 1, 0, {1, 3}, 0, {2, 15}, 0, {17, 315}, 0, {62, 2835}});
  CHECK(rt.stop().clean);
}
