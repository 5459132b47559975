// broadcast: every receiver gets every item, each out of a buffer of its own.
//
//   auto [tx, rx] = levada::make_broadcast<reading>(rt, {.capacity = 50});
//   auto slow = tx.subscribe({.name = "log", .capacity = 1000});
//   while (auto got = co_await rx.receive())
//     use(*got, got.lagged());        // how many were lost just before this one
//   co_await levada::select(levada::sending(tx, item), rx);
//
// Characteristics
//   who receives       every receiver, from when it subscribed on
//   buffered           per receiver, in order, up to its own capacity
//   when full          per receiver: drop_oldest (that receiver's oldest item
//                      goes, and it is told how many went) or wait (the sender
//                      waits until all such receivers have room)
//   when closed        sends fail; what is buffered is received, then closed
//   all senders go     closes (finished)
//   all receivers go   sends succeed and are discarded, counted; with
//                      `auto_close` it closes instead (no_receivers)
//   order              the same at all receivers: that of the sends
//   cost               a send: the hub's lock, and one lock and one copy per
//                      receiver; one allocation unless T is trivially copyable
//                      and at most 64 bytes. The receivers share the object and
//                      copy it when they receive (the last one moves), outside
//                      all locks and perhaps at the same time: T's copying must
//                      be safe to do so, as const says
//
// A receiver that is slow, parked or gone delays nobody, unless its policy is
// `wait`. The latest item is kept for `resend_latest` until the next one is sent
// or the last sender goes.
#pragma once

#include <levada/channels/broadcast/cases.hpp>
#include <levada/channels/broadcast/receiver.hpp>
#include <levada/channels/broadcast/sending.hpp>
#include <levada/runtime/runtime.hpp>

namespace levada {

template <class T>
struct broadcast_options {
  /// Shown by dump() and to CAF; also the name of receivers that have none.
  std::string name = {};
  /// Of each receiver's buffer, unless it subscribes with another. At least 1.
  channel_capacity capacity = 50;
  /// drop_oldest or wait, unless a receiver subscribes with another.
  levada::overflow overflow = levada::overflow::drop_oldest;
  /// A new receiver first gets the latest item.
  bool resend_latest = false;
  /// Closes when all receivers are gone, too.
  bool auto_close = false;
  /// Called with every item that a receiver loses, and with every item that no
  /// receiver was there for; on the thread that destroys it, never under a lock.
  /// Must not throw, nor must copying a T for it.
  std::function<void(T&&, dead_letter_reason)> on_dead_letter = {};
};

/// What make_broadcast returns: `auto [tx, rx] = …`.
template <class T>
struct broadcast_ends {
  broadcast_sender<T> tx;
  broadcast_receiver<T> rx;
};

/// From whose senders one can subscribe.
template <class S>
concept subscribable_sender = requires(const S& tx) {
  { tx.subscribe().receive() };
};
/// Whose copies send to the same place.
template <class S>
concept cloneable_sender = std::copy_constructible<S> && requires(const S& tx) {
  { tx.try_send(std::declval<typename S::value_type>()) };
};

namespace detail {

template <class T>
broadcast_ends<T> make_broadcast_in(engine& where,
                                    const broadcast_options<T>& given) {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>,
                "broadcasts carry objects: send a std::shared_ptr or a "
                "std::ref for a reference");
  static_assert(
    std::is_copy_constructible_v<T>,
    "every receiver of a broadcast gets its own copy: T must be "
    "copy-constructible (send a std::shared_ptr<const T> otherwise)");
  const subscription_setup usual{"", broadcast_capacity(given.capacity),
                                 broadcast_policy(given.overflow)};
  channel_setup setup;
  setup.type = &cell<broadcast_item<T>>::type;
  setup.name = given.name.c_str();
  setup.capacity = usual.capacity;
  auto& made = make_channel_core(where, setup);
  broadcast_sender<T> tx = handle_access::adopt<broadcast_sender<T>>(&made);
  made.uncount_receiver(); // (the hub counts those that subscribe)
  made.release();
  auto hub
    = std::make_unique<typed_hub<T>>(made, where, usual, given.auto_close,
                                     given.resend_latest, given.on_dead_letter);
  broadcast_hub::start(std::move(hub));
  auto rx = subscribe_to<T>(made, {});
  return {std::move(tx), std::move(rx)};
}

} // namespace detail

/// Makes a broadcast that lives in `home`, with its first receiver. Throws
/// channel_error(invalid_argument) for a capacity of 0, or negative or absurd,
/// and for a policy other than drop_oldest and wait. Cost: one channel, and one
/// more for each receiver.
template <class T>
broadcast_ends<T> make_broadcast(const runtime& home,
                                 const broadcast_options<T>& options = {}) {
  return detail::make_broadcast_in<T>(home.engine(), options);
}

/// The same in the runtime of the task that calls it.
template <class T>
broadcast_ends<T> make_broadcast(const broadcast_options<T>& options = {}) {
  return detail::make_broadcast_in<T>(
    detail::require_current_engine("make_broadcast"), options);
}

} // namespace levada
