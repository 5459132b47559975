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

#include <cstdint>
#include <memory>
#include <source_location>
#include <stop_token>

#include <levada/channels/select/loop_member.hpp>
#include <levada/channels/select/set_core.hpp>
#include <levada/channels/select/set_event.hpp>
#include <levada/channels/select/set_next.hpp>

namespace levada {

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
