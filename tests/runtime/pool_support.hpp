// What the tests of the worker pool and of its timers share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/timer_queue.hpp>
#include <levada/runtime/worker_pool.hpp>

#include "support.hpp"

namespace test {

using levada::detail::job;
using levada::detail::worker;
using levada::detail::worker_pool;

/// Threads that run every job they get, until each of them gets a `stop`.
class crew {
public:
  static constexpr job stop = UINTPTR_MAX;

  template <class Run>
  crew(worker_pool& pool, Run run) : pool_(pool) {
    for (std::size_t i = 0; i < pool.size(); ++i)
      threads_.emplace_back([&pool, run] {
        auto& self = pool.enlist();
        levada::detail::take_seat();
        for (job next = pool.next(self); next != stop; next = pool.next(self)) {
          if ((std::exchange(self.news, std::uint8_t{0}) & worker::timed) != 0)
            pool.hand_time_over();
          run(self, next);
        }
      });
  }

  ~crew() {
    for (std::size_t i = 0; i < threads_.size(); ++i)
      pool_.push_global(stop);
    for (auto& each : threads_)
      each.join();
  }

private:
  worker_pool& pool_;
  std::vector<std::thread> threads_;
};

/// A timer that counts, and says when it fired early.
struct counting_node : levada::detail::timer_node {
  counting_node() : timer_node(&counting_node::fire) {
  }
  explicit counting_node(std::chrono::steady_clock::duration in)
      : counting_node() {
    when = std::chrono::steady_clock::now() + in;
  }

  static void fire(timer_node& self, levada::detail::wake_list&) noexcept {
    auto& node = static_cast<counting_node&>(self);
    if (std::chrono::steady_clock::now() < node.when)
      node.early = true;
    node.fired.fetch_add(1);
  }

  /// False when it does not for absurdly long.
  bool fires() {
    return eventually([this] { return fired == 1; });
  }

  std::atomic<int> fired{0};
  std::atomic<bool> early{false};
};

/// A pool that keeps the time, with `armed` from the beginning; its workers run every
/// job they get by `run`.
class time_crew {
public:
  template <class Run>
  time_crew(std::size_t workers, Run run, counting_node* armed = nullptr)
      : pool(workers),
        timers(levada::clock::steady(), workers + 1) {
    timers.keep_by(pool);
    if (armed != nullptr)
      timers.arm(*armed);
    crew_.emplace(pool, std::move(run));
  }

  worker_pool pool;
  levada::detail::timer_queue timers;

private:
  std::optional<crew> crew_;
};

inline constexpr auto nothing = [](worker&, job) {};

} // namespace test
