// The typed half of a broadcast's hub: publishing one item to all receivers. Read
// hub.hpp first.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>

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
        hook_(std::move(hook)),
        tells_(hook_ != nullptr) {
    resends_latest_ = resend_latest;
  }
  ~typed_hub() override {
    forget_latest();
  }

  /// The hub a sender's channel stands for; null for nil and detached ones.
  static typed_hub* of(const channel_core& sending) noexcept {
    return static_cast<typed_hub*>(part_of(sending));
  }

  /// Under the hub's lock, when there is room everywhere: the item of `from`
  /// enters every buffer, those before `reached_` excepted. Throws bad_alloc, then
  /// nothing has happened (nor had publish_quickly() begun).
  void publish(broadcast_node<T>& from, wake_list& wakes) {
    from.leavings.prepare(hook_, members().size() + 2);
    auto& item = from.item;
    auto served = count_of_members();
    auto have_it = std::exchange(reached_, 0);
    item.add_references(served - have_it);
    std::uint32_t assured = UINT32_MAX;
    auto& seat = this_seat();
    for (const auto& each : members()) {
      const bool has_it = have_it != 0;
      have_it -= has_it ? 1 : 0;
      auto& channel = *each.core;
      inner_seat_guard guard{channel.lock, seat};
      if (!channel.is_open()) [[unlikely]] {
        if (has_it)
          continue;
        item.drop_references(1); // on its way out
        --served;
        continue;
      }
      if (!has_it)
        deliver(each, item, from.leavings, wakes);
      if (each.waited_for)
        assured = std::min(assured, places_left(channel));
    }
    assured_ = served != 0 ? assured : 0;
    roomy_ = 0;
    keep(from, served != 0);
  }

  /// The everyday case, under the hub's lock: all receivers have room, and none
  /// waits. False: nothing has happened, or `reached_` says how far it went; then
  /// there is room everywhere, and publish() must do the rest under the same hold
  /// of the lock. (Nothing of that rest throws or runs out of memory: without a
  /// hook no letters are kept.)
  [[gnu::always_inline]] bool publish_quickly(broadcast_node<T>& from,
                                              bias_seat& seat) noexcept {
    if (assured_ == 0 || tells_) [[unlikely]]
      return false;
    from.item.add_references(count_of_members());
    for (const auto& each : members()) {
      auto& channel = *each.core;
      channel.lock.lock_inside(seat);
      if (!can_store_quickly(channel)) [[unlikely]] {
        channel.lock.unlock_inside(seat);
        reached_ = static_cast<std::uint32_t>(&each - members().data());
        from.item.drop_references(count_of_members() - reached_);
        return false;
      }
      from.item.copy_counted(channel.slot(channel.count, mover::size()));
      ++channel.count;
      ++channel.sent;
      channel.lock.unlock_inside(seat);
    }
    --assured_; // (or so many that it does not matter)
    roomy_ = 0;
    if (latest_)
      from.leavings.retire(std::move(*latest_));
    remember(from);
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
  std::uint32_t count_of_members() const noexcept {
    return static_cast<std::uint32_t>(members().size());
  }

  /// Puts a copy of `item` into one receiver's hands or buffer.
  void deliver(const member& to, const item_type& item,
               broadcast_leavings<T>& leavings, wake_list& wakes) noexcept {
    auto& channel = *to.core;
    cell_slot<item_type> copy;
    auto* const storage = copy.storage();
    item.copy_counted(storage);
    ++channel.sent;
    if (hand_over(channel, storage, mover{}, wakes))
      return;
    // (One that is waited for is full only by what came back since it was looked
    // at. It loses nothing by that: it holds one more, and then it is waited for.)
    const bool fits = (channel.has_room() || to.waited_for)
                      && (channel.count < channel.slots || channel.try_grow());
    if (!fits)
      drop_oldest(to, item_cell::item(storage), leavings);
    mover::relocate(channel.slot(channel.count, mover::size()), storage);
    if (++channel.count > channel.capacity)
      channel.burdens |= burden::overfull;
  }

  /// For so many items there is a place already. None, when more is buffered than
  /// fits.
  static std::uint32_t places_left(const channel_core& channel) noexcept {
    const auto places = std::min(channel.slots, channel.capacity);
    return places - std::min(places, channel.count);
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
    if (!served && resends_latest_) {
      unseen_ = true; // it is not lost yet
    } else if (!served) {
      from.item.add_references(1);
      cell_slot<item_type> copy;
      from.item.copy_counted(copy.storage());
      miss(std::move(item_cell::item(copy.storage())), leavings);
      item_cell::destroy(copy.storage());
    }
    remember(from);
  }

  void remember(broadcast_node<T>& from) noexcept {
    ++core.received;
    if constexpr (broadcasts_inline<T>)
      latest_.emplace(std::in_place, from.item.value());
    else
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
  /// There is one.
  const bool tells_;
  /// So many receivers, the first of the list, have the item that is about to be
  /// published; 0 between two holds of the hub's lock.
  std::uint32_t reached_ = 0;
  /// The last item sent; guarded by the hub's lock, as `unseen_`.
  std::optional<item_type> latest_;
  /// It was sent when there were no receivers, and waits for one.
  bool unseen_ = false;
};

} // namespace levada::detail
