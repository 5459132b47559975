// Go's verbs, for programs carried over from Go: `go`, `close`, `len`, `cap` and
// `range`, with Go's strictness: closing twice, or closing nil, is an error.
//
//   using namespace levada::go_style;
//   go(produce, tx);
//   co_await (tx << 23);       // arrows.hpp
//   close(tx);
#pragma once

#include <levada/actors/channel_failure.hpp>
#include <levada/channels/arrows.hpp>

namespace levada::go_style {

namespace detail {

/// `go(fn, args...)` inside a task, `go(rt, fn, args...)` anywhere.
class go_verb {
  using here = std::source_location;

public:
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  void operator()(F&& f, here at = here::current()) const {
    spawn(std::forward<F>(f), at).detach();
  }
  template <class F, class A>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>>
  void operator()(F&& f, A&& a, here at = here::current()) const {
    spawn(std::forward<F>(f), std::forward<A>(a), at).detach();
  }
  template <class F, class A, class B>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>, std::decay_t<B>>
  void operator()(F&& f, A&& a, B&& b, here at = here::current()) const {
    spawn(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b), at)
      .detach();
  }
  /// More arguments than that: the place shown by dump() is not the caller's.
  template <class F, class A, class B, class C, class... More>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>, std::decay_t<B>,
                            std::decay_t<C>, std::decay_t<More>...>
  void operator()(F&& f, A&& a, B&& b, C&& c, More&&... more) const {
    spawn(std::forward<F>(f), std::forward<A>(a), std::forward<B>(b),
          std::forward<C>(c), std::forward<More>(more)...)
      .detach();
  }

  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
  void operator()(const runtime& where, F&& f, Args&&... args) const {
    where.spawn(std::forward<F>(f), std::forward<Args>(args)...).detach();
  }
};

} // namespace detail

/// Runs `fn(args...)` as a task that nobody joins: an exception goes to
/// runtime_options::on_failure. Throws as spawn does.
inline constexpr detail::go_verb go{};

/// Closes the channel. Throws channel_closed when it is closed already, and
/// channel_error(nil_channel) for nil.
template <class T>
void close(const sender<T>& tx) {
  if (!tx.close())
    levada::detail::fail_on(levada::detail::handle_access::core(tx),
                            errc::closed, "close", endpoint::sender);
}
template <class T>
void close(const channel<T>& ch) {
  close(ch.tx());
}

/// Items in the buffer; 0 for nil.
template <class Handle>
  requires std::derived_from<Handle, levada::detail::handle_base>
std::size_t len(const Handle& handle) noexcept {
  return handle.size();
}
template <class T>
std::size_t len(const channel<T>& ch) noexcept {
  return ch.size();
}

/// Items that fit in the buffer; 0 for nil.
template <class Handle>
  requires std::derived_from<Handle, levada::detail::handle_base>
std::size_t cap(const Handle& handle) noexcept {
  return handle.capacity();
}
template <class T>
std::size_t cap(const channel<T>& ch) noexcept {
  return ch.capacity();
}

/// `for (auto& v : range(rx))` on a thread, until the channel is closed and
/// drained. (In a task: `while (auto v = co_await rx.receive())`.)
template <class T>
blocking_range<T> range(const receiver<T>& rx) {
  return rx.blocking();
}
template <class T>
blocking_range<T> range(const channel<T>& ch) {
  return ch.rx().blocking();
}

} // namespace levada::go_style
