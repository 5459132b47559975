// broadcast_hub: what stands between the senders of a broadcast and the buffers
// of its receivers. The untyped half; publishing is in steps.hpp.
//
// The hub is itself a channel actor: its senders wait in its wait list, its lock
// is the hub's lock, closing it closes all receivers. Each receiver's buffer is
// a channel actor of its own, with a `subscription` attached to it.
//
// Invariants, under the hub's lock
//  - An item enters all receivers' buffers or none; so all receivers see the
//    items of all senders in one order.
//  - A sender waits ⇒ a receiver whose policy is to be waited for is full, and
//    its `room` node stands in its channel (or its callback is under way).
//  - A select that sends stands in the line with a broadcast_turn.
//  - Who is waited for loses nothing. Items enter a buffer from the hub, or come
//    back to the front of it (channel_core::put_back), without the hub's lock; so
//    what the hub knows of room may be too much. Therefore each item looks again
//    where it enters: the short way finds a full buffer and leaves the item to
//    publish(), which lets that buffer hold one more than fits, looks how much
//    room there is really, and so makes the next sender wait.
//  - The hub is closed ⇒ nobody enters the list any more, and whoever is in it
//    is about to be closed.
//
// Lock order: hub → receiver's channel. A receiver's channel tells the hub of
// room and of its end by a callback_waiter, that is after it was unlocked.
// Nobody destroys an item in a callback: what is dropped there is left to the
// sender that waits.
#pragma once

#include <cstdint>
#include <vector>

#include <levada/actors/channel_extras.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/channels/handle.hpp>
#include <levada/channels/result.hpp>

namespace levada::detail {

class broadcast_hub;
class broadcast_turn;
class subscription;

/// What is attached to the hub's channel and to each receiver's.
class broadcast_part : public channel_attachment {
public:
  virtual broadcast_hub& hub() noexcept = 0;
  virtual subscription* receiving() noexcept = 0;
};

/// The part attached to `core`, or null for a channel of no broadcast.
inline broadcast_part* part_of(const channel_core& core) noexcept {
  const auto* rare = core.rare();
  return rare == nullptr ? nullptr
                         : static_cast<broadcast_part*>(rare->attachment.get());
}

/// How one receiver takes part.
struct subscription_setup {
  const char* name = "";
  std::uint32_t capacity = 0;
  overflow policy = overflow::drop_oldest;
};

class LEVADA_API broadcast_hub : public broadcast_part {
public:
  broadcast_hub(channel_core& core, engine& where,
                const subscription_setup& usual, bool auto_close) noexcept;
  ~broadcast_hub() override;

  broadcast_hub& hub() noexcept override {
    return *this;
  }
  subscription* receiving() noexcept override {
    return nullptr;
  }

  /// Attaches `hub` to its channel: closing that now closes the receivers.
  static void start(std::unique_ptr<broadcast_hub> hub);

  /// A new receiver's channel, with one receiver handle counted; null when the
  /// hub is closed. Throws bad_alloc.
  channel_core* subscribe(const subscription_setup& setup);

  /// Of receivers that are told nothing else.
  const subscription_setup& usual() const noexcept {
    return usual_;
  }

  engine& home() const noexcept {
    return *where_;
  }

  std::size_t receiver_count() noexcept;
  void set_policy(subscription& which, overflow policy) noexcept;

  bool resends_latest() noexcept;
  void resend_latest(bool on) noexcept;

  /// Outside locks, by a party that may run user code: gives back what a closed
  /// hub keeps for receivers that cannot come any more.
  virtual void clean_up() noexcept = 0;

  // -- under the hub's lock ---------------------------------------------------

  struct member {
    channel_core* core;
    subscription* about;
    /// Its policy is to be waited for.
    bool waited_for;
  };

  /// Who comes now has to wait until others have sent.
  bool has_line() const noexcept {
    return !core.senders.empty() || turn_is_out_;
  }

  /// True when nobody has to be waited for; else the hub will be told of room.
  bool has_room_everywhere() noexcept {
    return waited_for_ == 0 || assured_ != 0 || all_have_room();
  }

  const std::vector<member>& members() const noexcept {
    return members_;
  }

