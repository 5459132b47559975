// One operation on one channel, apart from how it is waited for.
//
// A step knows how to try (under the channel's lock), where to enlist, and how
// to make its result. wait.hpp waits for any step: as a task or as a thread,
// with or without a deadline and a stop token. So each operation is written
// once, and so is each way of waiting.
//
// A step owns its item: while it is enlisted, `slot` points to it.
#pragma once

#include <new>
#include <utility>

#include <levada/actors/transfer.hpp>
#include <levada/channels/result.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada::detail {

template <class T, class Result>
class receive_step : public wait_node {
public:
  using result_type = Result;
  static constexpr wait_reason reason = wait_reason::receive;
  static constexpr wait_place place = wait_place::receivers;

  explicit receive_step(channel_core* channel) noexcept
      : wait_node(node_kind::value),
        channel(channel) {
  }

  /// Under the lock: the everyday case, which wakes nobody.
  [[gnu::always_inline]] bool settle_quickly() noexcept {
    if (!can_take_quickly(*channel))
      return false;
    take_quickly(*channel, item_.storage(), typed_mover<cell<T>>{});
    result = outcome::done;
    return true;
  }

  /// Under the lock: the next most frequent case. Whom to wake, or null.
  [[gnu::always_inline]] waiter* settle_with_partner() noexcept {
    if (channel->senders.empty())
      return nullptr;
    auto* who
      = take_from_partner(*channel, item_.storage(), typed_mover<cell<T>>{});
    if (who != nullptr)
      result = outcome::done;
    return who;
  }

  /// Under the lock: the everyday wait. True when settle() would be false.
  bool must_wait() const noexcept {
    return must_wait_to_receive(*channel);
  }

  /// Under the lock. True: it is settled, and `result` says how.
  bool settle(wake_list& wakes, stray_list*) noexcept {
    if (detail::take(*channel, item_.storage(), typed_mover<cell<T>>{}, wakes))
      result = outcome::done;
    else if (channel->is_drained())
      result = outcome::closed;
    else
      return false;
    return true;
  }

  /// Under the lock, after settle() was false.
  void enlist() noexcept {
    slot = item_.storage();
    channel->receivers.push_back(*this);
  }

  result_type finish(errc why) {
    if (result != outcome::done)
      return result_type{why, channel};
    result = outcome::pending; // the item is not ours any more
    return cell<T>::take(item_.storage(), [](T&& item) {
      return result_type{std::in_place, std::move(item)};
    });
  }

  /// The frame goes away with an item delivered to it.
  void abandon() noexcept {
    if (result != outcome::done)
      return;
    stray_list strays{cell<T>::type};
    spin_guard guard{channel->lock};
    --channel->received;
    channel->count_dead_letters(1);
    strays.add(item_.storage(), dead_letter_reason::abandoned, channel->sink());
  }

  channel_core* channel;

private:
  cell_slot<T> item_;
};

struct value_node : wait_node {
  value_node() noexcept : wait_node(node_kind::value) {
  }
};

/// What the steps that bring an item share.
template <class T, class Node>
class sending_step : public Node {
public:
  template <class... Args>
  explicit sending_step(channel_core* channel, Args&&... args)
      : channel(channel) {
    cell<T>::make(item_.storage(), std::forward<Args>(args)...);
    this->slot = item_.storage();
  }
  ~sending_step() {
    if (this->slot != nullptr)
      cell<T>::destroy(this->slot);
  }

  /// The frame goes away while it waits, or before it learnt that it succeeded.
  void abandon() noexcept {
    if (this->result == outcome::done)
      moved();
  }

  channel_core* channel;

protected:
  /// The channel took the item.
  void moved() noexcept {
    this->slot = nullptr;
  }

  template <class Result>
  Result hand_back(errc why) {
    auto* storage = std::exchange(this->slot, nullptr);
    return cell<T>::take(storage, [this, why](T&& item) {
      return Result{why, std::move(item), channel};
    });
  }

private:
  cell_slot<T> item_;
};

template <class T, class Result>
class send_step : public sending_step<T, value_node> {
public:
  using result_type = Result;
  static constexpr wait_reason reason = wait_reason::send;
  static constexpr wait_place place = wait_place::senders;

  template <class... Args>
  explicit send_step(std::in_place_t, channel_core* channel, Args&&... args)
      : sending_step<T, value_node>(channel, std::forward<Args>(args)...) {
  }

  [[gnu::always_inline]] bool settle_quickly() noexcept {
    if (!can_store_quickly(*this->channel))
      return false;
    store_quickly(*this->channel, this->slot, typed_mover<cell<T>>{});
    this->result = outcome::done;
    return true;
  }

  waiter* settle_with_partner() noexcept {
    auto* who
      = hand_to_partner(*this->channel, this->slot, typed_mover<cell<T>>{});
    if (who != nullptr) {
      this->result = outcome::done;
      status_ = send_status::delivered;
    }
    return who;
  }

  bool must_wait() const noexcept {
    return must_wait_to_send(*this->channel);
  }

  bool settle(wake_list& wakes, stray_list* strays) {
    auto how = offer(*this->channel, this->slot, typed_mover<cell<T>>{}, wakes);
    if (how == offered::refused && this->channel->policy != overflow::wait)
      [[unlikely]] {
      if (this->channel->policy != overflow::reject)
        how = overflow_with(*this->channel, this->slot, wakes, *strays);
      else
        full_ = true;
    }
    switch (how) {
      case offered::delivered:
        status_ = send_status::delivered;
        break;
      case offered::queued:
        status_ = send_status::queued;
        break;
      case offered::replaced:
        status_ = send_status::replaced;
        break;
      case offered::dropped:
        status_ = send_status::dropped;
        break;
      case offered::refused:
        if (!full_)
          return false;
        [[fallthrough]];
      case offered::closed:
        this->result = outcome::closed;
        return true;
    }
    this->result = outcome::done;
    return true;
  }

  void enlist() noexcept {
    ++this->channel->sent;
    status_ = send_status::queued;
    this->channel->senders.push_back(*this);
  }

  result_type finish(errc why) {
    if (this->result == outcome::done) {
      this->moved();
      return result_type{status_};
    }
    return this->template hand_back<result_type>(full_ ? errc::full : why);
  }

private:
  send_status status_ = send_status::queued;
  bool full_ = false;
};

/// Enlists a step; some drop another item to have a place to wait in.
template <class Step>
void enlist(Step& step, wake_list& wakes, stray_list& strays) {
  if constexpr (requires { step.enlist(wakes, strays); })
    step.enlist(wakes, strays);
  else
    step.enlist();
}

} // namespace levada::detail
