// for_each_selected: a function for each receiver, until all have stopped.
//
//   const bool all = co_await levada::for_each_selected(
//     levada::on(numbers, [](int n) { … }),
//     levada::on(texts, [](std::string s) { … }, [] { /* texts stopped */ }));
//
// A loop of `selecting` (see there) in which no receiver can be forgotten: one
// without a handler does not compile. A handler takes the item, or the
// receive_result if it wants to know of the end too; the optional third argument
// is called when the receiver has stopped. Either may be a coroutine; one runs at
// a time, to its end. What they throw ends the loop and comes out; nothing else
// is lost by that.
//
// g++ 12 destroys what a lambda captures by value twice when it is written
// inside a co_await expression: give such a handler, or its on(…), a name first.
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <levada/channels/selecting.hpp>

namespace levada {
namespace detail {

struct no_handler {
  void operator()() const noexcept {
  }
};

/// A receiver with its handlers.
template <class R, class Handle, class Stopped>
class on_case {
  using item = received_type<R>;
  using result = receive_result<item>;

public:
  on_case(R& from, Handle handle, Stopped stopped)
      : from_(&from),
        handle_(std::move(handle)),
        stopped_(std::move(stopped)) {
    static_assert(
      std::invocable<Handle&, item> || takes_result,
      "on(rx, handler): the handler must take what rx gives, or its "
      "receive_result");
  }

  R& from() const noexcept {
    return *from_;
  }

  /// Runs the handler if the event is for it; what is left of it to `rest`.
  bool run(const loop_event& event, task<>& rest) {
    auto* got = event.from(*from_);
    if (got == nullptr)
      return false;
    if (!*got)
      rest = call(stopped_);
    if constexpr (!takes_result) {
      if (*got)
        rest = call(handle_, *std::move(*got));
    } else if constexpr (std::is_same_v<Stopped, no_handler>) {
      rest = call(handle_, std::move(*got));
    } else {
      if (*got)
        rest = call(handle_, std::move(*got));
    }
    return true;
  }

private:
  static constexpr bool takes_result
    = !std::invocable<Handle&, item> && std::invocable<Handle&, result>;

  template <class F, class... Args>
  static task<> call(F& f, Args&&... args) {
    if constexpr (std::is_same_v<std::invoke_result_t<F&, Args...>, task<>>) {
      return std::invoke(f, std::forward<Args>(args)...);
    } else {
      static_assert(std::is_void_v<std::invoke_result_t<F&, Args...>>,
                    "a handler of for_each_selected returns nothing, or a "
                    "levada::task<>");
      std::invoke(f, std::forward<Args>(args)...);
      return {};
    }
  }

  R* from_;
  Handle handle_;
  Stopped stopped_;
};

template <class Case>
inline constexpr bool is_on_case = false;
template <class R, class Handle, class Stopped>
inline constexpr bool is_on_case<on_case<R, Handle, Stopped>> = true;

template <class... Cases>
task<bool> run_selected(Cases... cases) {
  selecting loop{unchecked, cases.from()...};
  for (;;) {
    auto chosen = co_await loop.next();
    if (!chosen)
      co_return chosen.error() == errc::empty;
    task<> rest;
    (void)(cases.run(chosen, rest) || ...);
    if (rest)
      co_await std::move(rest);
  }
}

} // namespace detail

/// A case of for_each_selected: `handle` for what `from` gives.
template <receivable R, class Handle, class Stopped = detail::no_handler>
detail::on_case<R, Handle, Stopped> on(R& from, Handle handle,
                                       Stopped stopped = {}) {
  return {from, std::move(handle), std::move(stopped)};
}

/// Runs until all receivers have stopped: true; false when the task was cancelled
/// first. Must be awaited where it is called: it refers to the receivers.
template <class... Cases>
task<bool> for_each_selected(Cases... cases) {
  static_assert((detail::is_on_case<Cases> && ...),
                "for_each_selected: every receiver needs a handler; write "
                "levada::on(receiver, handler)");
  return detail::run_selected<Cases...>(std::move(cases)...);
}

} // namespace levada
