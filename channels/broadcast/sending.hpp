// A send to a broadcast as a case of select. Read turn.hpp first.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <levada/channels/broadcast/sender.hpp>
#include <levada/channels/broadcast/turn.hpp>
#include <levada/channels/select/in_rounds.hpp>

namespace levada {

/// `sending(tx, value)` to a broadcast: happens when no receiver has to be waited
/// for. As with a channel's, the value comes back in the result when the case
/// happens because the broadcast is closed, and is dropped with the select when
/// another case happens; it never reaches some receivers only.
template <class T>
using broadcast_send_case = basic_send_case<broadcast_sender<T>>;

template <class T, class U>
  requires std::constructible_from<T, U>
broadcast_send_case<T> sending(const broadcast_sender<T>& to, U&& value) {
  return broadcast_send_case<T>{to, T(std::forward<U>(value))};
}

namespace detail {

template <class T>
class broadcast_send_slot {
public:
  using result = send_result<T>;
  static constexpr bool on_channel = false;
  static constexpr bool in_rounds = true;

  broadcast_send_slot(select_claim&, std::uint32_t,
                      broadcast_send_case<T>& from)
      : step_(std::in_place, handle_access::sending(from.to()), from.value()),
        hub_(typed_hub<T>::of(*step_.channel)) {
  }
  ~broadcast_send_slot() {
    if (turn_)
      turn_->leave();
  }
  broadcast_send_slot(const broadcast_send_slot&) = delete;
  broadcast_send_slot& operator=(const broadcast_send_slot&) = delete;

  void join(select_engine::extra_cases&, std::uint32_t) const noexcept {
  }
  void wish(wish_list& list) {
    at_once_.reset();
    rung_.reset();
    first_ = list.next();
    if (is_ready())
      list.add(at_once_.emplace(list.claim(), first_));
    else if (hub_ == nullptr || list.extra().otherwise != select_engine::none)
      return; // nil, or nobody waits
    else if (comes())
      list.add(at_once_.emplace(list.claim(), first_));
    else
      list.add(rung_.emplace(list.claim(), first_, turn_->rung()));
  }
  bool wished(std::uint32_t index) const noexcept {
    return index == first_ && (at_once_ || rung_);
  }

  /// Sends, if that is still possible.
  bool look(std::uint32_t) {
    const bool stopped = rung_ && !rung_->finish();
    {
      wake_list wakes;
      spin_guard guard{step_.channel->lock};
      if (stopped || !step_.channel->is_open()) {
        step_.result = outcome::closed;
      } else if (may_publish() && hub_->has_room_everywhere()) {
        hub_->publish(step_, wakes);
        ++step_.channel->sent;
        step_.result = outcome::done;
      } else {
        return false;
      }
    }
    if (turn_)
      turn_->leave();
    return true;
  }

  std::optional<result> finish() {
    return step_.finish(errc::closed);
  }

private:
  bool may_publish() const noexcept {
    return turn_ ? turn_->may_publish() : !hub_->has_line();
  }

  bool is_ready() {
    spin_guard guard{step_.channel->lock};
    if (!step_.channel->is_open())
      return true;
    return hub_ != nullptr && may_publish() && hub_->has_room_everywhere();
  }

  bool comes() {
    if (!turn_)
      turn_ = std::make_shared<broadcast_turn>(*hub_);
    return turn_->comes();
  }

  broadcast_step<T, result> step_;
  typed_hub<T>* const hub_;
  /// Made when the case has to wait.
  std::shared_ptr<broadcast_turn> turn_;
  std::optional<ready_wish> at_once_;
  std::optional<receive_slot<unit>> rung_;
  std::uint32_t first_ = 0;
};

template <class T>
struct case_traits<broadcast_send_case<T>> {
  using slot = broadcast_send_slot<T>;
  static const void* identity(const broadcast_send_case<T>& to) noexcept {
    return handle_access::core(to.to());
  }
};

} // namespace detail
} // namespace levada
