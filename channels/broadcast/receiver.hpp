// broadcast_receiver<T>: one of the receivers of a broadcast. See broadcast.hpp.
//
// Every way to receive follows the contract of receiver.hpp; results also say
// how many items were lost just before: `lagged()`.
#pragma once

#include <optional>

#include <levada/channels/broadcast/hub.hpp>
#include <levada/channels/broadcast/item.hpp>
#include <levada/channels/broadcast/many.hpp>
#include <levada/channels/channel.hpp>
#include <levada/channels/receiver.hpp>
#include <levada/runtime/code_line.hpp>

namespace levada {

template <class T>
class broadcast_receiver;

/// How a receiver takes part; what is not said is as in make_broadcast.
struct subscribe_options {
  /// Shown by dump() and to CAF.
  std::string name = {};
  /// Of its buffer; at least 1.
  std::optional<channel_capacity> capacity = {};
  /// drop_oldest or wait.
  std::optional<levada::overflow> overflow = {};
};

namespace detail {

/// Checks, and throws channel_error(invalid_argument).
LEVADA_API std::uint32_t broadcast_capacity(channel_capacity given);
LEVADA_API overflow broadcast_policy(overflow given);
LEVADA_API void set_policy(const channel_core& receiving, overflow policy);
LEVADA_API std::uint64_t lost_by(channel_core& receiving) noexcept;

/// A new receiver's channel, of the broadcast that `of` belongs to; null when
/// that is closed.
LEVADA_API channel_core* subscribe(const channel_core& of,
                                   const subscribe_options& options);

template <class T>
broadcast_receiver<T> subscribe_to(channel_core& of,
                                   const subscribe_options& options) {
  using receiving = receiver<broadcast_item<T>>;
  if (auto* made = subscribe(of, options))
    return broadcast_receiver<T>{handle_access::adopt<receiving>(made)};
  // What it can be asked about is the broadcast itself.
  auto& whole = part_of(of)->hub().core;
  whole.retain();
  return broadcast_receiver<T>{
    handle_access::adopt_detached<receiving>(&whole)};
}

} // namespace detail

/// Receives what is sent since it subscribed. It can be moved, not copied: each
/// receiver has its own buffer, and only subscribe() makes another one. Moved
/// from or default-constructed it is nil: never ready.
template <class T>
class broadcast_receiver {
  using item = detail::broadcast_item<T>;
  using here = std::source_location;
  using step = detail::receive_step<item, broadcast_result<T>>;
  using timed_step = detail::receive_step<item, timed_broadcast_result<T>>;

public:
  using value_type = T;

  broadcast_receiver() noexcept = default;
  broadcast_receiver(broadcast_receiver&&) noexcept = default;
  broadcast_receiver& operator=(broadcast_receiver&&) noexcept = default;

  // -- in a task --------------------------------------------------------------

