// receive_window: credit that an actor has granted, standing open in its channel.
//
// A sender that would have to wait finds it, and puts the item into the actor's
// hands itself, in its own thread: the send is complete, and the actor needs no
// turn for it. See docs/design/0011 for what that promises.
//
// Invariants, under the channel's lock
//  - A window that is enlisted has room; the one that took the last place leaves.
//  - An enlisted window's actor has a turn under way, or waits to receive here.
//    So what is put there is looked at; nobody is to be woken for it.
//  - Somebody waits to receive ⇒ that one has the next item, and no window.
//    There is room in the buffer ⇒ the next item goes there. What is buffered
//    goes into a window before what comes.
//  - A window is enlisted ⇒ nobody who brings an item waits to send.
//  - Several windows take turns.
#pragma once

#include <levada/actors/channel_core.hpp>

namespace levada::detail {

/// A part of a ring of cells, which its owner fills no more while it is enlisted.
struct receive_window : wait_node {
  receive_window() noexcept : wait_node(node_kind::window) {
  }

  /// The ring, and how many cells it has, of how many bytes.
  std::byte* cells = nullptr;
  std::uint32_t slots = 0;
  std::uint32_t cell_size = 0;
  /// Where the next item goes.
  std::uint32_t next_cell = 0;
  /// For how many more there is room.
  std::uint32_t room = 0;
  /// How many have come since it was opened.
  std::uint32_t came = 0;
};

/// Opens it, unless there is something to receive already, or nobody would wait
/// for it: for `room` items, the first at `from`. The lock is held.
LEVADA_API void open_window(channel_core& channel, receive_window& window,
                            std::uint32_t from, std::uint32_t room) noexcept;

/// Closes it, if it is open. How many have come. The lock is held.
LEVADA_API std::uint32_t close_window(channel_core& channel,
                                      receive_window& window) noexcept;

} // namespace levada::detail
