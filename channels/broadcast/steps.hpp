// Publishing one item to all receivers of a broadcast, and waiting until that is
// possible. Read hub.hpp first.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

#include <levada/actors/lone_channels.hpp>
#include <levada/channels/broadcast/hub.hpp>
#include <levada/channels/broadcast/item.hpp>
#include <levada/channels/waiting/step.hpp>

namespace levada::detail {

/// A sender that waits at the hub, with its item and what sending it left over.
template <class T>
struct broadcast_node : wait_node {
  template <class... Args>
  explicit broadcast_node(Args&&... args)
      : wait_node(node_kind::value),
        item(std::in_place, std::forward<Args>(args)...) {
  }

  broadcast_leavings<T> leavings;
  /// Given away when `result` is done.
  broadcast_item<T> item;
  send_status status = send_status::queued;
};

/// What one receiver's channel destroys goes to the hook of all.
template <class T>
class broadcast_sink final : public dead_letter_sink {
public:
  explicit broadcast_sink(const broadcast_hook<T>& hook) noexcept
      : hook_(hook) {
  }
  void consume(void* item, dead_letter_reason why) noexcept override {
    auto& letter = cell<broadcast_item<T>>::item(item);
    mourn(hook_, letter, why);
    cell<broadcast_item<T>>::destroy(item);
  }

private:
  /// The hub's; the subscription beside this keeps the hub.
  const broadcast_hook<T>& hook_;
};

/// The typed half of the hub.
template <class T>
class typed_hub final : public broadcast_hub {
  using item_type = broadcast_item<T>;
  using item_cell = cell<item_type>;
  using mover = typed_mover<item_cell>;

public:
  typed_hub(channel_core& core, engine& where, const subscription_setup& usual,
            bool auto_close, bool resend_latest, broadcast_hook<T> hook)
      : broadcast_hub(core, where, usual, auto_close),
        hook_(std::move(hook)) {
    resends_latest_ = resend_latest;
  }
  ~typed_hub() override {
    forget_latest();
  }

  static typed_hub* of(const channel_core& core) noexcept {
    auto* part = part_of(core);
    return part == nullptr ? nullptr : static_cast<typed_hub*>(&part->hub());
  }

  /// Under the hub's lock, when there is room everywhere: the item of `from`
  /// enters every buffer. Throws bad_alloc, then nothing has happened.
  void publish(broadcast_node<T>& from, wake_list& wakes) {
    from.leavings.prepare(hook_, members().size() + 2);
    auto& item = from.item;
    auto served = static_cast<std::uint32_t>(members().size());
    item.add_references(served);
    std::uint32_t assured = UINT32_MAX;
    auto& seat = this_seat();
    for (const auto& each : members()) {
      auto& channel = *each.core;
      inner_seat_guard guard{channel.lock, seat};
      if (!channel.is_open()) [[unlikely]] {
        item.drop_references(1); // on its way out
        --served;
        continue;
      }
      cell_slot<item_type> copy;
      item.copy_counted(copy.storage());
      if (can_store_quickly(channel)) [[likely]]
        store_quickly(channel, copy.storage(), mover{});
      else
        deliver(each, copy.storage(), from.leavings, wakes);
      if (each.waited_for)
        assured = std::min(assured, std::min(channel.slots, channel.capacity)
                                      - channel.count);
    }
    assured_ = assured;
    keep(from, served != 0);
  }

  /// The everyday case, under the hub's lock: one receiver, which has room and
  /// does not wait. False: see publish().
  bool publish_quickly(broadcast_node<T>& from) noexcept {
    if (members().size() != 1 || assured_ == 0 || hook_)
      return false;
    auto& channel = *members().front().core;
    {
      inner_seat_guard guard{channel.lock, this_seat()};
      if (!can_store_quickly(channel))
        return false;
      from.item.add_references(1);
      from.item.copy_counted(channel.slot(channel.count, mover::size()));
      ++channel.count;
      ++channel.sent;
    }
    --assured_; // (or so many that it does not matter)
    keep(from, true);
    return true;
  }

  void clean_up() noexcept override {
    {
      spin_guard guard{core.lock};
      if (core.is_open())
        return;
    }
    forget_latest();
  }

private:
  /// Puts the item in `storage` into one receiver's hands or buffer.
  void deliver(const member& to, void* storage, broadcast_leavings<T>& leavings,
               wake_list& wakes) noexcept {
    auto& channel = *to.core;
    ++channel.sent;
    if (hand_over(channel, storage, mover{}, wakes))
      return;
    const bool fits = channel.has_room()
                      && (channel.count < channel.slots || channel.try_grow());
    if (!fits)
      drop_oldest(to, item_cell::item(storage), leavings);
    mover::relocate(channel.slot(channel.count, mover::size()), storage);
    ++channel.count;
  }

