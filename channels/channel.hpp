// channel<T>: both ends in one handle, and the factory for buffered and
// rendezvous channels.
//
// Characteristics
//   who receives       exactly one receiver per value, the one waiting longest
//   buffered           in order, up to `capacity`; 0: hand to hand
//   when full          `overflow`: wait (default), reject, or drop
//   when closed        sends fail; what is buffered is received, then closed
//   all senders go     closes (finished)
//   all receivers go   closes (no_receivers); buffered values are dead letters
//   order              first in, first out, for values and for waiters
//   cost               an uncontended send or receive takes one spin lock; a
//                      hand-off moves the value once; a channel is one actor
#pragma once

#include <concepts>
#include <functional>
#include <limits>

#include <levada/channels/receiver.hpp>
#include <levada/channels/sender.hpp>
#include <levada/channels/weak.hpp>
#include <levada/runtime/runtime.hpp>

namespace levada {

/// How many items a channel may buffer. Made from any integer, and checked
/// where the channel is made.
class channel_capacity {
public:
  template <std::integral I>
  constexpr channel_capacity(I items) noexcept // NOLINT: meant to convert
      : value_(std::cmp_less(items, 0) ? invalid
               : std::cmp_greater(items, detail::channel_core::max_capacity)
                 ? absurd
                 : static_cast<std::uint64_t>(items)) {
  }

  static constexpr channel_capacity without_bound() noexcept {
    channel_capacity result{0};
    result.value_ = detail::channel_core::unbounded;
    return result;
  }

  /// For the channel; throws channel_error(invalid_argument).
  std::uint32_t checked() const {
    if (value_ == invalid)
      throw_error(make_error_code(errc::invalid_argument),
                  "channel capacity: negative");
    if (value_ == absurd)
      throw_error(make_error_code(errc::invalid_argument),
                  "channel capacity: more than 2^31 items; use "
                  "levada::unbounded for a channel without a bound");
    return static_cast<std::uint32_t>(value_);
  }

private:
  static constexpr std::uint64_t invalid = UINT64_MAX;
  static constexpr std::uint64_t absurd = UINT64_MAX - 1;
  std::uint64_t value_;
};

/// `.capacity = levada::unbounded`: sends never wait.
inline constexpr channel_capacity unbounded = channel_capacity::without_bound();

template <class T>
struct channel_options {
  /// Shown by dump() and to CAF.
  std::string name = {};
  channel_capacity capacity = 0;
  overflow on_full = overflow::wait;
  /// Called with every item that is destroyed without being received, and why;
  /// on the thread that destroys it, never under a lock. Must not throw.
  std::function<void(T&&, dead_letter_reason)> on_dead_letter = {};
  /// So often an item is leased at most (see leased.hpp): when it comes back from
  /// the last of these it is a dead letter, nack_limit. 0: any number.
  std::uint32_t max_deliveries = 0;
  /// Called instead of on_dead_letter with what goes for nack_limit, and with
  /// what the last nack said about it.
  std::function<void(T&&, const poison_info&)> on_poison = {};
  /// What an exit message does, of an actor it is linked to for example.
  exit_policy on_exit = exit_policy::close;
};

/// Both ends of a channel. Converts to either end; there is no way back.
template <class T>
class channel {
public:
  using value_type = T;

  channel() noexcept = default;
  channel(sender<T> tx, receiver<T> rx) noexcept
      : tx_(std::move(tx)),
        rx_(std::move(rx)) {
  }

  operator const sender<T>&() const noexcept { // NOLINT: meant to convert
    return tx_;
  }
  operator const receiver<T>&() const noexcept { // NOLINT: meant to convert
    return rx_;
  }
  const sender<T>& tx() const noexcept {
    return tx_;
  }
  const receiver<T>& rx() const noexcept {
    return rx_;
  }

  explicit operator bool() const noexcept {
    return static_cast<bool>(tx_);
  }

