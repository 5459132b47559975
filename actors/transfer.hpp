// How items move: the two algorithms every send and every receive runs, under
// the channel's lock.
//
// They are templates over how one item is moved, so that the typed handles
// inline a move and select (untyped) calls it through a pointer.
#pragma once

#include <levada/actors/channel_core.hpp>
#include <levada/actors/lease.hpp>

namespace levada::detail {

/// What became of an offered item.
enum class offered : std::uint8_t {
  delivered, ///< a waiting receiver has it
  queued,    ///< it is buffered
  replaced,  ///< it is buffered, and another item was dropped for it
  dropped,   ///< it was dropped
  refused,   ///< no room: the item is still where it was
  closed,    ///< closed: the item is still where it was
};

/// Moves items of a type known at run time only.
class erased_mover {
public:
  explicit erased_mover(const cell_type& type) noexcept : type_(type) {
  }
  void relocate(void* to, void* from) const noexcept {
    type_.relocate(to, from);
  }
  std::uint32_t size() const noexcept {
    return type_.size;
  }

private:
  const cell_type& type_;
};

/// Moves items of type Cell.
template <class Cell>
class typed_mover {
public:
  static void relocate(void* to, void* from) noexcept {
    Cell::relocate(to, from);
  }
  static constexpr std::uint32_t size() noexcept {
    return Cell::size;
  }
};

/// True when `node`, just removed from its queue, may be served.
inline bool claim(wait_node& node, wake_list& wakes) noexcept {
  if (node.kind == node_kind::value) [[likely]]
    return true;
  return channel_core::claim_slow(node, wakes);
}

/// 1 for a sender that has not been counted: a select's case counts as sent when
/// it happens, every other sender when it is enlisted.
inline std::uint32_t counts_late(const wait_node& node) noexcept {
  return node.kind == node_kind::select ? 1 : 0;
}

/// Puts an item at the end of the buffer. There is room; may throw bad_alloc,
/// then nothing has changed.
template <class Mover>
void store(channel_core& channel, void* item, Mover mover) {
  if (channel.count == channel.slots) [[unlikely]]
    channel.grow();
  mover.relocate(channel.slot(channel.count, mover.size()), item);
  ++channel.count;
}

/// Gives an item to the first receiver that waits; false when none does.
template <class Mover>
bool hand_over(channel_core& channel, void* item, Mover mover,
               wake_list& wakes) noexcept {
  while (auto* node = channel.receivers.front()) {
    channel.receivers.remove(*node);
    if (!claim(*node, wakes))
      continue;
    mover.relocate(node->slot, item);
    node->result = outcome::done;
    ++channel.received;
    if (node->kind != node_kind::value) [[unlikely]]
      lease_book::served(*node);
    wakes.add(*node->who);
    return true;
  }
  return false;
}

/// Drops an item to make room, or the offered one: the slow half of offer().
LEVADA_API offered overflow_with(channel_core& channel, void* item,
                                 wake_list& wakes, stray_list& strays);

/// offer() where there is no room, but an open window: see receive_window.hpp.
LEVADA_API offered offer_to_window(channel_core& channel, void* item,
                                   wake_list& wakes) noexcept;

/// Puts the item into an open window, or makes room in the buffer by one: false.
LEVADA_API bool take_up_window(channel_core& channel, void* item,
                               wake_list& wakes) noexcept;

/// Sends without waiting.
template <class Mover>
offered offer(channel_core& channel, void* item, Mover mover,
              wake_list& wakes) {
  if (!channel.is_open()) [[unlikely]]
    return offered::closed;
  if (hand_over(channel, item, mover, wakes)) {
    ++channel.sent;
    return offered::delivered;
  }
  if (!channel.has_room()) {
    if (!channel.windowed) [[likely]]
      return offered::refused;
    return offer_to_window(channel, item, wakes);
  }
  store(channel, item, mover);
  ++channel.sent;
  return offered::queued;
}

/// Lets waiting senders into the room there is.
template <class Mover>
void refill(channel_core& channel, Mover mover, wake_list& wakes) noexcept {
  while (channel.has_room()) {
    auto* node = channel.senders.front();
    if (node == nullptr)
      return;
    if (channel.count == channel.slots && !channel.try_grow()) [[unlikely]]
      return; // out of memory: they wait on, the next receive tries again
    channel.senders.remove(*node);
    if (!claim(*node, wakes))
      continue;
    if (node->kind == node_kind::receipt) [[unlikely]] {
      channel.store_with_receipt(static_cast<receipt_node&>(*node));
      continue;
    }
    if (node->kind == node_kind::permit)
      ++channel.reserved;
    else
      store(channel, node->slot, mover);
    channel.sent += counts_late(*node);
    node->result = outcome::done;
    wakes.add(*node->who);
  }
}

/// Takes the oldest item out of the buffer, which holds one; `how` is what its
/// sender is told, if that waits for the receipt.
template <class Mover>
void unstore(channel_core& channel, void* into, Mover mover, wake_list& wakes,
             outcome how = outcome::done) noexcept {
  mover.relocate(into, channel.slot(0, mover.size()));
  channel.head = (channel.head + 1) & (channel.slots - 1);
  --channel.count;
  if (channel.burdens != 0) [[unlikely]]
    channel.front_left(wakes, how);
}

/// The first waiting sender that brings an item. (One that waits for a place, or
/// to be told of one, must not hold up a receiver: the two would wait for each
/// other.)
inline wait_node* first_with_item(const wait_queue& senders) noexcept {
  auto* const first = senders.front();
  auto* node = first;
  while (
    node != nullptr
    && (node->kind == node_kind::permit || node->kind == node_kind::notice))
    node = node->next == first ? nullptr : node->next;
  return node;
}

/// Receives without waiting; false when there is nothing to receive.
template <class Mover>
bool take(channel_core& channel, void* into, Mover mover,
          wake_list& wakes) noexcept {
  if (channel.count != 0) {
    unstore(channel, into, mover, wakes);
    ++channel.received;
    if (!channel.senders.empty())
      refill(channel, mover, wakes);
    return true;
  }
  while (auto* node = first_with_item(channel.senders)) {
    channel.senders.remove(*node);
    if (!claim(*node, wakes))
      continue;
    mover.relocate(into, node->slot);
    channel.sent += counts_late(*node);
    node->result = outcome::done;
    ++channel.received;
    wakes.add(*node->who);
    return true;
  }
  return false;
}

// -- the everyday cases, in a few instructions each ---------------------------
// They are what offer() and take() would do when nobody waits at either end, so
// that nobody is to be woken, and no memory is needed.

inline bool can_store_quickly(const channel_core& channel) noexcept {
  return channel.is_open() && channel.receivers.empty()
         && channel.count < channel.slots
         && channel.count + channel.reserved < channel.capacity;
}

template <class Mover>
void store_quickly(channel_core& channel, void* item, Mover mover) noexcept {
  mover.relocate(channel.slot(channel.count, mover.size()), item);
  ++channel.count;
  ++channel.sent;
}

inline bool can_take_quickly(const channel_core& channel) noexcept {
  return channel.count != 0 && channel.senders.empty() && channel.is_open()
         && channel.burdens == 0;
}

template <class Mover>
void take_quickly(channel_core& channel, void* into, Mover mover) noexcept {
  mover.relocate(into, channel.slot(0, mover.size()));
  channel.head = (channel.head + 1) & (channel.slots - 1);
  --channel.count;
  ++channel.received;
}

/// Hands an item to the first receiver, if that waits for nothing else. Whom to
/// wake, or null. (An open channel with waiting receivers holds no items.)
template <class Mover>
waiter* hand_to_partner(channel_core& channel, void* item,
                        Mover mover) noexcept {
  auto* node = channel.receivers.front();
  if (node == nullptr || node->kind != node_kind::value || !channel.is_open())
    return nullptr;
  channel.receivers.remove(*node);
  mover.relocate(node->slot, item);
  node->result = outcome::done;
  ++channel.sent;
  ++channel.received;
  return node->who;
}

/// Receives while a plain sender waits, and lets that one in. Whom to wake, or
/// null.
template <class Mover>
waiter* take_from_partner(channel_core& channel, void* into,
                          Mover mover) noexcept {
  auto* node = channel.senders.front();
  if (node == nullptr || node->kind != node_kind::value || channel.burdens != 0)
    return nullptr;
  if (channel.count == 0) {
    mover.relocate(into, node->slot);
  } else {
    // The head goes out and the sender's item in at the end: one slot each.
    mover.relocate(into, channel.slot(0, mover.size()));
    channel.head = (channel.head + 1) & (channel.slots - 1);
    mover.relocate(channel.slot(channel.count - 1, mover.size()), node->slot);
  }
  channel.senders.remove(*node);
  node->result = outcome::done;
  ++channel.received;
  return node->who;
}

/// The everyday waits: offer() would be refused, take() would find nothing.
inline bool must_wait_to_send(const channel_core& channel) noexcept {
  return channel.is_open() && channel.receivers.empty() && !channel.has_room()
         && !channel.windowed && channel.policy == overflow::wait;
}

inline bool must_wait_to_receive(const channel_core& channel) noexcept {
  return channel.is_open() && channel.count == 0 && channel.senders.empty();
}

} // namespace levada::detail
