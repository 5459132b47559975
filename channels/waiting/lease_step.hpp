// A lease, apart from how it is waited for: see step.hpp.
#pragma once

#include <levada/channels/leased.hpp>
#include <levada/channels/waiting/step.hpp>

namespace levada::detail {

template <class T, class Result>
class lease_step : public lease_node {
public:
  using result_type = Result;
  static constexpr wait_reason reason = wait_reason::receive;
  static constexpr wait_place place = wait_place::receivers;

  explicit lease_step(channel_core* channel)
      : lease_node(new lease_record{*channel}),
        channel(channel) {
  }

  static bool settle_quickly() noexcept {
    return false;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }

  bool settle(wake_list& wakes, stray_list*) {
    if (lease_book::lend(*channel, item_.storage(), record, wakes))
      result = outcome::done;
    else if (channel->is_drained())
      result = outcome::closed;
    else
      return false;
    return true;
  }

  void enlist() noexcept {
    slot = item_.storage();
    channel->receivers.push_back(*this);
  }

  result_type finish(errc why) {
    if (result != outcome::done)
      return result_type{why, channel};
    result = outcome::pending; // the item is not ours any more
    return result_type{
      lease_access::make<T>(std::exchange(record, nullptr), item_.storage())};
  }

  /// The frame goes away with an item lent to it.
  void abandon() noexcept {
    if (result == outcome::done)
      lease_book::give_back(item_.storage(), std::exchange(record, nullptr),
                            lease_end::unseen);
  }

  channel_core* channel;

private:
  cell_slot<T> item_;
};

} // namespace levada::detail
