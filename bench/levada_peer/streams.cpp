// Values from producers to consumers.
//
// Nobody closes by hand: a channel closes when its last sender goes, and a
// producer's sender goes with the producer.
#include <atomic>
#include <cstdint>
#include <vector>

#include <levada/channels/broadcast.hpp>
#include <levada/channels/channel.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/runtime/runtime.hpp>

#include "payload.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

/// The numbers first … first + count - 1.
struct numbers {
  std::uint64_t first;
  std::uint64_t count;
};

template <class T>
levada::task<> produce(levada::sender<T> out, numbers which,
                       finish_line* finish) {
  for (std::uint64_t i = 0; i < which.count; ++i) {
    auto sent = co_await out.send(made_of<T>(which.first + i));
    if (!sent)
      break;
  }
  finish->arrive();
}

template <class T, class Receiver>
levada::task<> consume(Receiver in, std::atomic<std::uint64_t>* sum,
                       finish_line* finish) {
  std::uint64_t mine = 0;
  while (auto item = co_await in.receive())
    mine += number_in(*item);
  *sum += mine;
  finish->arrive();
}

template <class T>
levada::task<> ping(levada::sender<T> out, levada::receiver<T> in,
                    std::uint64_t rounds, std::uint64_t* right,
                    finish_line* finish) {
  for (std::uint64_t i = 0; i < rounds; ++i) {
    auto sent = co_await out.send(made_of<T>(i));
    if (!sent)
      break;
    auto answer = co_await in.receive();
    if (!answer)
      break;
    *right += number_in(*answer) == i + 1 ? 1 : 0;
  }
  finish->arrive();
}

template <class T>
levada::task<> pong(levada::sender<T> out, levada::receiver<T> in,
                    finish_line* finish) {
  while (auto item = co_await in.receive()) {
    auto sent = co_await out.send(made_of<T>(number_in(*item) + 1));
    if (!sent)
      break;
  }
  finish->arrive();
}

template <class T>
levada::task<> produce_for_all(std::vector<levada::sender<T>> outs,
                               std::uint64_t count, finish_line* finish) {
  for (std::uint64_t i = 1; i <= count; ++i)
    for (const auto& out : outs) {
      auto sent = co_await out.send(made_of<T>(i));
      if (!sent)
        break;
    }
  finish->arrive();
}

template <class T>
levada::task<> produce_for_all_at_once(levada::broadcast_sender<T> out,
                                       std::uint64_t count,
                                       finish_line* finish) {
  for (std::uint64_t i = 1; i <= count; ++i) {
    auto sent = co_await out.send(made_of<T>(i));
    if (!sent)
      break;
  }
  finish->arrive();
}

template <class T>
levada::task<> consume_from_all(std::vector<levada::receiver<T>> ins,
                                std::uint64_t count, std::uint64_t* sum,
                                finish_line* finish) {
  levada::select_set set;
  std::vector<levada::select_key<T>> keys;
  for (const auto& in : ins)
    keys.push_back(set.add(in));
  std::uint64_t mine = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto event = co_await set.next();
    if (!event)
      break;
    const auto& item = *event.from(keys[event.index() - 1]);
    if (item)
      mine += number_in(*item);
  }
  *sum = mine;
  finish->arrive();
}

} // namespace

/// spsc_buffered, mpmc_buffered, rendezvous.
template <class T>
result stream(const options& asked) {
  const auto each = asked.items / asked.producers;
  const auto items = each * asked.producers;
  std::atomic<std::uint64_t> sum{0};
  finish_line finish{asked.producers + asked.consumers};
  levada::runtime rt{{.workers = asked.workers}};
  auto [tx, rx] = levada::make_channel<T>(rt, {.capacity = asked.capacity});

  const stopwatch watch;
  for (std::uint64_t p = 0; p < asked.producers; ++p)
    rt.spawn(produce<T>, tx, numbers{1 + p * each, each}, &finish);
  for (std::uint64_t q = 0; q < asked.consumers; ++q)
    rt.spawn(consume<T, levada::receiver<T>>, rx, &sum, &finish);
  tx = {}; // now the producers' are the last
  const auto took = watch.until(finish.wait());
  return {items, took, sum == sum_to(items)};
}

