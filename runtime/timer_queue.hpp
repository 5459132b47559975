// All the deadlines of a runtime: a 4-ary heap with O(log n) arm and disarm,
// and one thread that sleeps until the first of them.
//
// Invariants
//  - A node is in the heap exactly while its `index` is not `idle`.
//  - `expired` is called under the queue's mutex. It may take channel locks
//    and must only collect wakes: no user code, no arming.
//  - Hence after disarm() returned, `expired` does not run and will not run:
//    the node's memory is the owner's again. Never call disarm() while holding
//    a lock that an `expired` takes.
//  - The thread is started by the first node armed, and never with a clock that
//    drives its timers itself (manual_clock).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/timer_node.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

class timer_queue {
public:
  explicit timer_queue(clock& source);
  ~timer_queue();
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  /// Puts `node` in; a deadline that has passed fires at once from the timer
  /// thread. May throw bad_alloc, or system_error when the thread cannot be had;
  /// then nothing is armed.
  void arm(timer_node& node);

  /// Takes `node` out; false when it had fired (or was never armed).
  bool disarm(timer_node& node) noexcept;

  /// How many nodes are armed.
  std::size_t size() const;

  /// True while nodes have been taken out and whom they wake is not yet woken.
  /// When size() gives 0 and this false, in this order, all who waited here are
  /// awake.
  bool firing() const noexcept {
    // acquire: pairs with ~fire_mark(); the wakes are visible
    return firing_.load(std::memory_order_acquire) != 0;
  }

  /// The earliest deadline, or time_point::max().
  time_point next_deadline() const;

  /// Fires everything that is due by the clock.
  void fire_due();

  /// Ends the thread; later arms only fill the heap. Idempotent.
  void stop() noexcept;

private:
  struct entry {
    time_point when;
    timer_node* node;
  };

  class fire_mark;

  void start_thread(timer_node& node);
  void run();
  void place(std::size_t index, entry value) noexcept;
  void sift_up(std::size_t index, entry value) noexcept;
  void sift_down(std::size_t index, entry value) noexcept;
  void remove_at(std::size_t index) noexcept;
  void fire_due_locked(wake_list& wakes, fire_mark& mark);

  clock& clock_;
  /// Guards everything below but `firing_` and `alarm_`.
  mutable std::mutex mutex_;
  /// heap_[i] is not later than heap_[4i+1 … 4i+4].
  std::vector<entry> heap_;
  /// True once stop() was called.
  bool stopping_ = false;
  /// How many threads have taken nodes out and not yet fired the wakes.
  std::atomic<std::uint32_t> firing_{0};
  /// Counts changes the thread must look at; it sleeps on this word.
  std::atomic<std::uint32_t> alarm_{0};
  std::thread thread_;
};

} // namespace levada::detail
