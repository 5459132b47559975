// select_set: a select that stays registered, for long-lived and changing sets
// of receivers. What epoll is to poll.
//
//   levada::select_set set;
//   auto a = set.add(rx_a);
//   auto b = set.add(rx_b);
//   while (auto event = co_await set.next()) {
//     if (auto* got = event.from(a)) { … }      // a receive_result
//     if (auto* got = event.from(b)) { … }
//   }
//
// Cost     does not grow with the number of idle members: a member enlists with
//          its channel once and is touched again when something happens there.
//          (Members that are any_receivers cost something in each wait.)
// Fair     members that have something take turns.
// Closing  a member whose channel is closed and drained is reported once, with a
//          failed result, and then left out. With no member left, next() gives a
//          false event.
// Nothing is taken from a channel except what next() returns.
// Threads  one task (or thread) at a time waits in next(); add and remove may be
//          called by anybody meanwhile.
//
// How it works: a member's node stands either in its channel's receive queue
// (armed) or in the set's ready list. Whoever brings an item to the channel
// finds the node and either hands the item over, when the set is waiting, or
// puts the member on the ready list. next() tries the ready ones and arms those
// it finds empty, under the channel's lock, so that nothing is missed.
// Lock order: channel → set.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <stop_token>

#include <levada/channels/select/loop_member.hpp>
#include <levada/channels/select/set_core.hpp>
#include <levada/channels/waiting/wait.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

class select_set;

/// Names a member of a set.
template <class T>
class select_key {
public:
  select_key() noexcept = default;

  /// Unique in its set, counted from 1; what set_event::index() gives.
  std::uint64_t index() const noexcept {
    return index_;
  }
  friend bool operator==(select_key, select_key) noexcept = default;

private:
  friend class select_set;
  explicit select_key(std::uint64_t index) noexcept : index_(index) {
  }
  std::uint64_t index_ = 0;
};

namespace detail {
class set_next;
struct set_rounds;

/// Receivers that are built on a receiver<…>.
template <class From>
concept joins_sets
  = requires(const From& from) { case_traits<From>::member(from); };
} // namespace detail

/// What next() gives: which member, and its result. Valid until the next call of
/// next(); false when the set is empty, the wait was cancelled, or timed out.
class [[nodiscard]] set_event {
public:
  set_event() noexcept = default;

  explicit operator bool() const noexcept {
    return index_ != 0;
  }

  /// The key's index(); 0 for a false event.
  std::uint64_t index() const noexcept {
    return index_;
  }

  /// Why it is false: errc::empty (no members), cancelled, timed_out.
  std::error_code error() const noexcept {
    return code_ == errc{} ? std::error_code{} : make_error_code(code_);
  }

  /// The result when the event is that member's, else null: a receive_result,
  /// or what else receiving there gives.
  template <class T>
  typename detail::member_result<T>::type*
  from(select_key<T> key) const noexcept {
    return index_ == key.index()
             ? static_cast<typename detail::member_result<T>::type*>(last_)
             : nullptr;
  }
  template <class T>
  receive_result<T>* from(const receiver<T>& rx) const noexcept {
    return channel_ != nullptr && channel_ == detail::handle_access::core(rx)
             ? static_cast<receive_result<T>*>(last_)
             : nullptr;
  }
  template <class From>
    requires detail::joins_sets<From>
  typename detail::case_traits<From>::slot::result*
  from(const From& rx) const noexcept {
    return channel_ != nullptr
               && channel_ == detail::case_traits<From>::identity(rx)
             ? static_cast<typename detail::case_traits<From>::slot::result*>(
                 last_)
             : nullptr;
  }

  /// True when it is that member's: a key, or a receiver.
  template <class Member>
  bool is(const Member& one) const noexcept {
    return from(one) != nullptr;
  }

private:
  friend class detail::set_next;
  friend struct detail::set_rounds;
  explicit set_event(detail::set_member* member) noexcept
      : index_(member->index),
        channel_(member->channel),
        last_(member->last()) {
  }
  set_event(std::uint64_t index, void* last) noexcept
      : index_(index),
        last_(last) {
  }
  explicit set_event(errc code) noexcept : code_(code) {
  }

  std::uint64_t index_ = 0;
  /// Null for a member that is not simply a channel.
  detail::channel_core* channel_ = nullptr;
  /// The receive_result.
  void* last_ = nullptr;
  errc code_{};
};

