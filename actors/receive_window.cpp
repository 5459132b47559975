#include <levada/actors/receive_window.hpp>

#include <new>
#include <utility>

#include <levada/actors/channel_extras.hpp>
#include <levada/actors/transfer.hpp>

namespace levada::detail {

namespace {

void remove(channel_core& channel, receive_window& window) noexcept {
  auto& windows = channel.rare()->windows;
  windows.remove(window);
  channel.windowed = !windows.empty();
}

/// The raw cell for the next item, which is counted as received. A window is open.
void* next_cell(channel_core& channel) noexcept {
  auto& windows = channel.rare()->windows;
  auto& window = static_cast<receive_window&>(*windows.front());
  auto* const cell
    = window.cells + std::size_t{window.next_cell} * window.cell_size;
  if (++window.next_cell == window.slots)
    window.next_cell = 0;
  ++window.came;
  ++channel.received;
  if (--window.room == 0)
    remove(channel, window);
  else
    windows.rotate();
  return cell;
}

/// Moves what is buffered into windows until there is room in the buffer.
void make_room(channel_core& channel, wake_list& wakes) noexcept {
  const erased_mover mover{channel.type};
  while (channel.count != 0 && !channel.has_room() && channel.windowed) {
    unstore(channel, next_cell(channel), mover, wakes);
    if (!channel.senders.empty()) // for a place: that comes first
      refill(channel, mover, wakes);
  }
}

} // namespace

offered offer_to_window(channel_core& channel, void* item,
                        wake_list& wakes) noexcept {
  if (take_up_window(channel, item, wakes))
    return offered::delivered;
  if (!channel.has_room())
    return offered::refused;
  store(channel, item, erased_mover{channel.type}); // where another one was
  ++channel.sent;
  return offered::queued;
}

bool take_up_window(channel_core& channel, void* item,
                    wake_list& wakes) noexcept {
  if (channel.has_room() || !channel.windowed)
    return false;
  make_room(channel, wakes);
  if (channel.count != 0 || channel.has_room() || !channel.windowed)
    return false;
  channel.type.relocate(next_cell(channel), item);
  ++channel.sent;
  return true;
}

void open_window(channel_core& channel, receive_window& window,
                 std::uint32_t from, std::uint32_t room) noexcept {
  if (room == 0 || !channel.is_open() || channel.policy != overflow::wait
      || channel.count != 0 || first_with_item(channel.senders) != nullptr)
    return;
  window.next_cell = from;
  window.room = room;
  try {
    channel.extras();
  } catch (const std::bad_alloc&) {
    return; // then the actor takes what comes in its own turn
  }
  channel.rare()->windows.push_back(window);
  channel.windowed = true;
}

std::uint32_t close_window(channel_core& channel,
                           receive_window& window) noexcept {
  if (window.enlisted())
    remove(channel, window);
  return std::exchange(window.came, 0);
}

} // namespace levada::detail
