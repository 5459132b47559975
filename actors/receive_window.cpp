#include <levada/actors/receive_window.hpp>

#include <utility>

#include <levada/actors/transfer.hpp>

namespace levada::detail {

namespace {

/// The raw cell for the next item, which is counted as received. A window is open.
void* next_cell(channel_core& channel) noexcept {
  auto& window = static_cast<receive_window&>(*channel.windows.front());
  auto* const cell
    = window.cells + std::size_t{window.next_cell} * window.cell_size;
  if (++window.next_cell == window.slots)
    window.next_cell = 0;
  ++window.came;
  ++channel.received;
  if (--window.room == 0)
    channel.windows.remove(window);
  else
    channel.windows.rotate();
  return cell;
}

/// Moves what is buffered into windows until there is room in the buffer.
void make_room(channel_core& channel, wake_list& wakes) noexcept {
  const erased_mover mover{channel.type};
  while (channel.count != 0 && !channel.has_room()
         && !channel.windows.empty()) {
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
  if (channel.has_room() || channel.windows.empty())
    return false;
  make_room(channel, wakes);
  if (channel.count != 0 || channel.has_room() || channel.windows.empty())
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
  channel.windows.push_back(window);
}

std::uint32_t close_window(channel_core& channel,
                           receive_window& window) noexcept {
  if (window.enlisted())
    channel.windows.remove(window);
  return std::exchange(window.came, 0);
}

} // namespace levada::detail