  channel_core& core;

protected:
  /// Publishes the item of a sender that waited.
  virtual void publish_parked(wait_node& sender, wake_list& wakes) noexcept = 0;
  /// Gives a new receiver, whose channel has room, the latest item.
  virtual void give_latest(channel_core& to) noexcept = 0;
  /// The hook for what one receiver's channel destroys, or null.
  virtual dead_letter_sink* make_sink() = 0;

  /// So many items fit into the buffer of every receiver that is waited for, if
  /// none comes back to it; there can only be more room else. 0 when there are no
  /// receivers, or the latest item is still to be seen by one.
  std::uint32_t assured_ = 0;
  /// So many, the first of the list, had room when they were looked at, or need
  /// none; since then no item was published, so they have it still, if none came
  /// back to them.
  std::uint32_t roomy_ = 0;
  /// Whether new receivers first get the latest item.
  bool resends_latest_ = false;

private:
  friend class broadcast_turn;
  friend class subscription;

  struct teller : callback_waiter {
    explicit teller(broadcast_hub& hub) noexcept
        : callback_waiter(&teller::told),
          hub(hub) {
    }
    static void told(callback_waiter& self) noexcept;
    broadcast_hub& hub;
  };

  bool all_have_room() noexcept;
  bool enlist(subscription& added, wake_list& wakes);
  void unlist(subscription& gone) noexcept;
  bool take_out(subscription& gone) noexcept;
  void left(subscription& gone) noexcept;
  void close_if_deserted() noexcept;
  void room_at(subscription& where) noexcept;
  void close_receivers() noexcept;
  void pump(wake_list& wakes) noexcept;
  void give_turn(wait_node& place) noexcept;
  void tell_of_change(wake_list& wakes) noexcept;

  engine* const where_;
  const subscription_setup usual_;
  const bool auto_close_;
  std::vector<member> members_;
  /// How many of them are to be waited for.
  std::uint32_t waited_for_ = 0;
  /// A select that stood first in the line is about to send.
  bool turn_is_out_ = false;
  teller closing_teller_;
  wait_node closing_{node_kind::notice};
};

/// One receiver, as the hub sees it. Keeps the hub's memory.
class LEVADA_API subscription final : public broadcast_part {
public:
  static constexpr std::uint32_t unlisted = UINT32_MAX;

  subscription(broadcast_hub& hub, channel_core& core,
               overflow policy) noexcept;
  ~subscription() override;

  broadcast_hub& hub() noexcept override {
    return hub_;
  }
  subscription* receiving() noexcept override {
    return this;
  }

  /// Items dropped so far; guarded by the channel's lock.
  std::uint64_t lost = 0;

private:
  friend class broadcast_hub;

  struct teller : callback_waiter {
    teller(subscription& about, function told) noexcept
        : callback_waiter(told),
          about(about) {
    }
    static void has_room(callback_waiter& self) noexcept;
    static void has_ended(callback_waiter& self) noexcept;
    subscription& about;
  };

  broadcast_hub& hub_;
  channel_core& core_;
  /// drop_oldest or wait, when it enters the list.
  const overflow policy_;
  /// Place in the hub's list; guarded by the hub's lock.
  std::uint32_t place_ = unlisted;
  teller room_teller_;
  teller end_teller_;
  /// Among the channel's senders while the hub waits for room. `result` is
  /// `done` from the moment it was taken out until the callback has run.
  wait_node room_{node_kind::notice};
  /// Among those who wait for the channel's closing.
  wait_node end_{node_kind::notice};
};

/// Waits until the number of receivers differs from `seen`.
class LEVADA_API audience_step : public wait_node {
public:
  using result_type = receive_result<std::size_t>;
  static constexpr wait_reason reason = wait_reason::audience;
  static constexpr wait_place place = wait_place::receivers;

  /// `seen` is brought up to date when the wait has succeeded.
  audience_step(channel_core* channel, std::size_t& seen) noexcept
      : wait_node(node_kind::notice),
        channel(channel),
        count(seen),
        seen_(seen) {
  }

  static bool settle_quickly() noexcept {
    return false;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }
  bool settle(wake_list&, stray_list*) noexcept;
  void enlist() noexcept {
    channel->receivers.push_back(*this);
  }
  result_type finish(errc why);
  void abandon() noexcept {
  }

  channel_core* channel;
  /// The number it knows of.
  std::size_t count;
  /// It is another than at first.
  bool changed = false;

private:
  std::size_t& seen_;
};

} // namespace levada::detail
