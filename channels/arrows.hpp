// Arrows, as in Go: `co_await (tx << 23)`, `co_await (rx >> v)`, and
// `co_await (v << rx)`. They throw channel_closed where a named operation would
// return a result that says so, since an expression must not fail silently.
#pragma once

#include <levada/channels/channel.hpp>

namespace levada {
namespace detail {

/// A send that succeeds or throws.
template <class T>
class arrow_send_step : public send_step<T, send_result<T>> {
  using base = send_step<T, send_result<T>>;

public:
  using result_type = void;
  using base::base;

  void finish(errc why) {
    base::finish(why).check();
  }
};

/// A receive into a variable that succeeds or throws.
template <class T, class Into>
class arrow_receive_step : public receive_step<T, receive_result<T>> {
  using base = receive_step<T, receive_result<T>>;

public:
  using result_type = void;

  arrow_receive_step(channel_core* channel, Into& into) noexcept
      : base(channel),
        into_(into) {
  }

  void finish(errc why) {
    into_ = base::finish(why).value();
  }

private:
  Into& into_;
};

template <class T>
using arrow_send = step_awaiter<arrow_send_step<T>>;
template <class T, class Into>
using arrow_receive = step_awaiter<arrow_receive_step<T, Into>>;

} // namespace detail

/// `co_await (tx << value)`: sends. Waits as send does; throws channel_closed,
/// or operation_cancelled when the task is cancelled.
template <class T, class U>
  requires std::convertible_to<U, T>
detail::arrow_send<T> operator<<(const sender<T>& tx, U&& value) {
  return detail::arrow_send<T>{std::source_location{}, std::in_place,
                               detail::handle_access::sending(tx),
                               std::forward<U>(value)};
}

/// `co_await (rx >> variable)`: receives into it. Throws as above.
template <class T, class Into>
  requires std::assignable_from<Into&, T>
detail::arrow_receive<T, Into> operator>>(const receiver<T>& rx, Into& into) {
  return detail::arrow_receive<T, Into>{
    std::source_location{}, detail::handle_access::receiving(rx), into};
}

/// `co_await (variable << rx)`: the same, written as in Go.
template <class T, class Into>
  requires(std::assignable_from<Into&, T>
           && !std::derived_from<Into, detail::handle_base>)
detail::arrow_receive<T, Into> operator<<(Into& into, const receiver<T>& rx) {
  return rx >> into;
}

template <class T, class U>
  requires std::convertible_to<U, T>
detail::arrow_send<T> operator<<(const channel<T>& ch, U&& value) {
  return ch.tx() << std::forward<U>(value);
}

template <class T, class Into>
  requires std::assignable_from<Into&, T>
detail::arrow_receive<T, Into> operator>>(const channel<T>& ch, Into& into) {
  return ch.rx() >> into;
}

template <class T, class Into>
  requires(std::assignable_from<Into&, T>
           && !std::derived_from<Into, detail::handle_base>)
detail::arrow_receive<T, Into> operator<<(Into& into, const channel<T>& ch) {
  return ch.rx() >> into;
}

} // namespace levada
