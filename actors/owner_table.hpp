// The owners of one channel: who uses which end, and what of theirs is queued.
//
// Invariants
//  - A living owner that is a member of a table is told of by its owner_state,
//    and the other way round: dying visits every channel it is bound to.
//  - An item's tag names its sender's id. A member is admitted, and its item
//    buffered, under one hold of the channel's lock; dying marks the member under
//    it. So no item of a dead owner enters after the dead one's were treated.
//  - open_ends_ counts the ends in use; when it falls to 0 the channel closes.
//
// What a table and its members hold is guarded by the channel's lock, except
// where it says otherwise. Lock order: an owner's lock is taken without the
// channel's, and only retains channels.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <levada/actors/cell_type.hpp>
#include <levada/actors/channel_core.hpp>
#include <levada/actors/owner.hpp>
#include <levada/runtime/export.hpp>

namespace levada::detail {

/// What stands in a slot of an owned channel.
enum class owned_kind : std::uint8_t { value, unbound, error };

/// The beginning of every owned item; and of the storage in which a receiver
/// waits for one, to say who waits.
struct owned_tag {
  /// The owner; 0 for an item without a value.
  std::uint64_t owner = 0;
  owner_gone policy = owner_gone::keep;
  owned_kind kind = owned_kind::value;
};

/// One owner at one channel.
struct owned_member {
  owned_member(channel_core& where, std::shared_ptr<owner_state> who) noexcept
      : channel(where),
        who(std::move(who)) {
  }

  /// Valid while the table has this member, or a handle keeps the channel.
  channel_core& channel;
  const std::shared_ptr<owner_state> who;
  end_use send = end_use::unused;
  end_use receive = end_use::unused;
  /// Place in its owner's list; guarded by the owner's lock.
  std::size_t place = 0;
};

using member_pointer = std::shared_ptr<owned_member>;

/// An owner, behind its handles.
class LEVADA_API owner_state
    : public std::enable_shared_from_this<owner_state> {
public:
  /// A free-standing owner dies with its last handle.
  owner_state(std::string name, bool free_standing);
  owner_state(const owner_state&) = delete;
  owner_state& operator=(const owner_state&) = delete;

  const std::uint64_t id;
  const std::string name;
  const bool free_standing;

  bool gone() const noexcept {
    // acquire: pairs with end(); who sees it gone may not bind to it any more
    return gone_.load(std::memory_order_acquire);
  }

  /// Dies: visits all channels. False when it was gone.
  bool end() noexcept;

  void add_handle() noexcept {
    handles_.fetch_add(1, std::memory_order_relaxed);
  }
  void drop_handle() noexcept;

  /// Notes a member; false when the owner is gone.
  bool add(const member_pointer& member);
  void remove(owned_member& member) noexcept;

private:
  std::atomic<std::uint32_t> handles_{0};
  /// Guards the list, and setting gone_.
  std::mutex mutex_;
  std::atomic<bool> gone_{false};
  std::vector<member_pointer> members_;
};

class LEVADA_API owner_table {
public:
  /// Moves the item in `cell` to raw storage and leaves an unbound one.
  using split_function = void (*)(void* cell, void* taken) noexcept;

  owner_table(split_function split, owner_gone policy, unread_items unread)
      : policy(policy),
        split_(split),
        unread_(unread) {
  }
  ~owner_table();
  owner_table(const owner_table&) = delete;
  owner_table& operator=(const owner_table&) = delete;

  /// For sends that name none.
  const owner_gone policy;

  /// The member for `who`, bound now if it was not. Takes locks.
  static member_pointer join(channel_core& channel,
                             const std::shared_ptr<owner_state>& who);

  /// The same for the runtime whose task runs here; for the channel's own on a
  /// plain thread.
  static member_pointer join_current(channel_core& channel);

  /// Under the channel's lock: `member` is about to use an end. False when it
  /// must not any more.
  static bool admit(owned_member& member, bool sending) noexcept {
    const auto use = sending ? member.send : member.receive;
    return use == end_use::open || admit_first(member, sending);
  }

  /// The owner lets go of an end, or both. Takes locks; throws channel_closed.
  static void release(channel_core& channel,
                      const std::shared_ptr<owner_state>& who, channel_end end);

  /// `member`'s owner died. Takes locks.
  static void died(owned_member& member) noexcept;

  /// Everyone who was bound and lives. Takes locks.
  static std::vector<association> associations(channel_core& channel);

  /// Who uses `end`. Takes locks; throws channel_closed when that is closed.
  static std::vector<association> users(channel_core& channel, channel_end end);

private:
  static bool admit_first(owned_member& member, bool sending) noexcept;
  member_pointer find(std::uint64_t owner) const;
  void release_end(owned_member& member, bool sending, wake_list& wakes);
  void close_if_unowned(channel_core& channel, stray_list& strays,
                        wake_list& wakes);

  const split_function split_;
  const unread_items unread_;
  std::vector<member_pointer> members_;
  /// Ends in use, over all members.
  std::size_t open_ends_ = 0;
  /// Any end ever was used, or released.
  bool used_ = false;
};

/// What the typed layer and the registry need of an owner.
struct owner_access {
  static owner make(std::shared_ptr<owner_state> state) {
    return owner{std::move(state)};
  }
  /// Throws channel_error(invalid_argument) for nobody.
  LEVADA_API static const std::shared_ptr<owner_state>&
  state(const owner& owner, const char* operation);
};

/// The table of `channel`; throws channel_error(invalid_argument) when it was not
/// made to have owners.
LEVADA_API owner_table& require_owners(channel_core& channel,
                                       const char* operation);

} // namespace levada::detail
