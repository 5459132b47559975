// receiver<T>: the receiving end of a channel.
//
// Every way to receive follows the same contract.
//  Waits     while nothing is buffered and no sender is parked; on nil, for
//            ever.
//  Closing   what was buffered is received first; then errc::closed, at once
//            and for ever.
//  Ending a wait (stop token, time, cancelled task): either a value was
//            received and is in the result, or the channel still has it.
//  Threads   handles may be copied and used on any thread; one handle object by
//            one thread at a time, and it stays until what is awaited through it
//            has ended. Each value reaches exactly one receiver.
//  Goes on   on the worker that completed the operation, or on the same one.
//  Throws    what moving the value out throws; the value then counts as
//            received.
#pragma once

#include <levada/channels/blocking_range.hpp>
#include <levada/channels/handle.hpp>
#include <levada/channels/many.hpp>
#include <levada/channels/result.hpp>
#include <levada/channels/waiting/lease_step.hpp>
#include <levada/channels/waiting/notice.hpp>
#include <levada/channels/waiting/thread_wait.hpp>

namespace levada {

template <class T>
class weak_receiver;

template <class T>
class receiver : public detail::counted_handle<detail::receiving_end> {
  using base = detail::counted_handle<detail::receiving_end>;
  using here = std::source_location;
  using step = detail::receive_step<T, receive_result<T>>;
  using timed_step = detail::receive_step<T, timed_receive_result<T>>;
  using lease_step = detail::lease_step<T, lease_result<T>>;
  using timed_lease_step = detail::lease_step<T, timed_lease_result<T>>;

public:
  using value_type = T;

  receiver() noexcept = default;

  // -- in a task --------------------------------------------------------------

  /// `co_await rx.receive()` → receive_result<T>.
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

  /// As receive, for at most `length` → timed_receive_result<T>. Zero or less:
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
  /// appends them to `out` (a vector, deque or list) → receive_many_result.
  template <class Out>
  task<receive_many_result> receive_many(Out& out, std::size_t max) const {
    return detail::receive_many_task<T>(*this, &out, max);
  }

  /// `co_await rx.ready()`: waits until there is something to receive; false
  /// when the channel is closed and drained instead. Takes nothing, and may be
  /// asked again and again; with several receivers another one may be faster.
  detail::limited_step_awaiter<detail::ready_step>
  ready(std::stop_token stop = {}, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), source()};
  }

  // -- never waiting ----------------------------------------------------------

  try_receive_result<T> try_receive() const {
    detail::receive_step<T, try_receive_result<T>> now{source()};
    return detail::try_now(now, errc::empty);
  }

  /// After a true ready(): the value; else errc::not_ready or errc::closed.
  receive_result<T> consume() const {
    step now{source()};
    return detail::try_now(now, errc::not_ready);
  }

  /// Takes everything that is there now.
  std::vector<T> drain() const {
    std::vector<T> result;
    detail::drain_some<T>(*source(), result, SIZE_MAX);
    return result;
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  receive_result<T> blocking_receive(const std::stop_token& stop = {}) const {
    step now{source()};
    return detail::wait_on_thread(now, "blocking_receive",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_receive_result<T>
  blocking_receive_for(std::chrono::duration<Rep, Period> length,
                       const std::stop_token& stop = {}) const {
    return blocking_receive_until(detail::thread_deadline(length), stop);
  }
  timed_receive_result<T> blocking_receive_until(time_point deadline,
                                                 const std::stop_token& stop
                                                 = {}) const {
    timed_step now{source()};
    return detail::wait_on_thread(now, "blocking_receive", {deadline, stop});
  }

  /// As receive_many.
  template <class Out>
  receive_many_result blocking_receive_many(Out& out, std::size_t max,
                                            const std::stop_token& stop
                                            = {}) const {
    return detail::blocking_receive_many<T>(*this, out, max, stop);
  }

  /// As ready.
  bool blocking_ready(const std::stop_token& stop = {}) const {
    detail::ready_step now{source()};
    return detail::wait_on_thread(now, "blocking_ready",
                                  {time_point::max(), stop});
  }

  /// `for (auto& v : rx.blocking())`: receives on this thread until the channel
  /// is closed and drained.
  blocking_range<T> blocking() const {
    return blocking_range<T>{*this};
  }

  // -- leases: see leased.hpp -------------------------------------------------

  /// `co_await rx.lease()` → lease_result<T>: receives on trial. The item comes
  /// back to the channel unless it is acked. Waits as receive does, and while a
  /// closed channel has items out that may come back.
  detail::step_awaiter<lease_step> lease(here line = here::current()) const {
    return detail::step_awaiter<lease_step>{line, source()};
  }
  detail::limited_step_awaiter<lease_step>
  lease(std::stop_token stop, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), source()};
  }
  template <class Rep, class Period>
  detail::limited_step_awaiter<timed_lease_step>
  lease_for(std::chrono::duration<Rep, Period> length,
            std::stop_token stop = {}, here line = here::current()) const {
    return {line, to_duration(length), std::move(stop), source()};
  }
  detail::limited_step_awaiter<timed_lease_step>
  lease_until(time_point deadline, std::stop_token stop = {},
              here line = here::current()) const {
    return {line, deadline, std::move(stop), source()};
  }

  try_lease_result<T> try_lease() const {
    detail::lease_step<T, try_lease_result<T>> now{source()};
    return detail::try_now(now, errc::empty);
  }

  lease_result<T> blocking_lease(const std::stop_token& stop = {}) const {
    lease_step now{source()};
    return detail::wait_on_thread(now, "blocking_lease",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_lease_result<T>
  blocking_lease_for(std::chrono::duration<Rep, Period> length,
                     const std::stop_token& stop = {}) const {
    return blocking_lease_until(detail::thread_deadline(length), stop);
  }
  timed_lease_result<T> blocking_lease_until(time_point deadline,
                                             const std::stop_token& stop
                                             = {}) const {
    timed_lease_step now{source()};
    return detail::wait_on_thread(now, "blocking_lease", {deadline, stop});
  }

  // -- closing ----------------------------------------------------------------

  /// Detaches this handle: receives through it then say closed. When it is the
  /// last receiver the channel closes (no_receivers) and what is buffered goes
  /// to the dead-letter hook. False when it was detached or nil.
  bool close() noexcept {
    return this->detach();
  }

  /// True when receives can only fail.
  bool is_closed() const noexcept {
    return detail::is_drained(*source());
  }

  /// A handle that does not keep the receiving end open.
  weak_receiver<T> downgrade() const noexcept;

private:
  friend struct detail::handle_access;
  using base::base;

  detail::channel_core* source() const noexcept {
    return detail::handle_access::receiving(*this);
  }
};

template <class T>
inline constexpr bool moves_quietly<receiver<T>> = true;

} // namespace levada
