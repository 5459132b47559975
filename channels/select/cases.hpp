// The cases of a select: what may stand in its argument list, and what each
// gives when it happens.
#pragma once

#include <concepts>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <levada/channels/channel.hpp>
#include <levada/channels/select/engine.hpp>
#include <levada/channels/timers.hpp>

namespace levada {

/// A send as a case: `sending(tx, value)`. The value is made now; it comes back
/// in the result if the case happens because the channel is closed, and is
/// dropped with the select if another case happens (keep a copy, or send a
/// pointer, where that matters).
template <class Sender>
class basic_send_case {
public:
  using value_type = typename Sender::value_type;

  basic_send_case(const Sender& to, value_type value)
      : to_(&to),
        value_(std::move(value)) {
  }

  const Sender& to() const noexcept {
    return *to_;
  }
  value_type&& value() noexcept {
    return std::move(value_);
  }

private:
  const Sender* to_;
  value_type value_;
};
template <class T>
using send_case = basic_send_case<sender<T>>;

template <class T, class U>
  requires std::constructible_from<T, U>
send_case<T> sending(const sender<T>& to, U&& value) {
  return send_case<T>{to, T(std::forward<U>(value))};
}
template <class T, class U>
  requires std::constructible_from<T, U>
send_case<T> sending(const channel<T>& to, U&& value) {
  return send_case<T>{to.tx(), T(std::forward<U>(value))};
}

/// As the last case: the select does not wait; this happens when no other case
/// is ready.
struct otherwise_t {
  explicit constexpr otherwise_t(int) noexcept {
  }
};
inline constexpr otherwise_t otherwise{0};

/// As the first argument: the first ready case as written happens, instead of a
/// random one.
struct biased_t {
  explicit constexpr biased_t(int) noexcept {
  }
};
inline constexpr biased_t biased{0};

namespace detail {

/// What a case type means to select: the slot holds the case meanwhile, and its
/// `result` is what it gives; identity() is how selected::from() knows it again
/// (null: it does not).
template <class Case>
struct case_traits;

template <class T>
class receive_slot : public select_case {
public:
  using result = receive_result<T>;
  static constexpr bool on_channel = true;

  receive_slot(select_claim& claim, std::uint32_t index,
               const receiver<T>& from) noexcept
      : select_case(claim, index, handle_access::receiving(from), false) {
    slot = item_.storage();
  }
  ~receive_slot() {
    if (this->select_case::result == outcome::done) // won, but never finished
      cell<T>::destroy(slot);
  }

  result finish() {
    if (this->select_case::result != outcome::done)
      return result{errc::closed, channel};
    this->select_case::result = outcome::pending;
    return cell<T>::take(
      slot, [](T&& item) { return result{std::in_place, std::move(item)}; });
  }

  /// It has won, and finish() has not been called.
  bool has_item() const noexcept {
    return this->select_case::result == outcome::done;
  }
  /// The item was moved out of `slot` by hand.
  void given_back() noexcept {
    this->select_case::result = outcome::pending;
  }

private:
  cell_slot<T> item_;
};

template <class T>
class send_slot : public select_case {
public:
  using result = send_result<T>;
  static constexpr bool on_channel = true;

  send_slot(select_claim& claim, std::uint32_t index, send_case<T>& from)
      : select_case(claim, index, handle_access::sending(from.to()), true) {
    cell<T>::make(item_.storage(), from.value());
    slot = item_.storage();
  }
  ~send_slot() {
    if (slot != nullptr && this->select_case::result != outcome::done)
      cell<T>::destroy(slot);
  }

  result finish() {
    auto* storage = std::exchange(slot, nullptr);
    if (this->select_case::result == outcome::done)
      return result{send_status::queued};
    return cell<T>::take(storage, [this](T&& item) {
      return result{errc::closed, std::move(item), channel};
    });
  }

private:
  cell_slot<T> item_;
};

template <class Source>
class time_slot {
public:
  using result = timer_tick;
  static constexpr bool on_channel = false;

  time_slot(select_claim&, std::uint32_t index, Source& source) noexcept
      : index_(index),
        source_(source) {
  }

  void join(select_engine::extra_cases& extra,
            std::uint32_t before) const noexcept {
    if (extra.time != select_engine::none && extra.deadline <= source_.due())
      return;
    extra.time = index_;
    extra.before_time = before;
    extra.deadline = source_.due();
  }
  result finish() {
    return source_.take(current_time());
  }

private:
  std::uint32_t index_;
  Source& source_;
};

class stop_slot {
public:
  using result = unit;
  static constexpr bool on_channel = false;

  stop_slot(select_claim&, std::uint32_t index,
            const std::stop_token& token) noexcept
      : index_(index),
        token_(token) {
  }

  void join(select_engine::extra_cases& extra, std::uint32_t before) const {
    if (!token_.stop_possible())
      return;
    extra.stop = index_;
    extra.before_stop = before;
    extra.token = token_;
  }
  result finish() const noexcept {
    return {};
  }

private:
  std::uint32_t index_;
  const std::stop_token& token_;
};

class otherwise_slot {
public:
  using result = unit;
  static constexpr bool on_channel = false;

  otherwise_slot(select_claim&, std::uint32_t index,
                 const otherwise_t&) noexcept
      : index_(index) {
  }

  void join(select_engine::extra_cases& extra, std::uint32_t) const noexcept {
    extra.otherwise = index_;
  }
  result finish() const noexcept {
    return {};
  }

private:
  std::uint32_t index_;
};

template <class T>
void as_receiver(const receiver<T>&);

/// A receiver, or derived from one.
template <class R>
concept is_receiver = requires(const R& one) { as_receiver(one); };

// (keyed by the plain type: see slot_of)
template <class Case>
  requires is_receiver<Case>
struct case_traits<Case> {
  using slot = receive_slot<typename Case::value_type>;
  static const void*
  identity(const receiver<typename Case::value_type>& from) noexcept {
    return handle_access::core(from);
  }
};
template <class T>
struct case_traits<channel<T>> {
  using slot = receive_slot<T>;
  static const void* identity(const channel<T>& from) noexcept {
    return handle_access::core(from.rx());
  }
};
template <class T>
struct case_traits<send_case<T>> {
  using slot = send_slot<T>;
  static const void* identity(const send_case<T>& to) noexcept {
    return handle_access::core(to.to());
  }
};
template <class Source>
  requires std::derived_from<Source, timed_source>
struct case_traits<Source> {
  using slot = time_slot<Source>;
  static const void* identity(const timed_source& timer) noexcept {
    return &timer;
  }
};
template <>
struct case_traits<std::stop_token> {
  using slot = stop_slot;
  static const void* identity(const std::stop_token&) noexcept {
    return nullptr;
  }
};
template <>
struct case_traits<otherwise_t> {
  using slot = otherwise_slot;
  static const void* identity(const otherwise_t&) noexcept {
    return nullptr;
  }
};

template <class Case>
concept select_argument
  = requires { typename case_traits<std::remove_cvref_t<Case>>::slot; };

template <class Case>
const void* identity_of(const Case& one) noexcept {
  return case_traits<std::remove_cvref_t<Case>>::identity(one);
}

template <class Case>
using slot_of = typename case_traits<std::remove_cvref_t<Case>>::slot;

} // namespace detail
} // namespace levada
