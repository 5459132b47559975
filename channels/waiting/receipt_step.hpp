// send_and_wait, apart from how it is waited for: see step.hpp.
#pragma once

#include <levada/channels/waiting/step.hpp>

namespace levada::detail {

/// A send that ends when its item has been received. A full channel's policy
/// applies: `reject` hands the item back, `drop_incoming` drops it, and the
/// others drop another one for it (in enlist(), when it is certain to wait).
template <class T, class Result>
class receipt_step : public sending_step<T, receipt_node> {
public:
  using result_type = Result;
  static constexpr wait_reason reason = wait_reason::receipt;
  static constexpr wait_place place = wait_place::receipts;

  template <class... Args>
  explicit receipt_step(std::in_place_t, channel_core* channel, Args&&... args)
      : sending_step<T, receipt_node>(channel, std::forward<Args>(args)...) {
  }

  static bool settle_quickly() noexcept {
    return false;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }

  bool settle(wake_list& wakes, stray_list* strays) {
    auto& channel = *this->channel;
    if (!channel.is_open()) {
      this->result = outcome::closed;
    } else if (hand_over(channel, this->slot, typed_mover<cell<T>>{}, wakes)) {
      ++channel.sent;
      this->result = outcome::done;
    } else if (take_up_window(channel, this->slot, wakes)) {
      this->result = outcome::done;
    } else if (must_not_wait(channel) && channel.policy == overflow::reject) {
      full_ = true;
      this->result = outcome::closed;
    } else if (must_not_wait(channel)
               && (channel.policy == overflow::drop_incoming
                   || channel.count == 0)) {
      overflow_with(channel, this->slot, wakes, *strays);
      this->result = outcome::dropped;
    } else {
      return false;
    }
    return true;
  }

  void enlist(wake_list& wakes, stray_list& strays) {
    this->channel->enlist_for_receipt(*this, wakes, strays);
  }

  result_type finish(errc why) {
    if (this->result == outcome::done) {
      this->moved();
      return result_type{send_status::delivered};
    }
    if (this->result == outcome::dropped) {
      this->moved();
      return result_type{errc::dropped, send_status::dropped, this->channel};
    }
    this->channel->end_if_drained(); // it may have been the last one
    return this->template hand_back<result_type>(full_ ? errc::full : why);
  }

  void abandon() noexcept {
    if (this->buffered || this->result == outcome::done
        || this->result == outcome::dropped)
      this->moved();
  }

private:
  /// Full, and the policy says what to do then.
  static bool must_not_wait(const channel_core& channel) noexcept {
    return !channel.has_room() && channel.policy != overflow::wait;
  }

  bool full_ = false;
};

} // namespace levada::detail
