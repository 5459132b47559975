// oneshot: one value, once.
//
//   auto [tx, rx] = levada::make_oneshot<answer>();
//   rt.spawn(work, std::move(tx));
//   auto got = co_await rx.receive();          // or closed: nobody answered
//
// Characteristics
//   who receives       the first to receive; rx is a plain receiver<T>, and
//                      goes wherever one can go
//   buffered           the one value
//   when full          cannot be: sending uses the sender up
//   when closed        before the send: the receiver gets closed; after it: the
//                      value is received, then closed
//   all senders go     closes (finished)
//   all receivers go   closes (no_receivers): the send fails, with its value
//                      back; `tx.closed()` tells the sender early
//   cost               one channel of capacity 1; a send never waits
#pragma once

#include <levada/channels/channel.hpp>

namespace levada {

template <class T>
struct oneshot_options {
  /// Shown by dump() and to CAF.
  std::string name = {};
  /// As in channel_options: the value, when it was sent and nobody received it.
  std::function<void(T&&, dead_letter_reason)> on_dead_letter = {};
};

/// Sends at most one value, ever. It can be moved, not copied; one thread at a
/// time.
template <class T>
class oneshot_sender : public detail::counted_handle<detail::sending_end> {
  using base = detail::counted_handle<detail::sending_end>;

public:
  using value_type = T;

  oneshot_sender() noexcept = default;
  oneshot_sender(oneshot_sender&&) noexcept = default;
  oneshot_sender& operator=(oneshot_sender&&) noexcept = default;
  oneshot_sender(const oneshot_sender&) = delete;
  oneshot_sender& operator=(const oneshot_sender&) = delete;

  /// `std::move(tx).send(value)` → send_result<T>; never waits, so there is
  /// nothing to await. True: the value is delivered or buffered. Else it comes
  /// back, with errc::closed when nobody can receive it, or errc::sender_closed
  /// when this sender was used up, closed, or moved from. Uses the sender up,
  /// which can still be asked about its channel. Throws what making the value
  /// inside the channel throws; the sender can be used again then.
  send_result<T> send(T value) && {
    if (!this->core_.counts())
      return send_result<T>{errc::sender_closed, std::move(value)};
    detail::send_step<T, send_result<T>> step{std::in_place, this->core_.get(),
                                              std::move(value)};
    auto sent = detail::try_now(step, errc::full);
    this->detach();
    return sent;
  }

  /// `co_await tx.closed()`: waits until the channel is closed, that is until
  /// nobody is left to receive. True then, and at once when this sender was used
  /// up or closed; false when the wait was cancelled or stopped first.
  detail::limited_step_awaiter<detail::closing_step>
  closed(std::stop_token stop = {},
         std::source_location line = std::source_location::current()) const {
    return {line, duration::max(), std::move(stop),
            detail::handle_access::sending(*this)};
  }

  /// The same on a thread. Throws channel_error(wrong_thread) inside a task.
  bool blocking_closed(const std::stop_token& stop = {}) const {
    detail::closing_step step{detail::handle_access::sending(*this)};
    return detail::wait_on_thread(step, "blocking_closed",
                                  {time_point::max(), stop});
  }

  /// True when a send can only fail: the receivers are gone, or this sender is
  /// used up, closed, or nil.
  bool is_closed() const noexcept {
    return !this->core_.counts() || detail::is_closed_for_sending(*this->core_);
  }

  /// Gives up sending: the receiver gets closed. False when the value was sent,
  /// or this was closed before.
  bool close() noexcept {
    return this->detach();
  }
  /// As close(), with the reason `failed` and the cause for the receiver to read
  /// in close_record().
  bool close(std::exception_ptr cause) {
    if (!this->core_.counts())
      return false;
    this->core_->close({close_reason::failed, std::move(cause)});
    return this->detach();
  }
  bool close(std::error_code cause) {
    return close(std::make_exception_ptr(std::system_error{cause}));
  }
  bool close(const std::string& cause) {
    return close(std::make_exception_ptr(std::runtime_error{cause}));
  }

private:
  friend struct detail::handle_access;
  using base::base;
};

template <class T>
inline constexpr bool moves_quietly<oneshot_sender<T>> = true;

/// What make_oneshot returns: `auto [tx, rx] = …`.
template <class T>
struct oneshot_ends {
  oneshot_sender<T> tx;
  receiver<T> rx;
};

namespace detail {

template <class T>
oneshot_ends<T> make_oneshot_in(engine& where,
                                const oneshot_options<T>& given) {
  channel_options<T> options;
  options.name = given.name;
  options.capacity = 1;
  options.on_dead_letter = given.on_dead_letter;
  auto [tx, rx] = make_channel_in<T>(where, options);
  auto* core = handle_access::core(tx);
  core->add_sender();
  return {handle_access::adopt<oneshot_sender<T>>(core), std::move(rx)};
}

} // namespace detail

/// Makes a oneshot that lives in `home`. Cost: one allocation.
template <class T>
oneshot_ends<T> make_oneshot(const runtime& home,
                             const oneshot_options<T>& options = {}) {
  return detail::make_oneshot_in<T>(home.engine(), options);
}

/// The same in the runtime of the task that calls it.
template <class T>
oneshot_ends<T> make_oneshot(const oneshot_options<T>& options = {}) {
  return detail::make_oneshot_in<T>(
    detail::require_current_engine("make_oneshot"), options);
}

} // namespace levada
