// broadcast_sender<T>: sends to all receivers of a broadcast. See broadcast.hpp.
#pragma once

#include <levada/channels/broadcast/receiver.hpp>
#include <levada/channels/broadcast/steps.hpp>
#include <levada/channels/waiting/notice.hpp>

namespace levada {
namespace detail {

/// A sender of a broadcast: the last one takes what the hub remembers with it.
struct broadcasting_end : sending_end {
  LEVADA_API static void drop(channel_core& core) noexcept;
};

} // namespace detail

/// Sends to all receivers. A counted handle: copies send to the same broadcast,
/// on any thread; one handle object by one thread at a time.
///  Waits     only while a receiver whose policy is `wait` is full; senders that
///            wait are served in order; on nil, for ever.
///  Closing   a send that has not succeeded fails with errc::closed and hands
///            the value back; through a detached handle: errc::sender_closed.
///  Ending a wait (stop token, time, cancelled task): either all receivers got
///            the value, or none did and it comes back in the result.
///  Throws    what making the value throws, or bad_alloc; nothing was sent then.
///  Goes on   on the worker that completed the operation, or on the same one.
///  Result    status() is `dropped` when there was no receiver.
template <class T>
class broadcast_sender
    : public detail::counted_handle<detail::broadcasting_end> {
  using base = detail::counted_handle<detail::broadcasting_end>;
  using here = std::source_location;
  using step = detail::broadcast_step<T, send_result<T>>;
  using timed_step = detail::broadcast_step<T, timed_send_result<T>>;

public:
  using value_type = T;

  broadcast_sender() noexcept = default;

  // -- in a task --------------------------------------------------------------

  /// `co_await tx.send(value)` → send_result<T>.
  detail::step_awaiter<step> send(T value, here line = here::current()) const {
    return detail::step_awaiter<step>{line, std::in_place, target(),
                                      std::move(value)};
  }

  /// As send, given up when `stop` is requested.
  detail::limited_step_awaiter<step> send(T value, std::stop_token stop,
                                          here line = here::current()) const {
    return {line,          duration::max(), std::move(stop),
            std::in_place, target(),        std::move(value)};
  }

  /// As send, with the value made from `args` where it stays.
  template <class... Args>
    requires std::constructible_from<T, Args...>
  detail::step_awaiter<step> emplace(Args&&... args) const {
    return detail::step_awaiter<step>{here{}, std::in_place, target(),
                                      std::forward<Args>(args)...};
  }

  /// As send, for at most `length` → timed_send_result<T>. Zero or less: a try.
  template <class Rep, class Period>
  detail::limited_step_awaiter<timed_step>
  send_for(T value, std::chrono::duration<Rep, Period> length,
           std::stop_token stop = {}, here line = here::current()) const {
    return {line,     to_duration(length), std::move(stop), std::in_place,
            target(), std::move(value)};
  }
  detail::limited_step_awaiter<timed_step>
  send_until(T value, time_point deadline, std::stop_token stop = {},
             here line = here::current()) const {
    return {line,          deadline, std::move(stop),
            std::in_place, target(), std::move(value)};
  }

  /// Waits until the number of receivers is another than this handle last saw
  /// (when it was made, or by this, receiver_count() or has_receivers())
  /// → receive_result<std::size_t>, the number; it fails when the broadcast is
  /// closed. The handle must stay while it waits.
  detail::limited_step_awaiter<detail::audience_step>
  receivers_changed(std::stop_token stop = {}, here line = here::current()) {
    return {line, duration::max(), std::move(stop), target(), seen_};
  }

  /// `co_await tx.closed()`: waits until it is closed, by whomever. True then;
  /// false when the wait was cancelled or stopped first.
  detail::limited_step_awaiter<detail::closing_step>
  closed(std::stop_token stop = {}, here line = here::current()) const {
    return {line, duration::max(), std::move(stop), target()};
  }

  // -- never waiting ----------------------------------------------------------

  /// errc::full when it would have to wait.
  try_send_result<T> try_send(T value) const {
    detail::broadcast_step<T, try_send_result<T>> now{std::in_place, target(),
                                                      std::move(value)};
    return detail::try_now(now, errc::full);
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  send_result<T> blocking_send(T value,
                               const std::stop_token& stop = {}) const {
    step now{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(now, "blocking_send",
                                  {time_point::max(), stop});
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
    timed_step now{std::in_place, target(), std::move(value)};
    return detail::wait_on_thread(now, "blocking_send", {deadline, stop});
  }
  /// As receivers_changed.
  receive_result<std::size_t>
  blocking_receivers_changed(const std::stop_token& stop = {}) {
    detail::audience_step now{target(), seen_};
    return detail::wait_on_thread(now, "blocking_receivers_changed",
                                  {time_point::max(), stop});
  }
  bool blocking_closed(const std::stop_token& stop = {}) const {
    detail::closing_step now{target()};
    return detail::wait_on_thread(now, "blocking_closed",
                                  {time_point::max(), stop});
  }

  // -- receivers --------------------------------------------------------------

  /// A new receiver: it gets the latest item, if that is resent, and all that is
  /// sent from now on. When the broadcast is closed, so is the receiver. Throws
  /// channel_error: invalid_argument for a capacity or policy that makes no
  /// sense, nil_channel on nil.
  broadcast_receiver<T> subscribe(const subscribe_options& options = {}) const {
    return detail::subscribe_to<T>(this->require("subscribe"), options);
  }

  std::size_t receiver_count() noexcept {
    auto* part = hub();
    seen_ = part == nullptr ? 0 : part->receiver_count();
    return seen_;
  }
  bool has_receivers() noexcept {
    return receiver_count() != 0;
  }

  /// From now on new receivers first get the latest item, or do not. That is the
  /// last one sent, also if it was sent before this or when there was nobody.
  void resend_latest(bool on) const {
    detail::part_of(this->require("resend_latest"))->hub().resend_latest(on);
  }
  bool resend_latest() const noexcept {
    auto* part = hub();
    return part != nullptr && part->resends_latest();
  }

  // -- closing ----------------------------------------------------------------

  /// Closes the broadcast: receivers get what they have buffered, parked senders
  /// get their values back, later sends fail. True when it was open. Throws
  /// channel_error(nil_channel) on nil.
  bool close() const {
    return close_with({close_reason::closed});
  }
  /// As close(), with the reason `failed` and the cause for everybody to read.
  bool close(std::exception_ptr cause) const {
    return close_with({close_reason::failed, std::move(cause)});
  }
  bool close(std::error_code cause) const {
    return close(std::make_exception_ptr(std::system_error{cause}));
  }
  bool close(const std::string& cause) const {
    return close(std::make_exception_ptr(std::runtime_error{cause}));
  }

  /// Gives up this handle alone: sends through it then fail with
  /// errc::sender_closed. The last sender gone closes the broadcast (finished).
  /// False when it was detached before, or nil.
  bool detach() noexcept {
    return base::detach();
  }

  /// True when sends can only fail.
  bool is_closed() const noexcept {
    return detail::is_closed_for_sending(*target());
  }

private:
  friend struct detail::handle_access;
  using base::base;

  detail::channel_core* target() const noexcept {
    return detail::handle_access::sending(*this);
  }

  detail::broadcast_hub* hub() const noexcept {
    return this->core_ ? detail::typed_hub<T>::of(*this->core_) : nullptr;
  }

  bool close_with(const detail::closing& how) const {
    auto& core = this->require("close");
    const bool closed = core.close(how) == detail::close_outcome::done;
    hub()->clean_up();
    return closed;
  }

  /// The number of receivers this handle knows of.
  std::size_t seen_ = 0;
};

template <class T>
inline constexpr bool moves_quietly<broadcast_sender<T>> = true;

} // namespace levada
