// Many tasks that wait, each for something of its own or all for the same.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/channels/select.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/spawn.hpp>

#include "workloads.hpp"

namespace bench {

namespace {

using namespace std::chrono_literals;
using number = std::uint64_t;

/// What the tasks of one workload share with the thread that measures them.
struct crowd {
  explicit crowd(const options& asked)
      : capacity(asked.capacity),
        began(asked.items),
        ended(asked.items) {
  }

  const number capacity;
  finish_line began;
  finish_line ended;
  std::atomic<number> sum{0};
  std::vector<levada::sender<number>> senders;
};

levada::task<> wait_for_one(levada::receiver<number> in, crowd* all) {
  all->began.arrive();
  auto item = co_await in.receive();
  all->sum += std::move(item).value_or(0);
  all->ended.arrive();
}

levada::task<> wait_for_one_or_time(levada::receiver<number> in,
                                    levada::duration time, crowd* all) {
  all->began.arrive();
  auto chosen = co_await levada::select(in, levada::after(time));
  if (chosen.index() == 0)
    all->sum += chosen.get<0>().value_or(0);
  all->ended.arrive();
}

levada::task<> spawn_waiting(crowd* all) {
  for (auto& sender : all->senders) {
    auto [tx, rx] = levada::make_channel<number>({.capacity = all->capacity});
    sender = std::move(tx);
    levada::spawn(wait_for_one, std::move(rx), all);
  }
  co_return;
}

levada::task<> spawn_waiting_with_timer(crowd* all) {
  levada::duration time = 1h;
  for (auto& sender : all->senders) {
    auto [tx, rx] = levada::make_channel<number>({.capacity = all->capacity});
    sender = std::move(tx);
    levada::spawn(wait_for_one_or_time, std::move(rx), time, all);
    time += 1us;
  }
  co_return;
}

levada::task<> send_to_each(crowd* all) {
  number i = 0;
  for (const auto& sender : all->senders) {
    auto sent = co_await sender.send(++i);
    if (!sent)
      break;
  }
}

/// What spawning a crowd cost, how much memory it holds, and what letting it go
/// costs.
result spawn_and_release(const options& asked,
                         levada::task<> (*spawn_all)(crowd* all),
                         const std::string& spawn_label,
                         const std::string& release_label) {
  crowd all{asked};
  levada::runtime rt{{.workers = asked.workers}};
  give_memory_back();
  const auto bytes_before = resident_bytes();
  all.senders.resize(asked.items); // part of what a task costs

  const stopwatch spawn_watch;
  rt.spawn(spawn_all, &all);
  const auto spawned = spawn_watch.until(all.began.wait());
  std::this_thread::sleep_for(100ms); // as defined: memory is read 100 ms later
  const auto bytes = resident_bytes() - bytes_before;

  const stopwatch release_watch;
  rt.spawn(send_to_each, &all);
  const auto released = release_watch.until(all.ended.wait());
  return {asked.items,
          spawned + released,
          all.sum == sum_to(asked.items),
          {{spawn_label, per(spawned.wall_ns, asked.items)},
           {release_label, per(released.wall_ns, asked.items)},
           {"bytes_per_task", per(bytes, asked.items)}}};
}

levada::task<> wait_for_close(levada::receiver<number> in,
                              std::atomic<number>* closed,
                              finish_line* finish) {
  auto item = co_await in.receive();
  *closed += item.closed() ? 1 : 0;
  finish->arrive();
}

levada::task<> close(levada::sender<number> which) {
  which.close();
  co_return;
}

levada::task<> time_out(levada::receiver<number> in, levada::time_point due,
                        std::int64_t* late, finish_line* finish) {
  auto chosen = co_await levada::select(in, levada::at(due));
  if (chosen.index() == 1)
    *late = std::chrono::nanoseconds{wall_clock::now() - due}.count();
  finish->arrive();
}

std::vector<levada::channel<number>>
make_channels(const levada::runtime& rt, number count, number capacity) {
  std::vector<levada::channel<number>> result;
  for (number i = 0; i < count; ++i)
    result.push_back(levada::make_channel<number>(rt, {.capacity = capacity}));
  return result;
}

} // namespace

result spawn_million(const options& asked) {
  return spawn_and_release(asked, spawn_waiting, "spawn_ns", "release_ns");
}

result timers(const options& asked) {
  return spawn_and_release(asked, spawn_waiting_with_timer, "arm_ns",
                           "cancel_ns");
}

result close_latency(const options& asked) {
  std::atomic<number> closed{0};
  finish_line finish{asked.items};
  levada::runtime rt{{.workers = asked.workers}};
  auto [tx, rx]
    = levada::make_channel<number>(rt, {.capacity = asked.capacity});
  for (number i = 0; i < asked.items; ++i)
    rt.spawn(wait_for_close, rx, &closed, &finish);
  while (rx.info().waiting_receivers != asked.items)
    std::this_thread::yield();

  const stopwatch watch;
  rt.spawn(close, tx);
  const auto took = watch.until(finish.wait());
  return {asked.items,
          took,
          closed == asked.items,
          {{"us_total", per(took.wall_ns, 1'000)}}};
}

/// The timeouts lie evenly over one second, half a second ahead. With --k 1 all
/// tasks wait on one channel: leaving a long queue must be cheap, too.
result timers_fire(const options& asked) {
  const auto count = asked.items;
  std::vector<std::int64_t> late(count, -1);
  finish_line finish{count};
  levada::runtime rt{{.workers = asked.workers}};
  const auto channels
    = make_channels(rt, asked.k == 1 ? 1 : count, asked.capacity);
  const auto first = wall_clock::now() + 500ms;
  for (number i = 0; i < count; ++i)
    rt.spawn(time_out, channels[i % channels.size()].rx(),
             first + i * std::chrono::nanoseconds{1s} / count, &late[i],
             &finish);
  std::this_thread::sleep_until(first);

  const stopwatch watch;
  const auto took = watch.until(finish.wait());
  const bool none_early_none_missing = std::all_of(
    late.begin(), late.end(), [](auto each) { return each >= 0; });
  std::sort(late.begin(), late.end());
  const auto microseconds = [&late](std::size_t index) {
    return static_cast<double>(late[index]) / 1'000;
  };
  return {count,
          took,
          none_early_none_missing,
          {{"late_us_p50", microseconds(count / 2)},
           {"late_us_p99", microseconds(count * 99 / 100)},
           {"late_us_max", microseconds(count - 1)}}};
}

} // namespace bench
