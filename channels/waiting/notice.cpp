#include <levada/channels/waiting/notice.hpp>

#include <levada/channels/permit.hpp>
#include <levada/runtime/directory.hpp>

namespace levada::detail {

namespace {

/// True when a receive would find an item, now.
bool has_item(const channel_core& channel) noexcept {
  return channel.count != 0 || first_with_item(channel.senders) != nullptr;
}

} // namespace

bool ready_step::settle(wake_list&, stray_list*) noexcept {
  if (has_item(*channel))
    result = outcome::done;
  else if (channel->is_drained())
    result = outcome::closed;
  return result != outcome::pending;
}

void ready_step::enlist() noexcept {
  channel->receivers.push_back(*this);
}

bool ready_step::finish(errc) const noexcept {
  if (result != outcome::done)
    return false;
  // Whoever told us may have told of the closing.
  spin_guard guard{channel->lock};
  return has_item(*channel) || !channel->is_drained();
}

bool closing_step::settle(wake_list&, stray_list*) noexcept {
  if (!channel->is_open())
    result = outcome::done;
  return result != outcome::pending;
}

void closing_step::enlist() {
  channel->queue(wait_place::closers).push_back(*this);
}

bool closing_step::finish(errc) const noexcept {
  return result == outcome::done;
}

void require_places(const channel_core& channel) {
  if (channel.capacity == 0 && channel.id < first_nil_id)
    throw_error(make_error_code(errc::invalid_argument),
                "reserve: a rendezvous channel has no places to promise; give "
                "it a capacity");
}

bool settle_permit(channel_core& channel, wait_node& node) noexcept {
  if (!channel.is_open()) {
    node.result = outcome::closed;
  } else if (channel.has_room()) {
    ++channel.reserved;
    node.result = outcome::done;
  }
  return node.result != outcome::pending;
}

bool is_closed_for_sending(channel_core& channel) noexcept {
  spin_guard guard{channel.lock};
  return !channel.is_open();
}

bool is_drained(channel_core& channel) noexcept {
  spin_guard guard{channel.lock};
  return channel.is_drained();
}

} // namespace levada::detail
