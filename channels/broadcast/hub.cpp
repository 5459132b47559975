#include <levada/channels/broadcast/hub.hpp>

#include <utility>

#include <levada/channels/broadcast/sender.hpp>

namespace levada::detail {

// -- callbacks ----------------------------------------------------------------
// Whoever fires one holds a reference to the channel that tells, and that
// channel keeps the hub's.

void broadcast_hub::teller::told(callback_waiter& self) noexcept {
  static_cast<teller&>(self).hub.close_receivers();
}

void subscription::teller::has_room(callback_waiter& self) noexcept {
  auto& about = static_cast<teller&>(self).about;
  about.hub_.room_at(about);
}

void subscription::teller::has_ended(callback_waiter& self) noexcept {
  auto& about = static_cast<teller&>(self).about;
  about.hub_.left(about);
}

// -- subscription -------------------------------------------------------------

subscription::subscription(broadcast_hub& hub, channel_core& core,
                           overflow policy) noexcept
    : hub_(hub),
      core_(core),
      policy_(policy),
      room_teller_(*this, &teller::has_room),
      end_teller_(*this, &teller::has_ended) {
  room_.who = &room_teller_;
  end_.who = &end_teller_;
  hub.core.retain();
}

subscription::~subscription() {
  hub_.core.release();
}

// -- what receivers and senders ask for ---------------------------------------

std::uint32_t broadcast_capacity(channel_capacity given) {
  const auto capacity = given.checked();
  if (capacity == 0)
    throw_error(make_error_code(errc::invalid_argument),
                "broadcast: every receiver needs a buffer; give it a capacity "
                "of at least 1");
  return capacity;
}

overflow broadcast_policy(overflow given) {
  if (given != overflow::drop_oldest && given != overflow::wait)
    throw_error(make_error_code(errc::invalid_argument),
                "broadcast: a full receiver either loses its oldest item or is "
                "waited for; use overflow::drop_oldest or overflow::wait");
  return given;
}

void set_policy(const channel_core& receiving, overflow policy) {
  broadcast_policy(policy);
  auto* part = part_of(receiving);
  if (auto* which = part->receiving())
    part->hub().set_policy(*which, policy);
}

std::uint64_t lost_by(channel_core& receiving) noexcept {
  const auto* which = part_of(receiving)->receiving();
  spin_guard guard{receiving.lock};
  return which == nullptr ? 0 : which->lost;
}

channel_core* subscribe(const channel_core& of,
                        const subscribe_options& options) {
  auto& hub = part_of(of)->hub();
  auto setup = hub.usual();
  setup.name = options.name.c_str();
  if (options.capacity)
    setup.capacity = broadcast_capacity(*options.capacity);
  if (options.overflow)
    setup.policy = broadcast_policy(*options.overflow);
  return hub.subscribe(setup);
}

void broadcasting_end::drop(channel_core& core) noexcept {
  core.retain();
  core.drop_sender();
  if (auto* part = part_of(core))
    part->hub().clean_up();
  core.release();
}

// -- coming and going ---------------------------------------------------------

broadcast_hub::broadcast_hub(channel_core& core, engine& where,
                             const subscription_setup& usual,
                             bool auto_close) noexcept
    : core(core),
      where_(&where),
      usual_(usual),
      auto_close_(auto_close),
      closing_teller_(*this) {
  closing_.who = &closing_teller_;
}

broadcast_hub::~broadcast_hub() = default;

void broadcast_hub::start(std::unique_ptr<broadcast_hub> hub) {
  auto& self = *hub;
  spin_guard guard{self.core.lock};
  self.core.extras().attachment = std::move(hub);
  if (self.core.is_open()) // (else the runtime stops, and nobody can subscribe)
    self.core.queue(wait_place::closers).push_back(self.closing_);
}

channel_core* broadcast_hub::subscribe(const subscription_setup& setup) {
  {
    spin_guard guard{core.lock};
    if (!core.is_open())
      return nullptr;
  }
  channel_setup asked;
  asked.type = &core.type;
  asked.name = *setup.name == '\0' ? core.name() : setup.name;
  asked.capacity = setup.capacity;
  asked.sink = make_sink();
  auto& made = make_channel_core(*where_, asked);
  bool listed = false;
  try {
    auto part = std::make_unique<subscription>(*this, made, setup.policy);
    auto& added = *part;
    {
      spin_guard guard{made.lock};
      made.extras().attachment = std::move(part);
      made.grow(); // so that there is always a place to drop an item from
    }
    wake_list wakes;
    spin_guard guard{core.lock};
    listed = enlist(added, wakes);
  } catch (...) {
    made.drop_sender();
    made.drop_receiver();
    throw;
  }
  if (!listed) {
    const auto why = core.record();
    made.close({why.reason, why.cause});
    made.leave_sending_end();
  }
  return &made;
}

bool broadcast_hub::enlist(subscription& added, wake_list& wakes) {
  auto& channel = added.core_;
  if (!core.is_open())
    return false;
  const bool waited_for = added.policy_ == overflow::wait;
  members_.push_back({&channel, &added, waited_for});
  {
    spin_guard guard{channel.lock};
    if (!channel.is_open()) {
      members_.pop_back();
      return false;
    }
    channel.queue(wait_place::closers).push_back(added.end_);
    if (resends_latest_)
      give_latest(channel);
  }
  added.place_ = static_cast<std::uint32_t>(members_.size() - 1);
  waited_for_ += waited_for ? 1 : 0;
  assured_ = 0;
  core.add_receiver();
  tell_of_change(wakes);
  return true;
}

void broadcast_hub::unlist(subscription& gone) noexcept {
  const auto place = gone.place_;
  roomy_ = 0;
  waited_for_ -= members_[place].waited_for ? 1 : 0;
  members_[place] = members_.back();
  members_[place].about->place_ = place;
  members_.pop_back();
  if (members_.empty())
    assured_ = 0;
  gone.place_ = subscription::unlisted;
  core.uncount_receiver();
}

bool broadcast_hub::take_out(subscription& gone) noexcept {
  wake_list wakes;
  spin_guard guard{core.lock};
  if (gone.place_ == subscription::unlisted)
    return false; // the hub itself is closing it
  unlist(gone);
  tell_of_change(wakes);
  // Parked senders of a broadcast that is about to close get their items back.
  if (!auto_close_ || !members_.empty())
    pump(wakes);
  return true;
}

/// A receiver's channel has closed.
void broadcast_hub::left(subscription& gone) noexcept {
  auto& channel = gone.core_;
  if (!take_out(gone))
    return;
  core.retain(); // letting go of the channel may end `gone`, and its reference
  close_if_deserted();
  channel.leave_sending_end();
  core.release();
}

void broadcast_hub::close_if_deserted() noexcept {
  if (!auto_close_)
    return;
  {
    spin_guard guard{core.lock};
    if (!members_.empty() || !core.is_open())
      return;
  }
  // (A receiver that subscribes right now comes too late: it is closed with it.)
  core.close_quietly({close_reason::no_receivers});
  core.end_soon();
}

/// The hub's channel has closed.
void broadcast_hub::close_receivers() noexcept {
  std::vector<member> all;
  closing how{close_reason::open};
  core.retain();
  {
    spin_guard guard{core.lock};
    all.swap(members_);
    for (const auto& each : all) {
      each.about->place_ = subscription::unlisted;
      core.uncount_receiver();
    }
    waited_for_ = 0;
    assured_ = 0;
    roomy_ = 0;
    how.reason = core.closed;
    how.cause = core.rare()->cause;
  }
  for (const auto& each : all) {
    each.core->close_quietly(how);
    each.core->end_soon();
    each.core->leave_sending_end();
  }
  core.release();
}

// -- waiting for room ---------------------------------------------------------

bool broadcast_hub::all_have_room() noexcept {
  auto& seat = this_seat();
  for (; roomy_ < members_.size(); ++roomy_) {
    const auto& each = members_[roomy_];
    if (!each.waited_for)
      continue;
    auto& channel = *each.core;
    inner_seat_guard guard{channel.lock, seat};
    if (!channel.is_open())
      continue; // it is on its way out
    if (channel.has_room()
        && (channel.count < channel.slots || channel.try_grow()))
      continue;
    auto& room = each.about->room_;
    if (!room.enlisted() && room.result == outcome::pending)
      channel.senders.push_back(room);
    return false;
  }
  return true;
}

/// A receiver that was full is so no more, or has gone.
void broadcast_hub::room_at(subscription& where) noexcept {
  wake_list wakes;
  seat_guard guard{core.lock};
  {
    inner_seat_guard channel_guard{where.core_.lock, this_seat()};
    where.room_.result = outcome::pending;
    if (!where.core_.is_open())
      return; // left() is next, and knows what that means for who waits
  }
  pump(wakes);
}

void broadcast_hub::pump(wake_list& wakes) noexcept {
  while (auto* sender = core.senders.front()) {
    if (turn_is_out_ || !has_room_everywhere())
      return;
    core.senders.remove(*sender);
    if (sender->kind == node_kind::notice)
      give_turn(*sender);
    else
      publish_parked(*sender, wakes);
    sender->result = outcome::done;
    wakes.add(*sender->who);
  }
}

void broadcast_hub::set_policy(subscription& which, overflow policy) noexcept {
  wake_list wakes;
  spin_guard guard{core.lock};
  if (which.place_ != subscription::unlisted) {
    auto& entry = members_[which.place_];
    waited_for_ -= entry.waited_for ? 1 : 0;
    entry.waited_for = policy == overflow::wait;
    waited_for_ += entry.waited_for ? 1 : 0;
    assured_ = 0;
    roomy_ = 0;
  }
  pump(wakes);
}

// -- looking ------------------------------------------------------------------

std::size_t broadcast_hub::receiver_count() noexcept {
  spin_guard guard{core.lock};
  return members_.size();
}

bool broadcast_hub::resends_latest() noexcept {
  spin_guard guard{core.lock};
  return resends_latest_;
}

void broadcast_hub::resend_latest(bool on) noexcept {
  spin_guard guard{core.lock};
  resends_latest_ = on;
}

void broadcast_hub::tell_of_change(wake_list& wakes) noexcept {
  auto& waiting = core.receivers;
  auto* node = waiting.front();
  for (auto left = waiting.count(); left > 0; --left) {
    auto& step = static_cast<audience_step&>(*node);
    node = node->next;
    if (step.count == members_.size())
      continue;
    waiting.remove(step);
    step.count = members_.size();
    step.changed = true;
    step.result = outcome::done;
    wakes.add(*step.who);
  }
}

bool audience_step::settle(wake_list&, stray_list*) noexcept {
  auto* part = part_of(*channel);
  if (!channel->is_open()) {
    result = outcome::closed;
  } else if (part != nullptr && part->hub().members().size() != count) {
    count = part->hub().members().size();
    changed = true;
    result = outcome::done;
  }
  return result != outcome::pending;
}

audience_step::result_type audience_step::finish(errc why) {
  if (!changed) // (closing tells with `done`, too)
    return result_type{result == outcome::done ? errc::closed : why};
  seen_ = count;
  return result_type{std::in_place, count};
}

} // namespace levada::detail
