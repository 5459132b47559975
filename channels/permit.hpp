// permit<T>: a place in a buffer, promised to one sender.
#pragma once

#include <levada/channels/handle.hpp>
#include <levada/channels/waiting/wait.hpp>

namespace levada {

template <class T>
class sender;

namespace detail {
template <class T>
class permit_step;
template <class Mover>
send_status use_permit(channel_core& channel, void* item, Mover mover,
                       wake_list& wakes);
} // namespace detail

/// The right to send one value without waiting. Dropping it gives the place
/// back. While it lives, a closed channel is not drained: the permit's value
/// is still taken.
template <class T>
class [[nodiscard]] permit {
public:
  permit() noexcept = default;
  permit(permit&& other) noexcept : keep_(std::move(other.keep_)) {
  }
  permit& operator=(permit&& other) noexcept {
    if (this != &other) {
      drop();
      keep_ = std::move(other.keep_);
    }
    return *this;
  }
  ~permit() {
    drop();
  }

  explicit operator bool() const noexcept {
    return static_cast<bool>(keep_);
  }

  /// Sends; never waits. Fails, with the value handed back, only when nobody is
  /// left to receive. Uses the permit up; throws channel_error(nil_channel)
  /// when it was used up before.
  send_result<T> send(T value) {
    if (!keep_)
      throw_error(make_error_code(errc::nil_channel),
                  "permit::send: used up or moved from");
    auto& channel = *detail::handle_access::core(keep_);
    using cell = detail::cell<T>;
    detail::full_cell<T> item{std::in_place, std::move(value)};
    auto how = send_status::failed;
    bool ended = false;
    {
      detail::wake_list wakes;
      detail::spin_guard guard{channel.lock};
      how = detail::use_permit(channel, item.storage(),
                               detail::typed_mover<cell>{}, wakes);
      ended = channel.is_drained();
    }
    if (ended)
      channel.end_if_drained();
    const auto done = std::move(keep_); // dropped after the place was used
    item.moved();
    if (how != send_status::failed)
      return send_result<T>{how};
    channel.drop_permit();
    return cell::take(item.storage(), [&channel](T&& back) {
      return send_result<T>{errc::closed, std::move(back), &channel};
    });
  }

private:
  template <class>
  friend class detail::permit_step;

  explicit permit(sender<T> keep) noexcept : keep_(std::move(keep)) {
  }

  void drop() noexcept {
    if (keep_)
      detail::handle_access::core(keep_)->drop_permit();
  }

  /// Keeps the channel open while the place is promised.
  sender<T> keep_;
};

/// Of `reserve`: a permit, or the channel is closed.
template <class T>
class [[nodiscard]] reserve_result
    : public detail::value_base<permit<T>, endpoint::sender> {
  using base = detail::value_base<permit<T>, endpoint::sender>;

public:
  explicit reserve_result(errc code,
                          detail::channel_core* where = nullptr) noexcept
      : base(code, where) {
  }
  explicit reserve_result(permit<T> value)
      : base(std::in_place, std::move(value)) {
  }

  bool full() const noexcept {
    return this->code() == errc::full;
  }
};

namespace detail {

/// Throws when a channel has no places to promise.
LEVADA_API void require_places(const channel_core& channel);

/// Under the lock: a place, or closed, or neither.
LEVADA_API bool settle_permit(channel_core& channel, wait_node& node) noexcept;

/// Waits for a place.
template <class T>
class permit_step : public wait_node {
public:
  using result_type = reserve_result<T>;
  static constexpr wait_reason reason = wait_reason::send;
  static constexpr wait_place place = wait_place::senders;

  permit_step(channel_core* channel, sender<T> keep)
      : wait_node(node_kind::permit),
        channel(channel),
        keep_(std::move(keep)) {
    require_places(*channel);
  }

  static bool settle_quickly() noexcept {
    return false;
  }
  static waiter* settle_with_partner() noexcept {
    return nullptr;
  }
  bool settle(wake_list&, stray_list*) noexcept {
    return settle_permit(*channel, *this);
  }

  void enlist() noexcept {
    channel->senders.push_back(*this);
  }

  result_type finish(errc why) {
    if (result != outcome::done)
      return result_type{why, channel};
    return result_type{permit<T>{std::move(keep_)}};
  }

  void abandon() noexcept {
    if (result == outcome::done)
      channel->drop_permit();
  }

  channel_core* channel;

private:
  sender<T> keep_;
};

/// Under the lock: puts an item into the place that was promised for it.
template <class Mover>
send_status use_permit(channel_core& channel, void* item, Mover mover,
                       wake_list& wakes) {
  if (channel.closed == close_reason::no_receivers
      || channel.closed == close_reason::killed)
    return send_status::failed;
  if (hand_over(channel, item, mover, wakes)) {
    --channel.reserved;
    ++channel.sent;
    // The place itself is free now.
    if (channel.is_open())
      refill(channel, mover, wakes);
    else if (channel.is_drained())
      channel.release_receivers(wakes);
    return send_status::delivered;
  }
  store(channel, item, mover);
  --channel.reserved;
  ++channel.sent;
  return send_status::queued;
}

} // namespace detail
} // namespace levada
