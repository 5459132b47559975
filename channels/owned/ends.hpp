// owned_sender, owned_receiver: the ends of an owned channel, which is described
// in owned.hpp. Their operations are those of sender and receiver, each on behalf
// of the handle's owner.
#pragma once

#include <optional>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/channels/owned/handle.hpp>
#include <levada/channels/owned/step.hpp>

namespace levada {

/// How one item is sent: `tx.send(v, {.owner_gone = owner_gone::remove})`.
struct owned_send {
  /// Else as the channel's options say.
  std::optional<levada::owner_gone> owner_gone = {};
};

/// The sending end. Every operation keeps sender's contract (see sender.hpp),
/// and fails with errc::owner_released, the value handed back, when the handle's
/// owner is gone or has released the end.
template <class T>
class owned_sender
    : public detail::owned_handle<owned_sender<T>,
                                  sender<detail::owned_item<T>>, true> {
  using base = detail::owned_handle<owned_sender<T>,
                                    sender<detail::owned_item<T>>, true>;
  using here = std::source_location;
  using send_step = detail::owned_send_step<T, send_result<T>>;
  using try_step = detail::owned_send_step<T, try_send_result<T>>;
  using timed_step = detail::owned_send_step<T, timed_send_result<T>>;
  using wait_step = detail::owned_receipt_step<T, send_result<T>>;
  using timed_wait_step = detail::owned_receipt_step<T, timed_send_result<T>>;
  template <class Step>
  using limited_awaiter = detail::limited_step_awaiter<Step>;

public:
  using value_type = T;
  using base::base;

  // -- in a task --------------------------------------------------------------

  /// `co_await tx.send(value)` → send_result<T>.
  limited_awaiter<send_step> send(T value, owned_send how = {},
                                  std::stop_token stop = {},
                                  here line = here::current()) const {
    return limited<send_step>(line, duration::max(), std::move(stop), how,
                              std::move(value));
  }
  /// (g++ 12 takes braces in awaited expressions ill: this needs none)
  limited_awaiter<send_step> send(T value, owner_gone how,
                                  std::stop_token stop = {},
                                  here line = here::current()) const {
    return limited<send_step>(line, duration::max(), std::move(stop),
                              owned_send{how}, std::move(value));
  }

  /// As send, for at most `length` → timed_send_result<T>.
  template <class Rep, class Period>
  limited_awaiter<timed_step>
  send_for(T value, std::chrono::duration<Rep, Period> length,
           owned_send how = {}, std::stop_token stop = {},
           here line = here::current()) const {
    return limited<timed_step>(line, to_duration(length), std::move(stop), how,
                               std::move(value));
  }
  limited_awaiter<timed_step> send_until(T value, time_point deadline,
                                         owned_send how = {},
                                         std::stop_token stop = {},
                                         here line = here::current()) const {
    return limited<timed_step>(line, deadline, std::move(stop), how,
                               std::move(value));
  }

  /// Sends and waits until this very value has been received → send_result<T>.
  /// When the owner dies first, an item that is not kept comes back:
  /// errc::owner_gone.
  limited_awaiter<wait_step> send_and_wait(T value, owned_send how = {},
                                           std::stop_token stop = {},
                                           here line = here::current()) const {
    return limited<wait_step>(line, duration::max(), std::move(stop), how,
                              std::move(value));
  }
  template <class Rep, class Period>
  limited_awaiter<timed_wait_step>
  send_and_wait_for(T value, std::chrono::duration<Rep, Period> length,
                    owned_send how = {}, std::stop_token stop = {},
                    here line = here::current()) const {
    return limited<timed_wait_step>(line, to_duration(length), std::move(stop),
                                    how, std::move(value));
  }

  // -- never waiting ----------------------------------------------------------

  try_send_result<T> try_send(T value, owned_send how = {}) const {
    auto step = make<try_step>(how, std::move(value));
    return detail::try_now(step, errc::full);
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  send_result<T> blocking_send(T value, owned_send how = {},
                               const std::stop_token& stop = {}) const {
    auto step = make<send_step>(how, std::move(value));
    return detail::wait_on_thread(step, "blocking_send",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_send_result<T>
  blocking_send_for(T value, std::chrono::duration<Rep, Period> length,
                    owned_send how = {},
                    const std::stop_token& stop = {}) const {
    auto step = make<timed_step>(how, std::move(value));
    return detail::wait_on_thread(step, "blocking_send",
                                  {detail::thread_deadline(length), stop});
  }
  send_result<T> blocking_send_and_wait(T value, owned_send how = {},
                                        const std::stop_token& stop
                                        = {}) const {
    auto step = make<wait_step>(how, std::move(value));
    return detail::wait_on_thread(step, "blocking_send_and_wait",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_send_result<T>
  blocking_send_and_wait_for(T value, std::chrono::duration<Rep, Period> length,
                             owned_send how = {},
                             const std::stop_token& stop = {}) const {
    auto step = make<timed_wait_step>(how, std::move(value));
    return detail::wait_on_thread(step, "blocking_send_and_wait",
                                  {detail::thread_deadline(length), stop});
  }

  // -- closing ----------------------------------------------------------------

  /// As sender::close: for everybody, and what is buffered stays receivable.
  bool close() const {
    return this->raw_.close();
  }
  template <class Cause>
  bool close(Cause&& cause) const {
    return this->raw_.close(std::forward<Cause>(cause));
  }

  /// What `how` means here: the item's tag.
  detail::owned_tag tag(const detail::member_pointer& member,
                        owned_send how) const noexcept {
    if (member == nullptr)
      return {};
    auto& channel = member->channel;
    return {member->who->id, how.owner_gone.value_or(channel.owners()->policy),
            detail::owned_kind::value};
  }

private:
  friend struct detail::owned_access;

  template <class Step>
  Step make(owned_send how, T value) const {
    auto member = this->member();
    const auto mark = tag(member, how);
    return Step{std::move(member), std::in_place, this->target(), mark,
                std::move(value)};
  }

  template <class Step, class Limit>
  limited_awaiter<Step> limited(here line, Limit limit, std::stop_token stop,
                                owned_send how, T value) const {
    auto member = this->member();
    const auto mark = tag(member, how);
    return {
      line,           limit, std::move(stop), std::move(member), std::in_place,
      this->target(), mark,  std::move(value)};
  }
};

/// The receiving end. Every operation keeps receiver's contract (see
/// receiver.hpp) and gives an owned_result; it fails with errc::owner_released
/// when the handle's owner is gone or has released the end.
template <class T>
class owned_receiver
    : public detail::owned_handle<owned_receiver<T>,
                                  receiver<detail::owned_item<T>>, false> {
  using base = detail::owned_handle<owned_receiver<T>,
                                    receiver<detail::owned_item<T>>, false>;
  using here = std::source_location;
  using step = detail::owned_receive_step<T, owned_result<T>>;
  using try_step = detail::owned_receive_step<T, try_owned_result<T>>;
  using timed_step = detail::owned_receive_step<T, timed_owned_result<T>>;
  template <class Step>
  using limited_awaiter = detail::limited_step_awaiter<Step>;

public:
  using value_type = T;
  using base::base;

  // -- in a task --------------------------------------------------------------

  /// `co_await rx.receive()` → owned_result<T>.
  limited_awaiter<step> receive(std::stop_token stop = {},
                                here line = here::current()) const {
    return {line, duration::max(), std::move(stop), this->member(),
            this->target()};
  }

  /// As receive, for at most `length` → timed_owned_result<T>. Zero or less: a
  /// try.
  template <class Rep, class Period>
  limited_awaiter<timed_step>
  receive_for(std::chrono::duration<Rep, Period> length,
              std::stop_token stop = {}, here line = here::current()) const {
    return {line, to_duration(length), std::move(stop), this->member(),
            this->target()};
  }
  limited_awaiter<timed_step> receive_until(time_point deadline,
                                            std::stop_token stop = {},
                                            here line = here::current()) const {
    return {line, deadline, std::move(stop), this->member(), this->target()};
  }

  // -- never waiting ----------------------------------------------------------

  try_owned_result<T> try_receive() const {
    try_step now{this->member(), this->target()};
    return detail::try_now(now, errc::empty);
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  owned_result<T> blocking_receive(const std::stop_token& stop = {}) const {
    step now{this->member(), this->target()};
    return detail::wait_on_thread(now, "blocking_receive",
                                  {time_point::max(), stop});
  }
  template <class Rep, class Period>
  timed_owned_result<T>
  blocking_receive_for(std::chrono::duration<Rep, Period> length,
                       const std::stop_token& stop = {}) const {
    return blocking_receive_until(detail::thread_deadline(length), stop);
  }
  timed_owned_result<T> blocking_receive_until(time_point deadline,
                                               const std::stop_token& stop
                                               = {}) const {
    timed_step now{this->member(), this->target()};
    return detail::wait_on_thread(now, "blocking_receive", {deadline, stop});
  }

  // -- closing ----------------------------------------------------------------

  /// As receiver::close: detaches this handle.
  bool close() noexcept {
    return this->raw_.close();
  }

private:
  friend struct detail::owned_access;
};

template <class T>
inline constexpr bool moves_quietly<owned_sender<T>> = true;
template <class T>
inline constexpr bool moves_quietly<owned_receiver<T>> = true;

} // namespace levada