  /// `co_await rx.receive()` → broadcast_result<T>.
  detail::step_awaiter<step> receive(detail::code_line line
                                     = __builtin_source_location()) const {
    return receive(detail::place_of(line));
  }
  detail::step_awaiter<step> receive(here line) const {
    return detail::step_awaiter<step>{line, source()};
  }
  /// As receive, given up when `stop` is requested.
  detail::limited_step_awaiter<step>
  receive(std::stop_token stop, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), source()};
  }
  /// As receive, for at most `length` → timed_broadcast_result<T>. Zero or less:
  /// a try.
  template <class Rep, class Period>
  detail::limited_step_awaiter<timed_step>
  receive_for(std::chrono::duration<Rep, Period> length,
              std::stop_token stop = {}, here line = here::current()) const {
    return {line, to_duration(length), std::move(stop), source()};
  }
  detail::limited_step_awaiter<timed_step>
  receive_until(time_point deadline, std::stop_token stop = {},
                here line = here::current()) const {
    return {line, deadline, std::move(stop), source()};
  }

  /// Waits for one value, then takes what else is there, at most `max` in all;
  /// appends them to `out` → broadcast_many_result.
  template <class Out>
  task<broadcast_many_result> receive_many(Out& out, std::size_t max) const {
    return detail::broadcast_many_task<T, Out>(share(), &out, max);
  }

  /// `co_await rx.ready()`: as receiver<T>::ready().
  detail::limited_step_awaiter<detail::ready_step>
  ready(std::stop_token stop = {}, here line = here::current()) const {
    return in_.ready(std::move(stop), line);
  }

  // -- never waiting ----------------------------------------------------------

  try_broadcast_result<T> try_receive() const {
    detail::receive_step<item, try_broadcast_result<T>> now{source()};
    return detail::try_now(now, errc::empty);
  }
  /// After a true ready(): the value; else errc::not_ready or errc::closed.
  broadcast_result<T> consume() const {
    step now{source()};
    return detail::try_now(now, errc::not_ready);
  }
  /// Takes everything that is there now. (What was lost before: lagged_total().)
  std::vector<T> drain() const {
    std::vector<T> result;
    detail::broadcast_outlet<T, std::vector<T>> outlet{result};
    detail::drain_some<item>(*source(), outlet, SIZE_MAX);
    return result;
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  broadcast_result<T> blocking_receive(const std::stop_token& stop = {}) const {
    step now{source()};
    return detail::wait_on_thread(now, "blocking_receive",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_broadcast_result<T>
  blocking_receive_for(std::chrono::duration<Rep, Period> length,
                       const std::stop_token& stop = {}) const {
    return blocking_receive_until(detail::thread_deadline(length), stop);
  }
  timed_broadcast_result<T> blocking_receive_until(time_point deadline,
                                                   const std::stop_token& stop
                                                   = {}) const {
    timed_step now{source()};
    return detail::wait_on_thread(now, "blocking_receive", {deadline, stop});
  }
  /// As receive_many.
  template <class Out>
  broadcast_many_result blocking_receive_many(Out& out, std::size_t max,
                                              const std::stop_token& stop
                                              = {}) const {
    return detail::blocking_broadcast_many<T>(*this, out, max, stop);
  }
  bool blocking_ready(const std::stop_token& stop = {}) const {
    return in_.blocking_ready(stop);
  }
  /// `for (auto& v : rx.blocking())`, until it is closed and drained.
  auto blocking() const {
    return blocking_range<T, broadcast_receiver, broadcast_result<T>>{share()};
  }

  // -- its place in the broadcast ---------------------------------------------

  /// Another receiver of the same broadcast, from now on. Throws as
  /// broadcast_sender::subscribe.
  broadcast_receiver subscribe(const subscribe_options& options = {}) const {
    if (!in_)
      throw_error(make_error_code(errc::nil_channel), "subscribe");
    return detail::subscribe_to<T>(*detail::handle_access::core(in_), options);
  }

  /// Changes what happens when this receiver is full: drop_oldest or wait.
  /// Throws channel_error(invalid_argument) for anything else.
  void set_overflow(overflow policy) const {
    if (!in_)
      throw_error(make_error_code(errc::nil_channel), "set_overflow");
    detail::set_policy(*detail::handle_access::core(in_), policy);
  }

  /// How many items this receiver has lost so far because it was full.
  std::uint64_t lagged_total() const noexcept {
    return in_ ? detail::lost_by(*detail::handle_access::core(in_)) : 0;
  }

  // -- closing ----------------------------------------------------------------

  /// Leaves the broadcast: what is buffered goes to the dead-letter hook, later
  /// receives say closed. False when it had left, or is nil.
  bool close() noexcept {
    return in_.close();
  }
  /// True when receives can only fail.
  bool is_closed() const noexcept {
    return in_.is_closed();
  }

  // -- looking ----------------------------------------------------------------

  explicit operator bool() const noexcept {
    return static_cast<bool>(in_);
  }
  std::uint64_t id() const noexcept {
    return in_.id();
  }
  std::string name() const {
    return in_.name();
  }
  std::size_t capacity() const noexcept {
    return in_.capacity();
  }
  std::size_t size() const noexcept {
    return in_.size();
  }
  levada::close_record close_record() const {
    return in_.close_record();
  }
  channel_stats stats() const {
    return in_.stats();
  }
  channel_info info() const {
    return in_.info();
  }
  /// The buffer of this receiver as an actor: see receiver<T>::as_actor.
  auto as_actor() const {
    return in_.as_actor();
  }

private:
  friend struct detail::handle_access;
  template <class U>
  friend broadcast_receiver<U>
  detail::subscribe_to(detail::channel_core& of,
                       const subscribe_options& options);

  explicit broadcast_receiver(receiver<item> in) noexcept : in_(std::move(in)) {
  }

  /// The same receiver once more, for what outlives this handle.
  broadcast_receiver share() const noexcept {
    return broadcast_receiver{in_};
  }
  detail::channel_core* source() const noexcept {
    return detail::handle_access::receiving(in_);
  }

  receiver<item> in_;
};

template <class T>
inline constexpr bool moves_quietly<broadcast_receiver<T>> = true;

} // namespace levada
