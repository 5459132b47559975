// The untyped half of select: two phases over an array of cases.
//
//  1. One case after the other, in random order (or as written, when biased):
//     the first that is ready happens; a timer that is due and a requested stop
//     among them. No two locks are held at once.
//  2. None was: all channels are locked in the order of their addresses, all
//     cases looked at again, and if still none is ready, that is so at one
//     instant: `otherwise` happens, or every case is enlisted and the waiter
//     parks, before any lock is released.
//
// A select cannot match itself: its own nodes are enlisted after it has looked.
#pragma once

#include <array>
#include <coroutine>
#include <cstdint>
#include <optional>
#include <source_location>
#include <stop_token>

#include <levada/actors/select_claim.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/runtime/clock.hpp>
#include <levada/runtime/task_frame.hpp>
#include <levada/runtime/timer_node.hpp>

namespace levada::detail {

/// One send or receive among the cases. `slot` points to its item's storage.
struct select_case : select_node {
  select_case(select_claim& claim, std::uint32_t index, channel_core* channel,
              bool sending) noexcept
      : select_node(claim, index),
        channel(channel),
        sending(sending) {
  }

  /// Asked under the channel's lock before the case is tried: false ends the
  /// select with this case, `released`. Null: it may always be tried.
  bool (*admit)(select_case& self) noexcept = nullptr;
  channel_core* const channel;
  const bool sending;
};

class LEVADA_API select_engine : private timer_node {
public:
  static constexpr std::uint32_t none = UINT32_MAX;
  /// What settle() says after give_up().
  static constexpr std::uint32_t given_up = UINT32_MAX - 2;

  explicit select_engine(select_claim& claim) noexcept
      : timer_node(&select_engine::expire),
        claim_(claim) {
  }
  /// Before its cases: takes them out of their channels.
  ~select_engine();
  select_engine(const select_engine&) = delete;
  select_engine& operator=(const select_engine&) = delete;

  /// What else may end the wait: set before running, `none` for not at all. Its
  /// owner keeps it where it is until settle().
  struct extra_cases {
    std::uint32_t otherwise = none;
    std::uint32_t time = none;
    time_point deadline = time_point::max();
    std::uint32_t stop = none;
    std::stop_token token = {};
    /// How many channel cases stand before them, for those that are cases;
    /// `none` for limits, which count only when no channel is ready.
    std::uint32_t before_time = none;
    std::uint32_t before_stop = none;
  };

  /// Runs the select for a task; true when the task has parked (or yielded).
  /// The order of `cases` is changed, except when biased.
  bool suspend(task_frame& root, std::coroutine_handle<> leaf,
               std::source_location line, select_case** cases,
               std::uint32_t count, bool biased, const extra_cases& extra);

  /// Runs it for a party that is told instead of woken, without limits, and that
  /// has just found nothing. False: the first that is ready after all has
  /// happened, see settle(). True: `who` will be told, unless give_up() says
  /// otherwise.
  bool start(waiter& who, select_case** cases, std::uint32_t count);

  /// After start() was true: ends the wait. False: a case was faster, and the
  /// party is told, or has been. Then settle().
  bool give_up() noexcept {
    return claim_.win_as_limit(given_up);
  }

  /// Runs it without waiting, anywhere; `extra.otherwise` is set.
  void poll(select_case** cases, std::uint32_t count, bool biased,
            const extra_cases& extra);

  /// Runs it for this thread.
  void block(select_case** cases, std::uint32_t count, bool biased,
             const extra_cases& extra);

  /// After resuming: takes all losing cases out. Which case has happened, or
  /// `none` when the wait was cancelled. Idempotent.
  std::uint32_t settle();

private:
  struct stopper {
    select_engine* self;
    void operator()() const noexcept;
  };

  class all_locks;

  bool prepare(const extra_cases& extra, time_point now);
  bool try_each(bool biased, time_point now);
  bool time_has_come(time_point now) const noexcept {
    return extra_->time != none && extra_->deadline <= now;
  }
  bool enlist_all(waiter& who);
  static bool try_case(select_case& one, wake_list& wakes, stray_list& strays);
  bool publish() noexcept;
  static wait_queue& queue_of(select_case& one) noexcept;
  static void enlist(select_case& one, waiter& who) noexcept;
  static void withdraw(select_case& one) noexcept;
  void won(std::uint32_t which) noexcept {
    winner_ = which;
  }
  static void expire(timer_node& node, wake_list& wakes) noexcept;

  select_claim& claim_;
  select_case** cases_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t winner_ = none;
  bool enlisted_ = false;
  bool armed_ = false;
  /// The owner's, which outlives the engine.
  const extra_cases* extra_ = nullptr;
  waiter* who_ = nullptr;
  task_frame* root_ = nullptr;
  std::source_location line_;
  std::coroutine_handle<> leaf_;
  std::optional<std::stop_callback<stopper>> stop_;
};

/// The time on the clock of the task that runs here, else the steady clock's.
LEVADA_API time_point current_time() noexcept;

} // namespace levada::detail