  static void drop_oldest(const member& of, item_type& incoming,
                          broadcast_leavings<T>& leavings) noexcept {
    auto& channel = *of.core;
    auto& oldest = item_cell::item(channel.slot(0, mover::size()));
    const auto lost = oldest.lagged + 1;
    leavings.add(std::move(oldest), dead_letter_reason::overflow);
    oldest.~item_type();
    channel.head = (channel.head + 1) & (channel.slots - 1);
    --channel.count;
    channel.count_dead_letters(1);
    ++of.about->lost;
    auto& next = channel.count == 0
                   ? incoming
                   : item_cell::item(channel.slot(0, mover::size()));
    next.lagged += lost;
  }

  /// Remembers the item just published, instead of the one before.
  void keep(broadcast_node<T>& from, bool served) noexcept {
    auto& leavings = from.leavings;
    if (latest_) {
      if (std::exchange(unseen_, false))
        miss(std::move(*latest_), leavings);
      else
        leavings.retire(std::move(*latest_));
    }
    from.status = served ? send_status::queued : send_status::dropped;
    ++core.received;
    if (!served && resends_latest_) {
      unseen_ = true; // it is not lost yet
    } else if (!served) {
      from.item.add_references(1);
      cell_slot<item_type> copy;
      from.item.copy_counted(copy.storage());
      miss(std::move(item_cell::item(copy.storage())), leavings);
      item_cell::destroy(copy.storage());
    }
    latest_.emplace(std::move(from.item));
  }

  /// Nobody was there for the item.
  void miss(item_type&& item, broadcast_leavings<T>& leavings) noexcept {
    --core.received;
    core.count_dead_letters(1);
    leavings.add(std::move(item), dead_letter_reason::no_receivers);
  }

  void publish_parked(wait_node& sender, wake_list& wakes) noexcept override {
    publish(static_cast<broadcast_node<T>&>(sender), wakes);
  }

  void give_latest(channel_core& to) noexcept override {
    if (!latest_)
      return;
    unseen_ = false;
    latest_->add_references(1);
    cell_slot<item_type> copy;
    latest_->copy_counted(copy.storage());
    store_quickly(to, copy.storage(), mover{});
  }

  dead_letter_sink* make_sink() override {
    return hook_ ? new broadcast_sink<T>(hook_) : nullptr;
  }

  void forget_latest() noexcept {
    broadcast_leavings<T> leavings;
    leavings.prepare(hook_, 1);
    spin_guard guard{core.lock};
    if (!latest_)
      return;
    if (std::exchange(unseen_, false))
      miss(std::move(*latest_), leavings);
    else
      leavings.retire(std::move(*latest_));
    latest_.reset();
  }

  const broadcast_hook<T> hook_;
  /// The last item sent; guarded by the hub's lock, as `unseen_`.
  std::optional<item_type> latest_;
  /// It was sent when there were no receivers, and waits for one.
  bool unseen_ = false;
};

/// Sends one item to all receivers, when there is room with those that are to be
/// waited for.
template <class T, class Result>
class broadcast_step : public broadcast_node<T> {
public:
  using result_type = Result;
  static constexpr wait_reason reason = wait_reason::send;
  static constexpr wait_place place = wait_place::senders;

  template <class... Args>
  explicit broadcast_step(std::in_place_t, channel_core* channel,
                          Args&&... args)
      : broadcast_node<T>(std::forward<Args>(args)...),
        channel(channel) {
  }

  bool settle_quickly() noexcept {
    auto* hub = typed_hub<T>::of(*channel);
    if (hub == nullptr || !channel->is_open() || hub->has_line()
        || !hub->publish_quickly(*this))
      return false;
    ++channel->sent;
    this->result = outcome::done;
    return true;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }

  bool settle(wake_list& wakes, stray_list*) {
    if (!channel->is_open()) {
      this->result = outcome::closed;
      return true;
    }
    auto* hub = typed_hub<T>::of(*channel);
    // (null for nil. Who waits already is not overtaken.)
    if (hub == nullptr || hub->has_line() || !hub->has_room_everywhere())
      return false;
    hub->publish(*this, wakes);
    ++channel->sent;
    this->result = outcome::done;
    return true;
  }

  void enlist() noexcept {
    ++channel->sent;
    channel->senders.push_back(*this);
  }

  result_type finish(errc why) {
    this->leavings.dispose();
    if (this->result == outcome::done)
      return result_type{this->status};
    if (why == errc::closed && channel == &detached_channel())
      why = errc::sender_closed;
    return result_type{why, std::move(this->item.value())};
  }

  void abandon() noexcept {
  }

  channel_core* channel;
};

} // namespace levada::detail
