// latest: one value that changes, and readers that want the newest (a "watch").
//
//   auto [tx, rx] = levada::make_latest<config>(rt, initial);
//   tx.send(changed);                            // never waits
//   while (auto news = co_await rx.receive())    // each reader sees the newest
//     apply(*news);
//   auto now = rx.borrow();                      // a view; never waits
//
// Characteristics
//   who receives       every receiver, each the newest value it has not seen
//   buffered           one value, the newest; older ones are replaced
//   when full          never: a send replaces the value
//   when closed        sends fail; what was not seen is received, then closed
//   all senders go     closes
//   all receivers go   nothing closes: send() fails and does not store, until
//                      subscribe(); send_replace and the modifying ones store
//   order              a receiver never sees an older value after a newer one
//   cost               a send: one allocation, and one signal per receiver; a
//                      view: one counted pointer; a receive: one copy of T
//
// The value there is when a receiver is made counts as seen. Values are immutable
// once sent: borrow() shares them, the modifying senders change a copy. What the
// functions and copies of T throw reaches the caller, and nothing has changed.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <levada/channels/latest/receiver.hpp>

namespace levada {

/// As send_result: false, with the value handed back, when nobody receives or it
/// is closed. It is there at once; co_await may be written, as for any sender.
template <class T>
class [[nodiscard]] latest_send_result : public send_result<T> {
public:
  using levada_awaitable = void;
  using send_result<T>::send_result;

  bool await_ready() const noexcept {
    return true;
  }
  void await_suspend(std::coroutine_handle<>) const noexcept {
  }
  send_result<T> await_resume() {
    return std::move(*this);
  }
};

/// The writing end; copies are counted, the last one closes. Used by any threads
/// at once. No operation but closed() waits. A moved-from one throws
/// channel_error(nil_channel).
template <class T>
class latest_sender {
  using state = detail::latest_state<T>;

public:
  explicit latest_sender(std::shared_ptr<state> to)
      : end_(std::make_shared<const closer>(std::move(to))) {
  }

  /// Replaces the value. Fails, stores nothing and hands the value back when
  /// there is no receiver, or it is closed.
  latest_send_result<T> send(T value) const {
    auto& to = target();
    if (to.readers() == 0)
      return {errc::closed, std::move(value)};
    auto made = std::make_shared<T>(std::move(value));
    std::shared_ptr<const T> next = made;
    if (!to.store(next))
      return {errc::closed, std::move(*made)};
    return latest_send_result<T>{send_status::delivered};
  }

  /// Replaces the value, receivers or not, and gives a copy of the old one.
  /// Throws channel_closed after close().
  T send_replace(T value) const {
    std::shared_ptr<const T> next = std::make_shared<T>(std::move(value));
    if (!target().store(next))
      refuse();
    return *next;
  }

  /// f(value&) changes a copy of the value, which then takes its place,
  /// receivers or not. f may be called again, on a new copy, when another sender
  /// was faster. Throws what f throws, and channel_closed after close().
  template <std::invocable<T&> F>
  void send_modify(F f) const {
    (void)send_if_modified([&f](T& value) {
      std::invoke(f, value);
      return true;
    });
  }
  /// As send_modify; but when f returns false the copy is dropped: nothing
  /// changes and nobody is told. What the last call of f returned.
  template <std::predicate<T&> F>
  bool send_if_modified(F f) const {
    auto& to = target();
    for (;;) {
      const auto now = to.look();
      if (now.closed)
        refuse();
      auto made = std::make_shared<T>(*now.value);
      if (!std::invoke(f, *made))
        return false;
      std::shared_ptr<const T> next = std::move(made);
      if (to.store(next, now.version))
        return true;
    }
  }

  /// The newest value.
  latest_view<T> borrow() const {
    return latest_view<T>{target().look().value};
  }

  /// Another receiver, which has seen the value that is there. Throws
  /// channel_error(runtime_stopped) when its runtime has stopped.
  latest_receiver<T> subscribe() const {
    auto& to = end_->to;
    const auto seen = target().version();
    return latest_receiver<T>{
      std::make_shared<detail::latest_reader<T>>(to, seen)};
  }
  std::size_t receiver_count() const {
    return target().readers();
  }

  /// `co_await tx.closed()`: waits until there is no receiver. True then; false
  /// when the wait was cancelled or stopped first.
  task<bool> closed(std::stop_token stop = {},
                    std::source_location line
                    = std::source_location::current()) const {
    (void)target();
    return closed_task(end_->to, std::move(stop), line);
  }

  /// The same on a thread. Throws channel_error(wrong_thread) inside a task.
  bool blocking_closed(const std::stop_token& stop = {}) const {
    const auto gone = target().presence();
    return !gone || gone.blocking_closed(stop);
  }

  /// No more values. True when it was open.
  bool close() const {
    return target().close();
  }
  bool is_closed() const {
    return target().closed();
  }

private:
  /// Closes with the last sender.
  struct closer {
    explicit closer(std::shared_ptr<state> what) noexcept
        : to(std::move(what)) {
    }
    ~closer() {
      to->close();
    }
    closer(const closer&) = delete;
    closer& operator=(const closer&) = delete;
    const std::shared_ptr<state> to;
  };

  state& target() const {
    if (!end_)
      throw_error(make_error_code(errc::nil_channel),
                  "latest_sender: this handle was moved from");
    return *end_->to;
  }
  [[noreturn]] static void refuse() {
    throw_error(make_error_code(errc::closed), "latest_sender: it is closed");
  }

  static task<bool> closed_task(std::shared_ptr<state> to, std::stop_token stop,
                                std::source_location line) {
    const auto gone = to->presence();
    if (!gone)
      co_return true;
    const bool closed = co_await gone.closed(std::move(stop), line);
    co_return closed;
  }

  std::shared_ptr<const closer> end_;
};

/// What make_latest returns: `auto [tx, rx] = …`.
template <class T>
struct latest_ends {
  latest_sender<T> tx;
  latest_receiver<T> rx;
};

namespace detail {

template <class T>
latest_ends<T> make_latest_in(engine& home, T&& initial, std::string name) {
  static_assert(std::is_copy_constructible_v<T>,
                "make_latest: every receiver gets a copy; for a value that "
                "cannot be copied use a std::shared_ptr<const T>");
  auto state = std::make_shared<latest_state<T>>(
    home, std::move(name), std::make_shared<const T>(std::move(initial)));
  latest_sender<T> tx{std::move(state)};
  auto rx = tx.subscribe();
  return {std::move(tx), std::move(rx)};
}

} // namespace detail

/// A value with one sender and one receiver, in `home`.
template <class T>
latest_ends<T> make_latest(const runtime& home, T initial,
                           std::string name = "latest") {
  return detail::make_latest_in<T>(home.engine(), std::move(initial),
                                   std::move(name));
}

/// The same in the runtime of the task that calls it.
template <class T>
  requires(!std::derived_from<T, runtime>)
latest_ends<T> make_latest(T initial, std::string name = "latest") {
  return detail::make_latest_in<T>(
    detail::require_current_engine("make_latest"), std::move(initial),
    std::move(name));
}

} // namespace levada
