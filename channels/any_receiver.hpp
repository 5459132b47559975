// any_receiver<T>: something to receive T from, whatever it is: a channel that
// carries something else, a filter, a merge, a timer.
//
//   levada::any_receiver<int> evens = levada::filter(rx, is_even);
//   void listen(levada::any_receiver<animal*> in);  // takes a receiver<dog*>
//
// The operations are those of receiver<T>, with the same contract: nothing is
// taken from the channels behind it but what is received, and losing a select or
// a time-out takes nothing. It has one owner (it may hold an item that ready()
// found), so it moves and does not copy. It may stand in select like a receiver.
//
// Throws  what the functions it was made of throw; that item is gone, the
//         receiver goes on.
// Cost    one allocation when it is made; one task frame per awaited operation,
//         one virtual call per stage.
#pragma once

#include <concepts>
#include <functional>
#include <memory>

#include <levada/channels/rounds/round.hpp>
#include <levada/channels/select/in_rounds.hpp>
#include <levada/runtime/task.hpp>

namespace levada {
namespace detail {

/// What can be made into an any_receiver, and of what.
template <class R>
struct source_traits {};
template <is_receiver R>
struct source_traits<R> {
  using value_type = typename R::value_type;
};
template <class T>
struct source_traits<channel<T>> {
  using value_type = T;
};
template <is_any_receiver R>
struct source_traits<R> {
  using value_type = typename R::value_type;
};

/// f(item) for each item; f runs when the value is taken.
template <class U, class T, class F>
class map_source final : public source<U> {
public:
  map_source(std::unique_ptr<source<T>> from, F f)
      : from_(std::move(from)),
        f_(std::move(f)) {
  }
  void close() noexcept override {
    from_->close();
  }
  bool is_closed() const noexcept override {
    return !made_ && from_->is_closed();
  }
  bool holds_value() const noexcept override {
    return made_ || from_->holds_value();
  }

private:
  void do_wish(wish_list& list) override {
    from_->wish(list);
  }
  bool do_look(std::uint32_t index) override {
    return from_->look(index);
  }
  std::optional<receive_result<U>> do_take() override {
    if (made_)
      return receive_result<U>{std::in_place,
                               *std::exchange(made_, std::nullopt)};
    auto got = from_->take();
    if (!got)
      return std::nullopt;
    if (!*got)
      return receive_result<U>{errc_of(*got)};
    return receive_result<U>{std::in_place, std::invoke(f_, **std::move(got))};
  }
  U* do_peek() override {
    if (!made_ && from_->holds_value())
      if (auto got = from_->take())
        made_.emplace(std::invoke(f_, **std::move(got)));
    return made_ ? &*made_ : nullptr;
  }

  std::unique_ptr<source<T>> from_;
  F f_;
  std::optional<U> made_;
};

/// What map_source does to convert.
template <class U>
struct convert_to {
  template <class T>
  U operator()(T&& item) const {
    return static_cast<U>(std::forward<T>(item));
  }
};

} // namespace detail

template <class R>
concept receivable
  = requires { typename detail::source_traits<std::decay_t<R>>::value_type; };

/// What a receiver of any kind gives.
template <receivable R>
using received_type =
  typename detail::source_traits<std::decay_t<R>>::value_type;

template <class T>
class any_receiver {
  using here = std::source_location;

public:
  using value_type = T;

  /// Never ready, like a nil handle; so is one that was moved from.
  any_receiver() = default;

  any_receiver(receiver<T> from) // NOLINT: meant to convert
      : source_(std::make_unique<detail::channel_source<T>>(std::move(from))) {
  }
  any_receiver(const channel<T>& from) // NOLINT: meant to convert
      : any_receiver(from.rx()) {
  }
  template <class U>
    requires(!std::same_as<T, U> && std::convertible_to<U, T>)
  any_receiver(any_receiver<U> from) // NOLINT: meant to convert
      : source_(
          std::make_unique<detail::map_source<T, U, detail::convert_to<T>>>(
            detail::source_access::take(std::move(from)),
            detail::convert_to<T>{})) {
  }
  template <class U>
    requires(!std::same_as<T, U> && std::convertible_to<U, T>)
  any_receiver(receiver<U> from) // NOLINT: meant to convert
      : any_receiver(any_receiver<U>{std::move(from)}) {
  }

  // -- in a task --------------------------------------------------------------

  // NOLINTBEGIN(performance-unnecessary-value-param): they are moved on.

  /// → receive_result<T>; given up when `stop` is requested.
  task<receive_result<T>> receive(std::stop_token stop = {},
                                  here line = here::current()) {
    return receive_task<receive_result<T>>(&made_source(),
                                           {.stop = std::move(stop)}, line);
  }