namespace detail {

/// Awaits the next event of a set.
class LEVADA_API [[nodiscard("co_await it")]] set_next : public side_wait,
                                                         private timer_node {
public:
  using levada_awaitable = void;

  set_next(set_core& set, duration length, std::stop_token stop,
           std::source_location line) noexcept
      : side_wait{&set_next::cancel_wait},
        timer_node(&set_next::expire),
        set_(set),
        length_(length),
        token_(std::move(stop)),
        line_(line) {
  }
  ~set_next();

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    if (!starts_in_rounds())
      return suspend(leaf.promise().root(), leaf);
    in_rounds_->await_suspend(leaf);
    return true;
  }
  set_event await_resume();

  /// The same on this thread.
  set_event block();

private:
  struct stopper {
    set_next* self;
    void operator()() const noexcept;
  };

  bool starts_in_rounds();
  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  bool set_limits(time_point now);
  void lift_limits() noexcept;
  void sleep(thread_waiter& self, time_point deadline) noexcept;
  set_event finish();
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;
  static void expire(timer_node& self, wake_list& wakes) noexcept;

  set_core& set_;
  duration length_;
  std::stop_token token_;
  std::source_location line_;
  set_member* found_ = nullptr;
  task_frame* root_ = nullptr;
  waiter* who_ = nullptr;
  set_core::wait_start start_ = set_core::wait_start::look_again;
  outcome how_ = outcome::pending;
  bool limited_ = false;
  bool armed_ = false;
  bool aside_ = false;
  std::optional<std::stop_callback<stopper>> stop_;
  /// The wait of a set with members that wait in rounds.
  std::optional<task_awaiter<set_event>> in_rounds_;
};

} // namespace detail

class select_set {
public:
  select_set() : core_(std::make_unique<detail::set_core>()) {
  }

  /// Adds a receiver; the set keeps a handle of it. Throws
  /// channel_error(nil_channel) for nil.
  template <class T>
  select_key<T> add(receiver<T> from) {
    if (!from)
      throw_error(make_error_code(errc::nil_channel), "select_set::add");
    const auto index = core_->next_index();
    core_->add(std::make_unique<detail::typed_set_member<T>>(
      *core_, std::move(from), index));
    return select_key<T>{index};
  }
  template <class T>
  select_key<T> add(const channel<T>& from) {
    return add(from.rx());
  }
  /// Any other kind of receiver, which the set then owns. Throws
  /// channel_error(invalid_argument) while next() waits in a set that has none
  /// of that kind yet. Cost: each next() touches each of these.
  template <class T>
  select_key<T> add(any_receiver<T> from) {
    const auto index = core_->next_index();
    core_->add_in_rounds(
      std::make_unique<detail::owned_loop_member<T>>(std::move(from), index));
    return select_key<T>{index};
  }
  template <class From>
    requires detail::joins_sets<From>
  auto add(const From& from) {
    return add(detail::case_traits<From>::member(from));
  }

  /// Takes a member out; what its channel holds stays there. False when it is
  /// not, or no more, in the set.
  template <class T>
  bool remove(select_key<T> key) {
    return core_->remove(key.index());
  }

  /// Members whose channels have not ended.
  std::size_t size() const noexcept {
    return core_->size();
  }

  /// `co_await set.next()` → set_event: waits until a member has something.
  detail::set_next next(std::stop_token stop = {},
                        std::source_location line
                        = std::source_location::current()) {
    return {*core_, duration::max(), std::move(stop), line};
  }

  /// As next, for at most `length`; zero or less: only looks.
  template <class Rep, class Period>
  detail::set_next next_for(std::chrono::duration<Rep, Period> length,
                            std::source_location line
                            = std::source_location::current()) {
    return {*core_, to_duration(length), {}, line};
  }

  /// The same for a thread. Throw channel_error(wrong_thread) inside a task.
  set_event blocking_next(std::stop_token stop = {}) {
    return blocking_next_for(duration::max(), std::move(stop));
  }
  template <class Rep, class Period>
  set_event blocking_next_for(std::chrono::duration<Rep, Period> length,
                              std::stop_token stop = {}) {
    return detail::set_next{*core_, to_duration(length), std::move(stop),
                            std::source_location{}}
      .block();
  }

private:
  std::unique_ptr<detail::set_core> core_;
};

} // namespace levada
