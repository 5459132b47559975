// One round of waiting: the first of what some sources wish for.
//
//   round now{claim, line};
//   from.wish(now.wishes());
//   auto which = co_await now;       // an index of a wish, or round::cancelled
//   if (which != round::cancelled && from.look(which)) …
//
// A wish that comes true while another one does is not lost: it has not happened.
#pragma once

#include <coroutine>
#include <source_location>

#include <levada/channels/rounds/source.hpp>

namespace levada::detail {

class LEVADA_API [[nodiscard("co_await it")]] round {
public:
  using levada_awaitable = void;
  static constexpr std::uint32_t cancelled = select_engine::none;

  /// `claim` must have no nodes; indices below `first` are the caller's.
  explicit round(select_claim& claim, std::source_location line = {},
                 std::uint32_t first = 0);
  round(const round&) = delete;
  round& operator=(const round&) = delete;

  wish_list& wishes() noexcept {
    return wishes_;
  }
  void prefer_first() noexcept {
    biased_ = true;
  }

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return suspend(leaf.promise().root(), leaf);
  }
  std::uint32_t await_resume() {
    return engine_.settle();
  }

  /// The same on this thread.
  std::uint32_t block();

  /// The same for a party that is told: see select_engine. Points in time and
  /// tokens are the caller's to watch.
  bool start(waiter& who);
  bool give_up() noexcept {
    return engine_.give_up();
  }
  std::uint32_t settle() {
    return engine_.settle();
  }

private:
  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  void need_a_case();

  std::source_location line_;
  select_case nothing_;
  wish_list wishes_;
  bool biased_ = false;
  select_engine engine_; // last: it withdraws the cases
};

/// What one wait for a source is limited by.
struct source_limits {
  time_point deadline = time_point::max();
  std::stop_token stop = {};
  /// Only looks.
  bool now = false;
  errc late = errc::timed_out;
};

/// The round-independent part of waiting for one source.
class source_wait {
public:
  explicit source_wait(const source_limits& limits) noexcept : limits_(limits) {
  }

  void add_limits(wish_list& list) {
    if (limits_.stop.stop_possible()) {
      stop_ = list.next();
      list.add(limits_.stop);
    }
    if (limits_.now) {
      late_ = list.next();
      list.add_otherwise();
    } else if (limits_.deadline != time_point::max()) {
      late_ = list.next();
      list.add(limits_.deadline);
    }
  }

  /// errc{} when `index` is not a limit.
  errc verdict(std::uint32_t index) const noexcept {
    if (index == round::cancelled || index == stop_)
      return errc::cancelled;
    return index == late_ ? limits_.late : errc{};
  }

private:
  const source_limits& limits_;
  // (an index nobody has)
  std::uint32_t stop_ = UINT32_MAX - 1;
  std::uint32_t late_ = UINT32_MAX - 1;
};

/// Waits until `from` has a result; errc{} when it has.
template <class T>
task<errc> wait_for_source(source<T>& from, const source_limits& limits,
                           std::source_location line) {
  select_claim claim;
  source_wait wait{limits};
  for (;;) {
    claim.begin_again();
    round now{claim, line};
    wait.add_limits(now.wishes());
    from.wish(now.wishes());
    const std::uint32_t index = co_await now;
    const auto why = wait.verdict(index);
    if (why != errc{})
      co_return why;
    if (from.look(index))
      co_return errc{};
  }
}

template <class T>
errc block_for_source(source<T>& from, const source_limits& limits) {
  select_claim claim;
  source_wait wait{limits};
  for (;;) {
    claim.begin_again();
    round now{claim};
    wait.add_limits(now.wishes());
    from.wish(now.wishes());
    const auto index = now.block();
    if (const auto why = wait.verdict(index); why != errc{})
      return why;
    if (from.look(index))
      return errc{};
  }
}

} // namespace levada::detail
