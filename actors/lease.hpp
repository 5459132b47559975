// Lending: items that have left a channel's buffer, and may come back.
//
// A lent item is settled once: by an ack, which makes it received; or by coming
// back, to the front of the channel. With it travels a `lease_record`: in the
// lease while the item is out, in the channel's book while it lies in the buffer
// again. Channels that lend nothing have no book, and pay nothing for it.
//
// Invariants, under the channel's lock
//  - The first `returned` items in the buffer are those with a record, and
//    `first` lists their records in the same order.
//  - They stand in the order in which they were first lent, whatever order they
//    came back in; so one that comes back is put among them, and moves as many
//    items by one place as stand before it.
//  - What has no record leaves the buffer only when no returned item is in it,
//    except by a policy that drops the newest.
//  - channel_core::received counts the lent items, too; info() does not.
//  - While items are lent a closed channel is not drained, unless nothing may
//    come back into it (burden::dropping).
//  - Coming back needs no memory but a slot: the record is there already.
#pragma once

#include <cstdint>
#include <string>

#include <levada/actors/wait_queue.hpp>
#include <levada/runtime/export.hpp>

namespace levada::detail {

class channel_core;

/// What is known about one item that has been lent.
struct lease_record {
  explicit lease_record(channel_core& lender) noexcept : lender(lender) {
  }

  channel_core& lender;
  /// The order in which items were first lent; 0: it was put back otherwise.
  std::uint64_t place = 0;
  /// How often it was lent, this time included.
  std::uint32_t deliveries = 0;
  /// What the last nack said.
  std::string reason;
  /// The next one in the book.
  lease_record* next = nullptr;
};

/// Somebody who waits for a lease. (A select's case has a record of its own.)
struct lease_node : wait_node {
  explicit lease_node(lease_record* record) noexcept
      : wait_node(node_kind::lease),
        record(record) {
  }
  ~lease_node() {
    delete record;
  }

  /// Owned. When the wait has succeeded: the item's.
  lease_record* record;
};

/// How a lease ends that is not acked.
enum class lease_end : std::uint8_t {
  returned, ///< dropped, or nacked: it comes back
  rejected, ///< nobody is to see it again
  unseen,   ///< its holder went before it could look: it comes back uncounted
};

/// What a channel keeps about its lent items; in the extras.
struct LEVADA_API lease_book {
  lease_record* first = nullptr;
  std::uint32_t returned = 0;
  std::uint32_t lent = 0;
  std::uint64_t last_place = 0;
  /// An item lent that often does not come back; 0: it always does.
  std::uint32_t most = 0;

  // -- under the lock ---------------------------------------------------------

  /// Lends the next item, if there is one: it goes to `into`, and what is known
  /// of it to `record`. May throw bad_alloc, then nothing has changed. Afterwards a
  /// node may be enlisted.
  static bool lend(channel_core& channel, void* into, lease_record* record,
                   wake_list& wakes);

  /// A waiter has got an item that was never lent: where it leases, it is now.
  static void served(wait_node& node) noexcept;

  /// One more is in the buffer, before all that have receipts.
  static void came_back(channel_core& channel) noexcept;
  /// The item at the front has left the buffer.
  static void first_left(channel_core& channel) noexcept;
  /// The item at the end has left the buffer.
  static void last_left(channel_core& channel) noexcept;
  /// All have.
  static void all_left(channel_core& channel) noexcept;

  /// An item that was no lease's was put before those that came back; false:
  /// out of memory, and nothing has changed. Before the buffer changes.
  static bool put_first(channel_core& channel) noexcept;

  // -- without it -------------------------------------------------------------

  /// The item is received. Takes the record.
  static void acknowledge(lease_record* record) noexcept;

  /// The item in `cell` goes to whoever waits, to the front of the buffer, or to
  /// the dead-letter hook. Takes the record; the cell is raw afterwards.
  static void give_back(void* cell, lease_record* record,
                        lease_end how) noexcept;
};

} // namespace levada::detail
