// Many tasks, and a channel between each two: what is sent goes a long way.
//
// Handles are moved into the task that uses them. When it ends they go, its
// output closes, and so the closing runs through the whole network by itself.
#include <cstdint>
#include <thread>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/spawn.hpp>

#include "workloads.hpp"

namespace bench {

namespace {

using number = std::uint64_t;

// -- sieve --------------------------------------------------------------------

struct sieve_facts {
  /// The n-th prime: where the generator stops.
  number last = 0;
  number sum_of_primes = 0;
  /// How many receives it takes.
  number receives = 0;
};

/// Counts what the channels will do.
sieve_facts facts_about_sieve(number count) {
  sieve_facts facts;
  std::vector<number> primes;
  for (number candidate = 2; primes.size() < count; ++candidate) {
    bool is_prime = true;
    for (const auto prime : primes) {
      ++facts.receives;
      if (candidate % prime == 0) {
        is_prime = false;
        break;
      }
    }
    if (is_prime) {
      ++facts.receives;
      facts.last = candidate;
      facts.sum_of_primes += candidate;
      primes.push_back(candidate);
    }
  }
  return facts;
}

levada::task<> generate(levada::sender<number> out, number last,
                        finish_line* finish) {
  for (number i = 2; i <= last; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
  }
  finish->arrive();
}

levada::task<> filter(levada::receiver<number> in, levada::sender<number> out,
                      number prime, finish_line* finish) {
  while (auto candidate = co_await in.receive()) {
    if (*candidate % prime == 0)
      continue;
    auto sent = co_await out.send(*candidate);
    if (!sent)
      break;
  }
  finish->arrive();
}

levada::task<> collect_primes(levada::receiver<number> in, options asked,
                              number* sum, finish_line* finish) {
  for (number i = 0; i < asked.items; ++i) {
    auto prime = co_await in.receive();
    if (!prime)
      break;
    *sum += *prime;
    auto [tx, rx] = levada::make_channel<number>({.capacity = asked.capacity});
    levada::spawn(filter, std::move(in), std::move(tx), *prime, finish);
    in = std::move(rx);
  }
  finish->arrive();
}

// -- ring ---------------------------------------------------------------------

levada::task<> pass_on(levada::receiver<number> in, levada::sender<number> out,
                       number last, finish_line* finish) {
  while (auto token = co_await in.receive()) {
    if (*token == last) {
      finish->arrive();
      break;
    }
    auto sent = co_await out.send(*token + 1);
    if (!sent)
      break;
  }
}

levada::task<> send_token(levada::sender<number> out) {
  auto sent = co_await out.send(0);
  (void)sent;
}

void wait_until_parked(const std::vector<levada::weak_receiver<number>>& all) {
  for (const auto& each : all)
    while (each.info().waiting_receivers == 0)
      std::this_thread::yield();
}

// -- skynet -------------------------------------------------------------------

levada::task<> skynet_node(levada::sender<number> parent, number first,
                           number leaves, number capacity) {
  auto sum = first;
  if (leaves > 1) {
    sum = 0;
    auto [tx, rx] = levada::make_channel<number>({.capacity = capacity});
    for (number i = 0; i < 10; ++i)
      levada::spawn(skynet_node, tx, first + i * (leaves / 10), leaves / 10,
                    capacity);
    for (number i = 0; i < 10; ++i) {
      auto part = co_await rx.receive();
      sum += std::move(part).value_or(0);
    }
  }
  auto sent = co_await parent.send(sum);
  (void)sent;
}

levada::task<> skynet_root(options asked, number* sum, finish_line* finish) {
  auto [tx, rx] = levada::make_channel<number>({.capacity = asked.capacity});
  levada::spawn(skynet_node, std::move(tx), number{0}, asked.items,
                asked.capacity);
  auto total = co_await rx.receive();
  *sum = std::move(total).value_or(0);
  finish->arrive();
}

} // namespace

result sieve(const options& asked) {
  const auto facts = facts_about_sieve(asked.items);
  number sum = 0;
  finish_line finish{asked.items + 2};
  levada::runtime rt{{.workers = asked.workers}};
  auto [tx, rx]
    = levada::make_channel<number>(rt, {.capacity = asked.capacity});

  const stopwatch watch;
  rt.spawn(generate, std::move(tx), facts.last, &finish);
  rt.spawn(collect_primes, std::move(rx), asked, &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {facts.receives,
          took,
          sum == facts.sum_of_primes,
          {{"primes", static_cast<double>(asked.items)},
           {"ms", per(took.wall_ns, 1'000'000)}}};
}

result ring(const options& asked) {
  finish_line finish{1};
  levada::runtime rt{{.workers = asked.workers}};
  std::vector<levada::channel<number>> channels;
  std::vector<levada::weak_receiver<number>> ends;
  for (number i = 0; i < asked.k; ++i) {
    channels.push_back(
      levada::make_channel<number>(rt, {.capacity = asked.capacity}));
    ends.push_back(channels.back().rx().downgrade());
  }
  for (number i = 0; i < asked.k; ++i)
    rt.spawn(pass_on, channels[i].rx(), channels[(i + 1) % asked.k].tx(),
             asked.items, &finish);
  auto first = channels.front().tx();
  channels.clear();
  wait_until_parked(ends);

  const stopwatch watch;
  rt.spawn(send_token, std::move(first));
  const auto took = watch.until(finish.wait());
  return {asked.items, took, true};
}

result skynet(const options& asked) {
  number sum = 0;
  finish_line finish{1};
  levada::runtime rt{{.workers = asked.workers}};

  const stopwatch watch;
  rt.spawn(skynet_root, asked, &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {asked.items,
          took,
          sum == sum_to(asked.items - 1),
          {{"ms", per(took.wall_ns, 1'000'000)}}};
}

} // namespace bench
