// Is it parallel, fair, idle when there is nothing to do, and prompt when there
// is? Prints each figure with what it should be: ./dev bench --fair
//
// A measurement, not a test: on a machine that others use too, they are part of
// the figure. So the machine's own share stands beside it where it can be told.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <semaphore>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include <levada/levada.hpp>

namespace {

using namespace std::chrono_literals;
using wall_clock = std::chrono::steady_clock;
using number = std::uint64_t;
using figures = std::vector<double>;

double microseconds(wall_clock::duration time) {
  return std::chrono::duration<double, std::micro>{time}.count();
}

double cpu_seconds() {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec)
           + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(now.ru_utime) + seconds(now.ru_stime);
}

double quantile(figures all, double part) {
  std::ranges::sort(all);
  return all[static_cast<std::size_t>(static_cast<double>(all.size() - 1)
                                      * part)];
}

void tell(const char* what, double found, const char* unit, bool good,
          const char* wanted) {
  std::printf("%-60s %8.2f %-3s %s%s\n", what, found, unit, wanted,
              good ? "" : "  MISSED");
  std::fflush(stdout);
}

// -- parallel -----------------------------------------------------------------

/// Arithmetic that nobody can shorten.
number compute(number seed) {
  for (int i = 0; i < 200'000; ++i)
    seed = seed * 6364136223846793005U + (seed >> 33) + 1;
  return seed;
}

levada::task<> work(levada::receiver<number> in, levada::sender<number> out) {
  while (auto seed = co_await in.receive()) {
    auto sent = co_await out.send(compute(*seed));
    if (!sent)
      break;
  }
}

levada::task<> hand_out(levada::sender<number> out, number count) {
  for (number i = 0; i < count; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
  }
}

/// A fan-out of long computations, and their results gathered.
levada::task<number> fan_out(number count) {
  number sum = 0;
  auto jobs = levada::make_channel<number>({.capacity = 16});
  auto results = levada::make_channel<number>({.capacity = 16});
  levada::spawn(hand_out, std::move(jobs.tx), count);
  for (int i = 0; i < 8; ++i)
    levada::spawn(work, jobs.rx, results.tx);
  jobs.rx = {};
  results.tx = {};
  while (auto each = co_await results.rx.receive())
    sum += *each;
  co_return sum;
}

double time_of_fan_out(std::size_t workers) {
  levada::runtime rt{{.workers = workers}};
  const auto start = wall_clock::now();
  rt.block_on(fan_out(500));
  return microseconds(wall_clock::now() - start);
}

/// The same on two bare threads: as parallel as the machine is just now.
double time_of_threads(number threads) {
  const auto start = wall_clock::now();
  std::atomic<number> sum{0};
  {
    std::vector<std::jthread> all;
    for (number t = 0; t < threads; ++t)
      all.emplace_back([&sum, threads] {
        number mine = 0;
        for (number i = 0; i < 500 / threads; ++i)
          mine += compute(i);
        sum += mine;
      });
  }
  return microseconds(wall_clock::now() - start);
}

void tell_speedup() {
  figures ours;
  figures bare;
  for (int round = 0; round < 7; ++round) {
    const auto one = time_of_fan_out(1);
    ours.push_back(one / time_of_fan_out(2));
    const auto single = time_of_threads(1);
    bare.push_back(single / time_of_threads(2));
  }
  const auto found = quantile(ours, 0.5);
  tell("two workers for a fan-out that computes, speed-up", found, "",
       found >= 1.85, "at least 1.85");
  tell("  two threads without levada", quantile(bare, 0.5), "", true,
       "the machine");
}

// -- fair ---------------------------------------------------------------------

levada::task<> echo(levada::receiver<number> in, levada::sender<number> out) {
  while (auto item = co_await in.receive()) {
    auto sent = co_await out.send(*item);
    if (!sent)
      break;
  }
}

levada::task<> ping(levada::sender<number> out, levada::receiver<number> in,
                    std::atomic<bool>* over) {
  while (!over->load(std::memory_order_relaxed)) {
    auto sent = co_await out.send(1);
    auto answer = co_await in.receive();
    if (!sent || !answer)
      break;
  }
}

void spawn_ping_pong(levada::runtime& rt, std::atomic<bool>* over) {
  auto there = levada::make_channel<number>(rt, {.capacity = 1});
  auto back = levada::make_channel<number>(rt, {.capacity = 1});
  rt.spawn(echo, std::move(there.rx), std::move(back.tx));
  rt.spawn(ping, std::move(there.tx), std::move(back.rx), over);
}

/// Longest time it was ready and did not run.
levada::task<double> stand_by(wall_clock::duration time,
                              std::atomic<bool>* over) {
  wall_clock::duration longest{0};
  const auto start = wall_clock::now();
  for (auto now = start; now - start < time;) {
    co_await levada::yield();
    const auto later = wall_clock::now();
    longest = std::max(longest, later - now);
    now = later;
  }
  over->store(true, std::memory_order_relaxed);
  co_return microseconds(longest);
}

/// What the machine takes from a thread that only looks at the clock.
double longest_gap(wall_clock::duration time) {
  wall_clock::duration longest{0};
  const auto start = wall_clock::now();
  for (auto now = start; now - start < time;) {
    const auto later = wall_clock::now();
    longest = std::max(longest, later - now);
    now = later;
  }
  return microseconds(longest);
}

void tell_fairness() {
  for (const auto workers : {std::size_t{1}, std::size_t{2}}) {
    std::atomic<bool> over{false};
    levada::runtime rt{{.workers = workers}};
    for (std::size_t i = 0; i < workers; ++i)
      spawn_ping_pong(rt, &over);
    const auto found = rt.block_on(stand_by(1s, &over)) / 1'000;
    tell(workers == 1 ? "a bystander's longest wait beside a ping-pong, W=1"
                      : "a bystander's longest wait beside two of them, W=2",
         found, "ms", found <= 10, "at most 10");
  }
  tell("  a thread's that only looks at the clock", longest_gap(1s) / 1'000,
       "ms", true, "the machine");
}

levada::task<> note_when(wall_clock::time_point* began,
                         std::binary_semaphore* done) {
  *began = wall_clock::now();
  done->release();
  co_return;
}

constexpr int beside = 300;

/// A worker makes a task ready and goes on computing: when does the other worker
/// begin it?
levada::task<> compute_beside(figures* delays) {
  for (int i = 0; i < beside; ++i) {
    wall_clock::time_point began{};
    std::binary_semaphore done{0};
    const auto ready = wall_clock::now();
    levada::spawn(note_when, &began, &done);
    number seed = static_cast<number>(i);
    while (!done.try_acquire())
      seed = seed * 3 + compute(seed) % 2; // 200 µs each, no turn given up
    delays->push_back(microseconds(began - ready));
  }
  co_return;
}

/// The same with two threads, the other one asleep as the other worker is.
figures delays_of_threads() {
  figures delays;
  std::binary_semaphore go{0};
  std::binary_semaphore done{0};
  wall_clock::time_point began{};
  const std::jthread other{[&] {
    for (int i = 0; i < beside; ++i) {
      go.acquire();
      began = wall_clock::now();
      done.release();
    }
  }};
  for (int i = 0; i < beside; ++i) {
    auto seed = static_cast<number>(i);
    const auto ready = wall_clock::now();
    go.release();
    while (!done.try_acquire())
      seed = seed * 3 + compute(seed) % 2;
    delays.push_back(microseconds(began - ready));
  }
  return delays;
}

void tell_stealing() {
  figures delays;
  {
    levada::runtime rt{{.workers = 2}};
    rt.block_on(compute_beside(&delays));
  }
  const auto bare = delays_of_threads();
  tell("a ready task's start beside a worker that computes, median",
       quantile(delays, 0.5) / 1'000, "ms", quantile(delays, 0.5) <= 1'000,
       "at most 1");
  tell("  of 300 such starts, the 95th of 100", quantile(delays, 0.95) / 1'000,
       "ms", true, "");
  tell("  a sleeping thread's start beside one, median",
       quantile(bare, 0.5) / 1'000, "ms", true, "the machine");
  tell("  of 300 such starts, the 95th of 100", quantile(bare, 0.95) / 1'000,
       "ms", true, "the machine");
}

// -- idle, prompt -------------------------------------------------------------

levada::task<> park(levada::receiver<number> in) {
  while (auto item = co_await in.receive())
    (void)item;
}

void tell_idleness() {
  levada::runtime rt{{.workers = 2}};
  auto [tx, rx] = levada::make_channel<number>(rt);
  for (int i = 0; i < 1'000; ++i)
    rt.spawn(park, rx);
  std::this_thread::sleep_for(200ms);
  const auto before = cpu_seconds();
  std::this_thread::sleep_for(2s);
  const auto found = (cpu_seconds() - before) / 2 * 100;
  tell("a processor's time that 1,000 parked tasks take", found, "%",
       found < 0.1, "0");
}

levada::task<> note_latency(levada::receiver<wall_clock::time_point> in,
                            figures* delays, std::binary_semaphore* received) {
  while (auto sent_at = co_await in.receive()) {
    delays->push_back(microseconds(wall_clock::now() - *sent_at));
    received->release();
  }
}

constexpr int wakes = 1'000;

figures task_wakes(std::size_t workers) {
  figures delays;
  std::binary_semaphore received{0};
  levada::runtime rt{{.workers = workers}};
  auto [tx, rx] = levada::make_channel<wall_clock::time_point>(rt);
  auto task = rt.spawn(note_latency, std::move(rx), &delays, &received);
  for (int i = 0; i < wakes; ++i) {
    std::this_thread::sleep_for(500us); // so that everybody sleeps
    (void)tx.blocking_send(wall_clock::now());
    received.acquire();
  }
  tx.close();
  (void)task.blocking_join();
  return delays;
}

/// One thread wakes another: less is not to be had.
figures thread_wakes() {
  figures delays;
  std::binary_semaphore go{0};
  std::binary_semaphore received{0};
  wall_clock::time_point sent_at;
  const std::jthread other{[&] {
    for (int i = 0; i < wakes; ++i) {
      go.acquire();
      delays.push_back(microseconds(wall_clock::now() - sent_at));
      received.release();
    }
  }};
  for (int i = 0; i < wakes; ++i) {
    std::this_thread::sleep_for(500us);
    sent_at = wall_clock::now();
    go.release();
    received.acquire();
  }
  return delays;
}

void tell_promptness() {
  const auto found = quantile(task_wakes(2), 0.5);
  tell("from a thread's send until a parked task runs, median", found, "µs",
       found < 20, "less than 20");
  tell("  from a thread's semaphore until a thread runs", //
       quantile(thread_wakes(), 0.5), "µs", true, "the machine");
}

} // namespace

int main() {
  tell_speedup();
  tell_fairness();
  tell_stealing();
  tell_idleness();
  tell_promptness();
}
