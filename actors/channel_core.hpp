// channel_core: the channel itself, untyped and without CAF's headers.
//
// It is the body of a channel_actor. Local handles work on it directly; the
// algorithms that move items are in transfer.hpp, the slow and rare paths in
// channel_core.cpp.
//
// Invariants, under `lock`
//  - Items are buffered ⇒ nobody who could take one waits to receive.
//  - There is room, or an open window ⇒ nobody waits to send.
//  - Values and waiters are first in, first out; nobody overtakes.
//  - Closed ⇒ nobody waits to send; closed and drained ⇒ nobody waits at all.
//  - sent = received + lent + buffered + waiting to be sent + handed back
//         + dead-lettered.
//
// What may happen under the lock: moves of *quiet* items (see cell.hpp), memory
// for the buffer, claiming selects and sets. What may not: user code, CAF,
// waking. Lock order: channel → channel of higher address (select only);
// channel → select_set; registry shard → channel.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <source_location>

#include <levada/actors/burden.hpp>
#include <levada/actors/cell_type.hpp>
#include <levada/actors/channel_setup.hpp>
#include <levada/actors/close_record.hpp>
#include <levada/actors/closing.hpp>
#include <levada/actors/wait_queue.hpp>
#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/export.hpp>

namespace levada {

struct channel_info;

namespace detail {

class engine;
class task_frame;
class channel_directory;
class owner_table;
struct channel_extras;

/// Where a node is enlisted; `receipts`: among the senders at first, perhaps.
enum class wait_place : std::uint8_t { receivers, senders, receipts, closers };

class LEVADA_API channel_core {
public:
  static constexpr std::uint32_t unbounded = UINT32_MAX;
  static constexpr std::uint32_t max_capacity = 1U << 31;

  channel_core(const channel_core&) = delete;
  channel_core& operator=(const channel_core&) = delete;

  // -- the hot part: see transfer.hpp -----------------------------------------

  /// Guards everything that is not atomic.
  biased_lock lock;
  close_reason closed = close_reason::open;
  const overflow policy;
  /// True when the actor has been shown to CAF and must be ended when drained.
  bool exposed : 1 = false;
  /// True while there are open windows among the extras.
  bool windowed : 1 = false;
  /// What an exit message does. Never changes, but shares a byte with the above.
  exit_policy on_exit : 2;
  /// What a take must see to besides; bits of `burden`.
  std::uint8_t burdens = 0;
  const std::uint32_t capacity;
  /// Buffered items.
  std::uint32_t count = 0;
  /// Places promised to permits.
  std::uint32_t reserved = 0;
  /// Slot of the oldest item.
  std::uint32_t head = 0;
  /// Slots allocated: 0 or a power of two.
  std::uint32_t slots = 0;

private:
  std::atomic<std::uint32_t> sender_handles_{0};

public:
  std::byte* ring = nullptr;
  wait_queue receivers;
  wait_queue senders;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  const std::uint64_t id;

  bool is_open() const noexcept {
    return closed == close_reason::open;
  }

  bool has_room() const noexcept {
    return count + reserved < capacity || capacity == unbounded;
  }

  /// True when a receive can only fail for ever.
  bool is_drained() const noexcept {
    return !is_open() && count == 0 && reserved == 0
           && (burdens & burden::lent) == 0;
  }

  std::byte* slot(std::uint32_t position, std::uint32_t size) const noexcept {
    return ring + std::size_t{(head + position) & (slots - 1)} * size;
  }

  // -- identity ---------------------------------------------------------------

  const cell_type& type;

  const char* name() const noexcept;
  channel_info info();
  close_record record();

  // -- handles ----------------------------------------------------------------