template <class T>
result ping_pong(const options& asked) {
  std::uint64_t right = 0;
  finish_line finish{2};
  levada::runtime rt{{.workers = asked.workers}};
  auto there = levada::make_channel<T>(rt, {.capacity = asked.capacity});
  auto back = levada::make_channel<T>(rt, {.capacity = asked.capacity});

  const stopwatch watch;
  rt.spawn(ping<T>, std::move(there.tx), std::move(back.rx), asked.items,
           &right, &finish);
  rt.spawn(pong<T>, std::move(back.tx), std::move(there.rx), &finish);
  const auto took = watch.until(finish.wait());
  return {asked.items, took, right == asked.items};
}

/// Loss-free, as Go's: a receiver that is full is waited for.
template <class T>
result broadcast(const options& asked) {
  std::atomic<std::uint64_t> sum{0};
  finish_line finish{1 + asked.consumers};
  levada::runtime rt{{.workers = asked.workers}};
  auto [tx, rx] = levada::make_broadcast<T>(
    rt, {.capacity = asked.capacity, .overflow = levada::overflow::wait});
  std::vector<levada::broadcast_receiver<T>> ins;
  ins.push_back(std::move(rx));
  while (ins.size() < asked.consumers)
    ins.push_back(tx.subscribe());

  const stopwatch watch;
  rt.spawn(produce_for_all_at_once<T>, std::move(tx), asked.items, &finish);
  for (auto& in : ins)
    rt.spawn(consume<T, levada::broadcast_receiver<T>>, std::move(in), &sum,
             &finish);
  const auto took = watch.until(finish.wait());
  return {
    asked.items,
    took,
    sum == sum_to(asked.items) * asked.consumers,
    {{"ns_per_delivery", per(took.wall_ns, asked.items * asked.consumers)}}};
}

/// The same by hand, over a channel for each receiver.
template <class T>
result fan_out(const options& asked) {
  std::atomic<std::uint64_t> sum{0};
  finish_line finish{1 + asked.consumers};
  levada::runtime rt{{.workers = asked.workers}};
  std::vector<levada::sender<T>> outs;
  std::vector<levada::receiver<T>> ins;
  for (std::uint64_t i = 0; i < asked.consumers; ++i) {
    auto [tx, rx] = levada::make_channel<T>(rt, {.capacity = asked.capacity});
    outs.push_back(std::move(tx));
    ins.push_back(std::move(rx));
  }

  const stopwatch watch;
  rt.spawn(produce_for_all<T>, std::move(outs), asked.items, &finish);
  for (auto& in : ins)
    rt.spawn(consume<T, levada::receiver<T>>, std::move(in), &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {
    asked.items,
    took,
    sum == sum_to(asked.items) * asked.consumers,
    {{"ns_per_delivery", per(took.wall_ns, asked.items * asked.consumers)}}};
}

template <class T>
result fan_in_select(const options& asked) {
  const auto each = asked.items / asked.k;
  const auto items = each * asked.k;
  std::uint64_t sum = 0;
  finish_line finish{1 + asked.k};
  levada::runtime rt{{.workers = asked.workers}};
  // Kept here to the end: closing is no part of this workload.
  std::vector<levada::sender<T>> outs;
  std::vector<levada::receiver<T>> ins;
  for (std::uint64_t i = 0; i < asked.k; ++i) {
    auto [tx, rx] = levada::make_channel<T>(rt, {.capacity = asked.capacity});
    outs.push_back(std::move(tx));
    ins.push_back(std::move(rx));
  }

  const stopwatch watch;
  for (std::uint64_t i = 0; i < asked.k; ++i)
    rt.spawn(produce<T>, outs[i], numbers{1 + i * each, each}, &finish);
  rt.spawn(consume_from_all<T>, ins, items, &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {items, took, sum == sum_to(items)};
}

template result stream<std::uint64_t>(const options&);
template result stream<words64>(const options&);
template result stream<std::string>(const options&);
template result ping_pong<std::uint64_t>(const options&);
template result ping_pong<words64>(const options&);
template result ping_pong<std::string>(const options&);
template result broadcast<std::uint64_t>(const options&);
template result broadcast<words64>(const options&);
template result broadcast<std::string>(const options&);
template result fan_out<std::uint64_t>(const options&);
template result fan_out<words64>(const options&);
template result fan_out<std::string>(const options&);
template result fan_in_select<std::uint64_t>(const options&);
template result fan_in_select<words64>(const options&);
template result fan_in_select<std::string>(const options&);

} // namespace bench
