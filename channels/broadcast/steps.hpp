// Sending to a broadcast as a step: waiting until its item can be published. Read
// hub.hpp and typed_hub.hpp first.
#pragma once

#include <utility>

#include <levada/actors/lone_channels.hpp>
#include <levada/channels/broadcast/typed_hub.hpp>

namespace levada::detail {

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

  /// Under the lock, taken by `seat`.
  [[gnu::always_inline]] bool settle_quickly(bias_seat& seat) noexcept {
    auto* hub = typed_hub<T>::of(*channel);
    if (hub == nullptr || !channel->is_open() || hub->has_line()
        || !hub->publish_quickly(*this, seat))
      return false;
    ++channel->sent;
    this->result = outcome::done;
    return true;
  }
  bool settle_quickly() noexcept {
    return settle_quickly(this_seat());
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
