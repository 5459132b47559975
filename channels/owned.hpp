// Owned channels: what CPython's interpreters.channels calls one. They know who
// sent each item, and what is to become of it when its sender dies.
//
// Characteristics
//   who receives       exactly one receiver per item, the one waiting longest
//   buffered           in order; unbounded unless a capacity is given
//   when full          a send waits
//   when an owner dies what it sent and nobody received is kept, replaced,
//                      turned into an error or removed, as each was sent to be;
//                      its parked sends fail (owner_released) and have their
//                      values back, its parked receives end likewise
//   when closed        sends fail; what is buffered is received, then closed
//   all senders, all receivers go, order: as any channel
//   last owner gone    the channel closes (owner_gone); what is unread then is
//                      dead letters, or stays, as `unread` says
//   cost               as any channel, and a handle that is bound to no owner
//                      looks its runtime up, in a list of the channel's owners;
//                      an owner's death costs one pass over each of its channels
//
// Who owns   An operation is its handle's owner's: tx.owned_by(o) binds a handle.
//            Unbound handles act for the runtime whose task uses them, and for
//            the channel's own runtime on a plain thread.
// Uses       An owner is *associated* with an end from its first send (receive)
//            there that is not refused; also one that waits, or finds nothing.
//            owners(end) lists these. release() ends an association, for good.
// Counts     An item that takes a dead one's place counts as sent, and as
//            received or dead-lettered when it goes: stats() stay balanced.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <levada/channels/owned/select.hpp>

namespace levada {

template <class T>
struct owned_channel_options {
  /// Shown by dump() and to CAF.
  std::string name = {};
  channel_capacity capacity = unbounded;
  /// What becomes of an item whose owner dies, unless its send says otherwise.
  levada::owner_gone owner_gone = levada::owner_gone::keep;
  /// What becomes of what is unread when the last owner goes.
  unread_items unread = unread_items::drop;
  /// Called with every value that is destroyed without being received, and why;
  /// on the thread that destroys it, never under a lock. Must not throw.
  std::function<void(T&&, dead_letter_reason)> on_dead_letter = {};
};

/// What make_owned_channel returns: `auto [tx, rx] = …`.
template <class T>
struct owned_channel_ends {
  owned_sender<T> tx;
  owned_receiver<T> rx;
};

namespace detail {

template <class T>
owned_channel_ends<T>
make_owned_channel_in(engine& where, const owned_channel_options<T>& given) {
  static_assert(std::is_object_v<T> && !std::is_const_v<T>
                  && std::is_move_constructible_v<T>,
                "channels carry objects that can be moved");
  using item = owned_item<T>;
  std::unique_ptr<dead_letter_sink> sink;
  if (given.on_dead_letter)
    sink = std::make_unique<typed_sink<item>>(
      [call = given.on_dead_letter](item&& letter, dead_letter_reason why) {
        if (letter.kind == owned_kind::value)
          call(letter.take(), why);
      });
  channel_setup setup;
  setup.type = &cell<item>::type;
  setup.name = given.name.c_str();
  setup.capacity = given.capacity.checked();
  auto owners = std::make_unique<owner_table>(&item::split, given.owner_gone,
                                              given.unread);
  setup.sink = sink.release();
  setup.owners = owners.release();
  auto& made = make_channel_core(where, setup);
  return {owned_access::make<owned_sender<T>>(
            handle_access::adopt<sender<item>>(&made)),
          owned_access::make<owned_receiver<T>>(
            handle_access::adopt<receiver<item>>(&made))};
}

} // namespace detail

/// Makes an owned channel that lives in `home`. Default: unbounded, and items
/// outlive their owners. Throws channel_error(invalid_argument) for a negative or
/// absurd capacity.
template <class T>
owned_channel_ends<T> make_owned_channel(const runtime& home,
                                         const owned_channel_options<T>& options
                                         = {}) {
  return detail::make_owned_channel_in<T>(home.engine(), options);
}

/// The same in the runtime of the task that calls it.
template <class T>
owned_channel_ends<T> make_owned_channel(const owned_channel_options<T>& options
                                         = {}) {
  return detail::make_owned_channel_in<T>(
    detail::require_current_engine("make_owned_channel"), options);
}

} // namespace levada