  // The operations of either end, as documented there.
  auto send(T value,
            detail::code_line line = __builtin_source_location()) const {
    return tx_.send(std::move(value), detail::place_of(line));
  }
  auto send(T value, std::source_location line) const {
    return tx_.send(std::move(value), line);
  }
  auto receive(detail::code_line line = __builtin_source_location()) const {
    return rx_.receive(detail::place_of(line));
  }
  auto receive(std::source_location line) const {
    return rx_.receive(line);
  }
  try_send_result<T> try_send(T value) const {
    return tx_.try_send(std::move(value));
  }
  try_receive_result<T> try_receive() const {
    return rx_.try_receive();
  }
  send_result<T> blocking_send(T value) const {
    return tx_.blocking_send(std::move(value));
  }
  receive_result<T> blocking_receive() const {
    return rx_.blocking_receive();
  }
  bool close() const {
    return tx_.close();
  }
  template <class Cause>
  bool close(Cause&& cause) const {
    return tx_.close(std::forward<Cause>(cause));
  }
  bool is_closed() const noexcept {
    return tx_.is_closed();
  }
  std::size_t size() const noexcept {
    return tx_.size();
  }
  std::size_t capacity() const noexcept {
    return tx_.capacity();
  }
  std::string name() const {
    return tx_.name();
  }
  std::uint64_t id() const noexcept {
    return tx_.id();
  }
  levada::close_record close_record() const {
    return tx_.close_record();
  }
  channel_stats stats() const {
    return tx_.stats();
  }
  channel_info info() const {
    return tx_.info();
  }
  friend bool operator==(const channel&, const channel&) noexcept = default;

private:
  sender<T> tx_;
  receiver<T> rx_;
};

template <class T>
inline constexpr bool moves_quietly<channel<T>> = true;

/// What make_channel returns: `auto [tx, rx] = …`.
template <class T>
struct channel_ends {
  sender<T> tx;
  receiver<T> rx;

  /// Both ends as one handle.
  operator channel<T>() const& { // NOLINT: meant to convert
    return {tx, rx};
  }
  operator channel<T>() && { // NOLINT: meant to convert
    return {std::move(tx), std::move(rx)};
  }
};

namespace detail {

template <class T>
class typed_sink final : public dead_letter_sink {
public:
  explicit typed_sink(std::function<void(T&&, dead_letter_reason)> call,
                      std::function<void(T&&, const poison_info&)> on_poison
                      = {})
      : call_(std::move(call)),
        on_poison_(std::move(on_poison)) {
  }
  void consume(void* item, dead_letter_reason why) noexcept override {
    cell<T>::take(item, [this, why](T&& letter) {
      if (call_)
        call_(std::move(letter), why);
    });
  }
  void consume_poison(void* item, const poison_info& why) noexcept override {
    if (!on_poison_)
      return consume(item, dead_letter_reason::nack_limit);
    cell<T>::take(item,
                  [&](T&& letter) { on_poison_(std::move(letter), why); });
  }

private:
  std::function<void(T&&, dead_letter_reason)> call_;
  std::function<void(T&&, const poison_info&)> on_poison_;
};

/// Throws when the parts of `setup` do not go together.
LEVADA_API void check(const channel_setup& setup);

template <class T>
channel_ends<T> make_channel_in(engine& where,
                                const channel_options<T>& given) {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "channels carry objects: send a pointer or a std::ref for a "
                "reference, a levada::unit for nothing");
  static_assert(std::is_move_constructible_v<T>,
                "channels move their items: T must be move- or copy-"
                "constructible (send a std::unique_ptr of it otherwise)");
  channel_setup setup;
  setup.type = &cell<T>::type;
  setup.name = given.name.c_str();
  setup.capacity = given.capacity.checked();
  setup.policy = given.on_full;
  setup.on_exit = given.on_exit;
  check(setup);
  setup.max_deliveries = given.max_deliveries;
  if (given.on_dead_letter || given.on_poison)
    setup.sink = new typed_sink<T>{given.on_dead_letter, given.on_poison};
  auto& made = make_channel_core(where, setup);
  return {handle_access::adopt<sender<T>>(&made),
          handle_access::adopt<receiver<T>>(&made)};
}

} // namespace detail

/// An item that says nothing: `channel<unit>` carries signals.
struct unit {
  friend bool operator==(unit, unit) noexcept = default;
};

/// Makes a channel that lives in `home`. Default: rendezvous. Throws
/// channel_error(invalid_argument) for a negative or absurd capacity, or a
/// policy that drops buffered items on a rendezvous channel. Cost: one allocation; the buffer
/// grows as it is needed.
template <class T>
channel_ends<T> make_channel(const runtime& home,
                             const channel_options<T>& options = {}) {
  return detail::make_channel_in<T>(home.engine(), options);
}

/// The same in the runtime of the task that calls it.
template <class T>
channel_ends<T> make_channel(const channel_options<T>& options = {}) {
  return detail::make_channel_in<T>(
    detail::require_current_engine("make_channel"), options);
}

} // namespace levada