  void add_sender() noexcept {
    sender_handles_.fetch_add(1, std::memory_order_relaxed);
  }
  void add_receiver() noexcept {
    receiver_handles_.fetch_add(1, std::memory_order_relaxed);
  }
  void drop_sender() noexcept {
    // acq_rel: the last one sees all that the others did through theirs
    if (sender_handles_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      last_sender_gone();
  }
  void drop_receiver() noexcept {
    if (receiver_handles_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      last_receiver_gone();
  }
  bool has_receivers() const noexcept {
    return receiver_handles_.load(std::memory_order_relaxed) != 0;
  }
  /// For channels that count receivers themselves: no closing, no release.
  void uncount_receiver() noexcept {
    receiver_handles_.fetch_sub(1, std::memory_order_relaxed);
  }
  /// As drop_sender, by whoever has closed the channel already.
  void leave_sending_end() noexcept;
  /// For weak handles: false when there is none left to copy.
  bool add_sender_if_any() noexcept;
  bool add_receiver_if_any() noexcept;

  /// A reference that keeps the memory, but no end open.
  void retain() noexcept;
  void release() noexcept;

  // -- slow paths, called without the lock ------------------------------------

  /// Closes, and tells CAF if that ended the channel.
  close_outcome close(const closing& how);

  /// As close(), without telling CAF: for code that CAF calls.
  close_outcome close_quietly(const closing& how);

  /// Ends the wait of `node`, if it still waits: for timers and stop tokens. A
  /// node that is not enlisted yet keeps the result and must not be enlisted.
  void withdraw(wait_node& node, wait_place where, outcome why,
                wake_list& wakes) noexcept;

  /// Ends the wait of `root`, which was cancelled, if it waits here.
  void cancel_wait(const task_frame* root) noexcept;

  /// Takes a node out whose frame goes away.
  void forget(wait_node& node, wait_place where) noexcept;

  /// Puts an item that was received back, to be the next one; whoever waits to
  /// receive gets it. Dropping: a dead letter. The slot is raw afterwards.
  void put_back(void* item) noexcept;

  /// As put_back(), of `count` items in their order: whoever waits to receive
  /// gets the first of them. Nobody else's receive comes in between.
  void put_back(item_row& items, std::uint32_t count) noexcept;

  void drop_permit() noexcept; ///< gives a reserved place back

  /// Tells CAF that the channel has ended, when it has and CAF knows it.
  void end_if_drained();
  /// As end_if_drained(), later and from a worker: for code that CAF may call.
  void end_soon();

  // -- slow paths, called with the lock held ----------------------------------

  /// The body of close_quietly().
  close_outcome close_locked(const closing& how, stray_list&, wake_list&);

  /// Makes room for one more slot; may throw bad_alloc, then nothing changed.
  void grow();

  /// As grow(); false instead of throwing.
  bool try_grow() noexcept;

  /// Frees a large buffer that has become empty.
  void shrink() noexcept;

  /// Wins `node` from whoever waits in several places; false: go on to the next.
  static bool claim_slow(wait_node& node, wake_list& wakes) noexcept;

  /// The queue behind a place (not for receipts).
  wait_queue& queue(wait_place where);

  /// Buffers the item of `node`, or enlists it as a sender where there is no
  /// room and the policy is to wait; else drops another item for it. May throw
  /// bad_alloc, then the node is not enlisted.
  void enlist_for_receipt(receipt_node& node, wake_list& wakes,
                          stray_list& strays);

  /// Drops the oldest or the newest buffered item, as the policy says. There is
  /// one.
  void drop_buffered(wake_list& wakes, stray_list& strays);

  /// Buffers the item of `node` and waits for its receipt. There is room, and a
  /// slot for it.
  void store_with_receipt(receipt_node& node) noexcept;

  /// The oldest item has left the buffer: sees to the burdens.
  void front_left(wake_list& wakes, outcome how) noexcept;

  /// Tells whoever waits for the receipt of the item just dropped at the end.
  void drop_last_receipt(wake_list& wakes) noexcept;

  /// Keeps, replaces or removes every buffered item as `how` says; what leaves
  /// goes back to a sender that waits for its receipt, else to `strays`. Order
  /// is kept, and waiting senders come in for what was removed.
  void sweep(item_judge& how, stray_list& strays, wake_list& wakes) noexcept;

  /// Ends the waits in `which` whose storage `how` would not keep, as `released`;
  /// a sender has its item back.
  void end_waits(wait_queue& which, item_judge& how, wake_list& wakes) noexcept;

  /// Wakes everyone who waits to receive with `closed`: nothing will come.
  void release_receivers(wake_list& wakes) noexcept;

  /// The rare part, made under the lock when it is first needed; may throw
  /// bad_alloc.
  channel_extras& extras();
  /// The same, or null.
  channel_extras* rare() const noexcept {
    const auto word = extras_.load(std::memory_order_acquire);
    return (word & 1) != 0 ? nullptr : reinterpret_cast<channel_extras*>(word);
  }

  dead_letter_sink* sink() const noexcept;
  /// Who owns what is sent here, or null: see owner_table.hpp.
  owner_table* owners() const noexcept;
  void count_dead_letters(std::uint64_t items) noexcept;
  void count_handed_back(std::uint64_t items) noexcept;

  /// The registry it stands in. Not of channels that stand for none.
  channel_directory& home() const noexcept;

protected:
  channel_core(const channel_setup& setup, std::uint64_t id);
  ~channel_core();

private:
  friend class channel_directory;

  void last_sender_gone() noexcept;
  void last_receiver_gone() noexcept;
  void note_closing(const closing& how) noexcept;
  std::source_location closed_by() const noexcept;
  void end_wait(wait_node& node, wait_place where, outcome why,
                wake_list& wakes) noexcept;
  void unsend(receipt_node& node) noexcept;
  void take_out(void* cell, receipt_node* receipt, item_judge* replacing,
                stray_list& strays, wake_list& wakes) noexcept;
  class receipt_walk;
  void keep_first(void* item, stray_list& strays) noexcept;
  void drain_into(stray_list& strays, dead_letter_reason why,
                  wake_list& wakes) noexcept;

  std::atomic<std::uint32_t> receiver_handles_{0};
  /// Milliseconds of the steady clock, modulo 2^32.
  std::uint32_t closed_at_ = 0;
  /// Name, hook, cause, receipts: what few channels have. The name is read
  /// without the lock: it never changes, but the extras may come later. 0, or a
  /// channel_extras*; or, odd: none, and the task function that closed it.
  std::atomic<std::uintptr_t> extras_{0};
  /// Next in the registry's bucket.
  channel_core* registered_next_ = nullptr;
};

/// Makes a channel in `where`: with one sender and one receiver handle counted.
LEVADA_API channel_core& make_channel_core(engine& where,
                                           const channel_setup& setup);

/// The channel of that id with one reference retained, or null.
LEVADA_API channel_core* find_channel(engine& where, std::uint64_t id) noexcept;

} // namespace detail
} // namespace levada
