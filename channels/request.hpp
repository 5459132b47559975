// request: asks an actor, and awaits what it answers. From any task; no actor of
// one's own is needed.
//
//   auto sum = co_await levada::request<int>(adder, 1s, 1, 2);
//   if (sum) use(*sum); else complain(sum.error());
//
// Waits     until the answer, the end of the time, or the end of the actor asked.
// Result    request_result<T>: T as given in angle brackets; of a typed actor what
//           its interface says; else the caf::message as it is. void: an empty
//           answer. std::tuple: several values.
// Errors    caf::error: what the actor answered, or
//             sec::request_timeout        the time has passed
//             sec::request_receiver_down  the actor ended first, or had ended. (CAF
//                                         by itself never says so of an actor that
//                                         dies with the request in its hands. An
//                                         actor that delegates must stay as well.)
//             sec::unexpected_response    the answer is not a T
//             errc::cancelled             the stop token, or the task's end
//             errc::runtime_stopped       the runtime stops
// Cancelling takes nothing back: the actor may have done what it was asked. A late
// answer is dropped.
// Threads   tasks of any runtime. A thread says rt.block_on(levada::request(…)).
// Cost      two small actors, a monitor that goes with the request, two frames.
//
// Pulls in CAF's headers; not part of <levada/levada.hpp>.
#pragma once

#include <concepts>
#include <optional>
#include <stop_token>
#include <tuple>
#include <utility>

#include <caf/actor.hpp>
#include <caf/make_message.hpp>
#include <caf/response_type.hpp>
#include <caf/sec.hpp>
#include <caf/typed_actor.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/runtime/clock.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

/// `value()` of a request that failed.
class LEVADA_API request_failed : public std::system_error {
public:
  explicit request_failed(caf::error error)
      : std::system_error(to_error_code(error), "request: " + to_text(error)),
        error_(std::move(error)) {
  }
  const caf::error& error() const noexcept {
    return error_;
  }

private:
  caf::error error_;
};

namespace detail {

class request_result_base {
public:
  explicit operator bool() const noexcept {
    return !error_;
  }
  /// Why there is no value.
  const caf::error& error() const noexcept {
    return error_;
  }
  bool timed_out() const noexcept {
    return error_ == caf::sec::request_timeout;
  }
  /// The actor asked has ended.
  bool receiver_down() const noexcept {
    return error_ == caf::sec::request_receiver_down;
  }
  bool cancelled() const noexcept {
    return error_ == errc::cancelled || error_ == errc::runtime_stopped;
  }
  /// Throws request_failed, if there is no value.
  void check() const {
    if (error_)
      throw request_failed{error_};
  }

protected:
  request_result_base() = default;
  explicit request_result_base(const caf::message& answer) {
    if (answer.match_elements<caf::error>())
      error_ = answer.get_as<caf::error>(0);
  }
  /// The answer is not what was asked for.
  void mismatch() {
    error_ = caf::make_error(caf::sec::unexpected_response);
  }

private:
  caf::error error_;
};

} // namespace detail

/// What a request gave: a value, or why there is none.
template <class T>
class [[nodiscard]] request_result : public detail::request_result_base {
public:
  using value_type = T;

  explicit request_result(caf::message answer)
      : detail::request_result_base(answer) {
    if (*this)
      take(std::move(answer));
  }

  /// Only when true.
  T& operator*() & noexcept {
    return *value_;
  }
  T&& operator*() && noexcept {
    return *std::move(value_);
  }
  const T& operator*() const& noexcept {
    return *value_;
  }
  T* operator->() noexcept {
    return &*value_;
  }
  /// Throws request_failed when there is none.
  T& value() & {
    this->check();
    return *value_;
  }
  T&& value() && {
    this->check();
    return *std::move(value_);
  }

private:
  void take(caf::message answer) {
    if constexpr (std::same_as<T, caf::message>) {
      value_.emplace(std::move(answer));
    } else {
      take_as(answer, static_cast<T*>(nullptr));
    }
  }
  template <class U>
  void take_as(caf::message& answer, U*) {
    if (answer.match_elements<U>())
      value_.emplace(std::move(answer.get_mutable_as<U>(0)));
    else
      this->mismatch();
  }
  template <class... Us>
  void take_as(caf::message& answer, std::tuple<Us...>*) {
    if (!answer.match_elements<Us...>()) {
      this->mismatch();
      return;
    }
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      value_.emplace(std::move(answer.get_mutable_as<Us>(I))...);
    }(std::index_sequence_for<Us...>{});
  }

  std::optional<T> value_;
};

template <>
class [[nodiscard]] request_result<void> : public detail::request_result_base {
public:
  using value_type = void;

  explicit request_result(const caf::message& answer)
      : detail::request_result_base(answer) {
    if (*this && !answer.empty() && !answer.match_elements<caf::unit_t>())
      this->mismatch();
  }
  void value() const {
    this->check();
  }
};

namespace detail {

/// As the actor's interface says.
struct as_declared;

template <class Outputs>
struct single_type;
template <>
struct single_type<caf::message> {
  using type = caf::message;
};
template <>
struct single_type<caf::detail::type_list<>> {
  using type = void;
};
template <class T>
struct single_type<caf::detail::type_list<T>> {
  using type = T;
};
template <class T, class U, class... More>
struct single_type<caf::detail::type_list<T, U, More...>> {
  using type = std::tuple<T, U, More...>;
};

template <class T, class Handle, class... Ts>
struct answer_to {
  using type = T;
};
template <class Handle, class... Ts>
struct answer_to<as_declared, Handle, Ts...> {
  using response = caf::response_type<caf::signatures_of_t<Handle>,
                                      caf::detail::strip_and_convert_t<Ts>...>;
  static_assert(response::valid,
                "request: the interface of this actor has no such message");
  using type = typename single_type<typename response::type>::type;
};

/// What is answered: values, or one caf::error.
LEVADA_API task<caf::message> ask(caf::strong_actor_ptr whom,
                                  caf::message question, duration timeout,
                                  std::stop_token stop);

template <class T>
task<request_result<T>> ask_for(caf::strong_actor_ptr whom,
                                caf::message question, duration timeout,
                                std::stop_token stop) {
  caf::message answer = co_await ask(std::move(whom), std::move(question),
                                     timeout, std::move(stop));
  co_return request_result<T>{std::move(answer)};
}

} // namespace detail

/// `co_await request(whom, timeout, values...)` → request_result; see above.
template <class T = detail::as_declared, class Handle, class Rep, class Period,
          class... Ts>
auto request(const Handle& whom, std::chrono::duration<Rep, Period> timeout,
             std::stop_token stop, Ts&&... values)
  -> task<request_result<
    typename detail::answer_to<T, Handle, std::decay_t<Ts>...>::type>> {
  return detail::ask_for<
    typename detail::answer_to<T, Handle, std::decay_t<Ts>...>::type>(
    caf::actor_cast<caf::strong_actor_ptr>(whom),
    caf::make_message(std::forward<Ts>(values)...), to_duration(timeout),
    std::move(stop));
}
template <class T = detail::as_declared, class Handle, class Rep, class Period,
          class First, class... Ts>
  requires(!std::same_as<std::decay_t<First>, std::stop_token>)
auto request(const Handle& whom, std::chrono::duration<Rep, Period> timeout,
             First&& first, Ts&&... values) {
  return request<T>(whom, timeout, std::stop_token{},
                    std::forward<First>(first), std::forward<Ts>(values)...);
}

} // namespace levada
