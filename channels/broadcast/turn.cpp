#include <levada/channels/broadcast/turn.hpp>

#include <utility>

namespace levada::detail {

broadcast_turn::broadcast_turn(broadcast_hub& hub)
    : callback_waiter(&broadcast_turn::told),
      hub_(hub),
      bell_(make_channel_in<unit>(hub.home(),
                                  {.name = hub.core.name(), .capacity = 1})) {
  place_.who = this;
  hub_.core.retain();
}

broadcast_turn::~broadcast_turn() {
  hub_.core.release();
}

bool broadcast_turn::comes() {
  spin_guard guard{hub_.core.lock};
  if (!hub_.core.is_open())
    return true;
  if (may_publish() && hub_.has_room_everywhere())
    return true;
  if (std::exchange(given_, false)) // a receiver came, and has no room
    hub_.turn_is_out_ = false;
  if (!keep_) {
    keep_ = shared_from_this();
    place_.result = outcome::pending;
    hub_.core.senders.push_back(place_);
  }
  return false;
}

void broadcast_turn::leave() noexcept {
  std::shared_ptr<broadcast_turn> last;
  wake_list wakes;
  spin_guard guard{hub_.core.lock};
  if (place_.enlisted()) {
    hub_.core.senders.remove(place_);
    last = std::move(keep_);
  }
  if (std::exchange(given_, false)) {
    hub_.turn_is_out_ = false;
    hub_.pump(wakes);
  }
}

/// It is its turn; or the hub has closed.
void broadcast_turn::told(callback_waiter& waiter) noexcept {
  auto& self = static_cast<broadcast_turn&>(waiter);
  std::shared_ptr<broadcast_turn> last;
  {
    spin_guard guard{self.hub_.core.lock};
    last = std::move(self.keep_);
  }
  (void)self.bell_.tx.try_send(unit{});
}

void broadcast_hub::give_turn(wait_node& place) noexcept {
  static_cast<broadcast_turn&>(*place.who).given_ = true;
  turn_is_out_ = true;
}

} // namespace levada::detail