  /// → timed_receive_result<T>.
  template <class Rep, class Period>
  task<timed_receive_result<T>>
  receive_for(std::chrono::duration<Rep, Period> length,
              std::stop_token stop = {}, here line = here::current()) {
    return receive_until(
      saturating_add(detail::current_time(), to_duration(length)),
      std::move(stop), line);
  }
  task<timed_receive_result<T>> receive_until(time_point deadline,
                                              std::stop_token stop = {},
                                              here line = here::current()) {
    return receive_task<timed_receive_result<T>>(
      &made_source(), {.deadline = deadline, .stop = std::move(stop)}, line);
  }

  /// Waits until consume() would have something; false: closed (or the wait was
  /// given up). What it found stays in this handle.
  task<bool> ready(std::stop_token stop = {}, here line = here::current()) {
    return ready_task(&made_source(), {.stop = std::move(stop)}, line);
  }

  // NOLINTEND(performance-unnecessary-value-param)

  // -- never waiting ----------------------------------------------------------

  try_receive_result<T> try_receive() {
    return receive_here<try_receive_result<T>>(
      {.now = true, .late = errc::empty});
  }

  /// After a true ready(): the value; else errc::not_ready or errc::closed.
  receive_result<T> consume() {
    return receive_here<receive_result<T>>(
      {.now = true, .late = errc::not_ready});
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  receive_result<T> blocking_receive(const std::stop_token& stop = {}) {
    return receive_here<receive_result<T>>({.stop = stop});
  }
  template <class Rep, class Period>
  timed_receive_result<T>
  blocking_receive_for(std::chrono::duration<Rep, Period> length,
                       const std::stop_token& stop = {}) {
    return blocking_receive_until(detail::thread_deadline(length), stop);
  }
  timed_receive_result<T> blocking_receive_until(time_point deadline,
                                                 const std::stop_token& stop
                                                 = {}) {
    return receive_here<timed_receive_result<T>>(
      {.deadline = deadline, .stop = stop});
  }
  /// As ready.
  bool blocking_ready(const std::stop_token& stop = {}) {
    const errc why = detail::block_for_source(made_source(), {.stop = stop});
    return why == errc{} && made_source().holds_value();
  }
  /// `for (auto& v : in.blocking())`, until it is closed and drained; `in` must
  /// outlive the range.
  blocking_range<T, any_receiver&> blocking() & {
    return blocking_range<T, any_receiver&>{*this};
  }

  // -- closing ----------------------------------------------------------------

  /// Receives nothing any more: detaches the receivers behind it.
  void close() {
    made_source().close();
  }
  bool is_closed() const {
    return made_source().is_closed();
  }

protected:
  explicit any_receiver(std::unique_ptr<detail::source<T>> from) noexcept
      : source_(std::move(from)) {
  }

private:
  friend struct detail::source_access;
  template <class Result>
  static Result to(receive_result<T> got) {
    if (!got)
      return Result{detail::errc_of(got)};
    return Result{std::in_place, *std::move(got)};
  }

  template <class Result>
  static task<Result> receive_task(detail::source<T>* from,
                                   detail::source_limits limits, here line) {
    for (;;) {
      const errc why = co_await detail::wait_for_source(*from, limits, line);
      if (why != errc{})
        co_return Result{why};
      if (auto got = from->take())
        co_return to<Result>(*std::move(got));
    }
  }

  static task<bool> ready_task(detail::source<T>* from,
                               detail::source_limits limits, here line) {
    const errc why = co_await detail::wait_for_source(*from, limits, line);
    co_return why == errc{} && from->holds_value();
  }

  template <class Result>
  Result receive_here(const detail::source_limits& limits) {
    for (;;) {
      const errc why = detail::block_for_source(made_source(), limits);
      if (why != errc{})
        return Result{why};
      if (auto got = made_source().take())
        return to<Result>(*std::move(got));
    }
  }

  detail::source<T>& made_source() const {
    if (!source_)
      source_ = std::make_unique<detail::channel_source<T>>(receiver<T>{});
    return *source_;
  }

  /// Null: a nil channel's, not made yet.
  mutable std::unique_ptr<detail::source<T>> source_;
};

namespace detail {

/// Any receiver as a source.
template <receivable R>
std::unique_ptr<source<received_type<R>>> source_of(R&& from) {
  return source_access::take(
    any_receiver<received_type<R>>{std::forward<R>(from)});
}

} // namespace detail
} // namespace levada
