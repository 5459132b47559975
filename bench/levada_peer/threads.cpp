// The streams again, between OS threads that block.
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/runtime/runtime.hpp>

#include "payload.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

template <class T>
void produce(const levada::sender<T>& out, std::uint64_t first,
             std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    if (!out.blocking_send(made_of<T>(first + i)))
      break;
}

template <class T>
std::uint64_t consume(const levada::receiver<T>& in) {
  std::uint64_t sum = 0;
  while (const auto item = in.blocking_receive())
    sum += number_in(*item);
  return sum;
}

template <class T>
std::uint64_t ping(const levada::sender<T>& out, const levada::receiver<T>& in,
                   std::uint64_t rounds) {
  std::uint64_t right = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    if (!out.blocking_send(made_of<T>(i)))
      break;
    const auto answer = in.blocking_receive();
    if (!answer)
      break;
    right += number_in(*answer) == i + 1 ? 1 : 0;
  }
  return right;
}

template <class T>
void pong(const levada::sender<T>& out, const levada::receiver<T>& in) {
  while (const auto item = in.blocking_receive())
    if (!out.blocking_send(made_of<T>(number_in(*item) + 1)))
      break;
}

} // namespace

/// thread_spsc, thread_mpmc, thread_rendezvous.
template <class T>
result thread_stream(const options& asked) {
  const auto each = asked.items / asked.producers;
  const auto items = each * asked.producers;
  std::atomic<std::uint64_t> sum{0};
  finish_line finish{asked.producers + asked.consumers};
  const levada::runtime rt{{.workers = asked.workers}};
  auto [tx, rx] = levada::make_channel<T>(rt, {.capacity = asked.capacity});
  std::vector<std::jthread> threads;

  const stopwatch watch;
  for (std::uint64_t p = 0; p < asked.producers; ++p)
    threads.emplace_back([&finish, out = tx, p, each] {
      produce(out, 1 + p * each, each);
      finish.arrive();
    });
  for (std::uint64_t q = 0; q < asked.consumers; ++q)
    threads.emplace_back([&finish, &sum, in = rx] {
      sum += consume(in);
      finish.arrive();
    });
  tx = {}; // now the producers' are the last
  const auto took = watch.until(finish.wait());
  return {items, took, sum == sum_to(items)};
}

template <class T>
result thread_ping_pong(const options& asked) {
  std::uint64_t right = 0;
  finish_line finish{2};
  const levada::runtime rt{{.workers = asked.workers}};
  auto there = levada::make_channel<T>(rt, {.capacity = asked.capacity});
  auto back = levada::make_channel<T>(rt, {.capacity = asked.capacity});
  std::vector<std::jthread> threads;

  const stopwatch watch;
  threads.emplace_back([&finish, &right, out = std::move(there.tx),
                        in = std::move(back.rx), rounds = asked.items] {
    right = ping(out, in, rounds);
    finish.arrive();
  });
  threads.emplace_back(
    [&finish, out = std::move(back.tx), in = std::move(there.rx)] {
      pong(out, in);
      finish.arrive();
    });
  const auto took = watch.until(finish.wait());
  return {asked.items, took, right == asked.items};
}

template result thread_stream<std::uint64_t>(const options&);
template result thread_stream<words64>(const options&);
template result thread_stream<std::string>(const options&);
template result thread_ping_pong<std::uint64_t>(const options&);
template result thread_ping_pong<words64>(const options&);
template result thread_ping_pong<std::string>(const options&);

} // namespace bench
