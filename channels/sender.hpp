// sender<T>: the sending end of a channel.
//
// Every way to send follows the same contract.
//  Waits     while the buffer is full and the policy is overflow::wait; on a
//            rendezvous, until a receiver takes the value; on nil, for ever.
//  Closing   a send that has not succeeded yet fails with errc::closed and
//            hands the value back, parked or not.
//  Ending a wait (stop token, time, cancelled task): either the value was sent,
//            or it comes back in the result. Never both, never neither.
//  Threads   handles may be copied and used on any thread; one handle object by
//            one thread at a time, and it stays until what is awaited through it
//            has ended.
//  Goes on   on the worker that completed the operation, or on the same one.
//  Throws    what making the value inside the channel throws (move constructor
//            or bad_alloc); the channel is as before then.
#pragma once

#include <levada/channels/handle.hpp>
#include <levada/channels/many.hpp>
#include <levada/channels/permit.hpp>
#include <levada/channels/result.hpp>
#include <levada/channels/waiting/notice.hpp>
#include <levada/channels/waiting/receipt_step.hpp>
#include <levada/channels/waiting/thread_wait.hpp>

namespace levada {

template <class T>
class weak_sender;

template <class T>
class sender : public detail::counted_handle<detail::sending_end> {
  using base = detail::counted_handle<detail::sending_end>;
  using here = std::source_location;
  using send_step = detail::send_step<T, send_result<T>>;
  using timed_step = detail::send_step<T, timed_send_result<T>>;
  using wait_step = detail::receipt_step<T, send_result<T>>;
  using timed_wait_step = detail::receipt_step<T, timed_send_result<T>>;

public:
  using value_type = T;

  sender() noexcept = default;

  // -- in a task --------------------------------------------------------------

  /// `co_await tx.send(value)` → send_result<T>.
  detail::step_awaiter<send_step>
  send(T value, detail::code_line line = __builtin_source_location()) const {
    return send(std::move(value), detail::place_of(line));
  }
  detail::step_awaiter<send_step> send(T value, here line) const {
    return awaiter<detail::step_awaiter<send_step>>(line, std::move(value));
  }

  /// As send, given up when `stop` is requested.
  detail::limited_step_awaiter<send_step>
  send(T value, std::stop_token stop, here line = here::current()) const {
    return limited<send_step>(line, duration::max(), std::move(stop),
                              std::move(value));
  }

  /// As send, with the value made from `args` inside the channel.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  detail::step_awaiter<send_step> send(std::in_place_t, Args&&... args) const {
    return awaiter<detail::step_awaiter<send_step>>(
      here{}, std::forward<Args>(args)...);
  }
  template <class... Args>
    requires std::constructible_from<T, Args...>
  detail::step_awaiter<send_step> emplace(Args&&... args) const {
    return send(std::in_place, std::forward<Args>(args)...);
  }

  /// As send, for at most `length` → timed_send_result<T>. Zero or less: a try.
  template <class Rep, class Period>
  detail::limited_step_awaiter<timed_step>
  send_for(T value, std::chrono::duration<Rep, Period> length,
           std::stop_token stop = {}, here line = here::current()) const {
    return limited<timed_step>(line, to_duration(length), std::move(stop),
                               std::move(value));
  }
  detail::limited_step_awaiter<timed_step>
  send_until(T value, time_point deadline, std::stop_token stop = {},
             here line = here::current()) const {
    return limited<timed_step>(line, deadline, std::move(stop),
                               std::move(value));
  }

  /// Sends and waits until this very value has been received → send_result<T>.
  /// A value withdrawn before that (time, stop) leaves the buffer again and
  /// comes back. Buffer room is used, not waited out; on a full channel the
  /// policy decides: `reject` fails with errc::full and the value, the others
  /// drop an item. A value dropped on its way, by the policy, by a closing by
  /// force or with the last receiver, ends the wait with errc::dropped.
  detail::limited_step_awaiter<wait_step>
  send_and_wait(T value, std::stop_token stop = {},
                here line = here::current()) const {
    return limited<wait_step>(line, duration::max(), std::move(stop),
                              std::move(value));
  }
  template <class Rep, class Period>
  detail::limited_step_awaiter<timed_wait_step>
  send_and_wait_for(T value, std::chrono::duration<Rep, Period> length,
                    std::stop_token stop = {},
                    here line = here::current()) const {
    return limited<timed_wait_step>(line, to_duration(length), std::move(stop),
                                    std::move(value));
  }

  /// Sends every element of `items`, in order, each as send does
  /// → send_many_result<T>: how many went, and the rest. One lock for as many
  /// as fit.
  template <class Range>
  task<send_many_result<T>> send_many(Range items) const {
    return detail::send_many_task<T>(*this,
                                     detail::to_vector<T>(std::move(items)));
  }

  /// Waits for a place in the buffer and keeps it → reserve_result<T>; the
  /// permit then sends without waiting. Throws channel_error(invalid_argument)
  /// on a rendezvous channel, which has no places.
  detail::limited_step_awaiter<detail::permit_step<T>>
  reserve(std::stop_token stop = {}, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), target(), *this};
  }

  /// `co_await tx.closed()`: waits until the channel is closed, by whomever.
  /// True then; false when the wait was cancelled or stopped first.
  detail::limited_step_awaiter<detail::closing_step>
  closed(std::stop_token stop = {}, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), target()};
  }

  // -- never waiting ----------------------------------------------------------

  try_send_result<T> try_send(T value) const {
    detail::send_step<T, try_send_result<T>> step{std::in_place, target(),
                                                  std::move(value)};
    return detail::try_now(step, errc::full);
  }

  /// Sends even when the buffer is full, by taking out the oldest item and
  /// giving it back. Throws channel_error(invalid_argument) on a rendezvous
  /// channel and channel_closed on a closed one.
  std::optional<T> force_send(T value) const {
    return detail::force_send<T>(*target(), std::move(value));
  }

  /// A permit, if there is a place right now.
  reserve_result<T> try_reserve() const {
    detail::permit_step<T> step{target(), *this};
    return detail::try_now(step, errc::full);
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  send_result<T> blocking_send(T value,
                               const std::stop_token& stop = {}) const {
    send_step step{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(step, "blocking_send",
                                  {time_point::max(), stop});
  }
  template <class... Args>
    requires std::constructible_from<T, Args...>
  send_result<T> blocking_emplace(Args&&... args) const {
    send_step step{std::in_place, target(), std::forward<Args>(args)...};
    return detail::wait_on_thread(step, "blocking_emplace");
  }
  template <class Rep, class Period>
  timed_send_result<T>
  blocking_send_for(T value, std::chrono::duration<Rep, Period> length,
                    const std::stop_token& stop = {}) const {
    return blocking_send_until(std::move(value),
                               detail::thread_deadline(length), stop);
  }
  timed_send_result<T> blocking_send_until(T value, time_point deadline,
                                           const std::stop_token& stop
                                           = {}) const {
    timed_step step{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(step, "blocking_send", {deadline, stop});
  }
  send_result<T> blocking_send_and_wait(T value, const std::stop_token& stop
                                                 = {}) const {
    wait_step step{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(step, "blocking_send_and_wait",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_send_result<T>
  blocking_send_and_wait_for(T value, std::chrono::duration<Rep, Period> length,
                             const std::stop_token& stop = {}) const {
    timed_wait_step step{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(step, "blocking_send_and_wait",
                                  {detail::thread_deadline(length), stop});
  }
  template <class Range>
  send_many_result<T> blocking_send_many(Range items) const {
    return detail::blocking_send_many<T>(
      *target(), detail::to_vector<T>(std::move(items)));
  }
  reserve_result<T> blocking_reserve(const std::stop_token& stop = {}) const {
    detail::permit_step<T> step{target(), *this};
    return detail::wait_on_thread(step, "blocking_reserve",
                                  {time_point::max(), stop});
  }
  bool blocking_closed(const std::stop_token& stop = {}) const {
    detail::closing_step step{target()};
    return detail::wait_on_thread(step, "blocking_closed",
                                  {time_point::max(), stop});
  }

  // -- closing ----------------------------------------------------------------

  /// Closes the channel: buffered items stay receivable, parked senders get
  /// their values back, later sends fail. True when it was open. Throws
  /// channel_error(nil_channel) on nil.
  bool close() const {
    return this->require("close").close({close_reason::closed})
           == detail::close_outcome::done;
  }

  /// As close(), with the reason `failed` and the cause for everybody to read
  /// in close_record().
  bool close(std::exception_ptr cause) const {
    return this->require("close").close(
             {close_reason::failed, std::move(cause)})
           == detail::close_outcome::done;
  }
  bool close(std::error_code cause) const {
    return close(std::make_exception_ptr(std::system_error{cause}));
  }
  bool close(const std::string& cause) const {
    return close(std::make_exception_ptr(std::runtime_error{cause}));
  }

  /// True when sends can only fail.
  bool is_closed() const noexcept {
    return detail::is_closed_for_sending(*target());
  }

  /// True while anybody could receive.
  bool has_receivers() const noexcept {
    return this->core_.counts() && this->core_->has_receivers();
  }

  /// A handle that does not keep the channel open.
  weak_sender<T> downgrade() const noexcept;

private:
  friend struct detail::handle_access;
  using base::base;

  detail::channel_core* target() const noexcept {
    return detail::handle_access::sending(*this);
  }

  template <class Awaiter, class... Args>
  Awaiter awaiter(here line, Args&&... args) const {
    return Awaiter{line, std::in_place, target(), std::forward<Args>(args)...};
  }

  template <class Step, class Limit>
  detail::limited_step_awaiter<Step>
  limited(here line, Limit limit, std::stop_token stop, T value) const {
    return {line,          limit,    std::move(stop),
            std::in_place, target(), std::move(value)};
  }
};

template <class T>
inline constexpr bool moves_quietly<sender<T>> = true;

} // namespace levada
