// A channel as a sequential program: what the real one is held against.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "support.hpp"

namespace levada_tests {

/// A channel, said as simply as possible. Parked senders and receivers are
/// queues of numbers; whoever is done has a line in `done`.
class model {
public:
  model(std::size_t capacity, overflow policy)
      : capacity_(capacity),
        policy_(policy) {
  }

  struct sent {
    send_status status = send_status::failed;
    std::optional<int> displaced;
  };

  /// Without waiting.
  sent try_send(int item) {
    return offer(item, false);
  }

  sent force_send(int item) {
    auto result = try_send_as_wait(item);
    if (result.status != send_status::failed || closed_)
      return result;
    result = {send_status::queued, items_.front().value};
    if (items_.front().receipt)
      done[items_.front().value] = "dropped";
    items_.pop_front();
    items_.push_back({item, false});
    return result;
  }

  /// A task that sends item and parks where it must.
  void send(int item) {
    const auto now = try_send(item);
    if (now.status != send_status::failed)
      done[item] = "sent";
    else if (closed_ || policy_ == overflow::reject)
      done[item] = "back";
    else
      senders_.push_back({item, false});
  }

  void send_and_wait(int item) {
    const auto now = offer(item, true);
    if (now.status == send_status::delivered)
      done[item] = "sent";
    else if (now.status == send_status::dropped)
      done[item] = "dropped";
    else if (now.status != send_status::failed)
      return; // it is buffered, and waits for its receipt
    else if (closed_ || policy_ == overflow::reject)
      done[item] = "back";
    else
      senders_.push_back({item, true});
  }

  /// A task that receives and parks where it must; `who` is not an item.
  void receive(int who) {
    if (const auto item = try_receive())
      done[who] = std::to_string(*item);
    else if (closed_)
      done[who] = "closed";
    else
      receivers_.push_back(who);
  }

  std::optional<int> try_receive() {
    if (items_.empty() && senders_.empty())
      return {};
    refill(1);
    const auto first = items_.front();
    items_.pop_front();
    if (first.receipt)
      done[first.value] = "sent";
    refill(0);
    return first.value;
  }

  bool close() {
    if (std::exchange(closed_, true))
      return false;
    for (const auto& each : senders_)
      done[each.value] = "back";
    senders_.clear();
    for (const auto who : receivers_)
      done[who] = "closed";
    receivers_.clear();
    return true;
  }

  std::size_t size() const {
    return items_.size();
  }
  std::size_t waiting_senders() const {
    return senders_.size();
  }
  std::size_t waiting_receivers() const {
    return receivers_.size();
  }

  std::map<int, std::string> done;
  std::vector<int> dead;

private:
  struct item {
    int value;
    bool receipt;
  };

  sent offer(int item, bool receipt) {
    if (closed_)
      return {};
    if (!receivers_.empty()) {
      finish_receiver(item);
      return {send_status::delivered, {}};
    }
    if (items_.size() < capacity_) {
      items_.push_back({item, receipt});
      return {send_status::queued, {}};
    }
    if (policy_ == overflow::wait || policy_ == overflow::reject)
      return {};
    if (policy_ == overflow::drop_incoming) {
      dead.push_back(item);
      return {send_status::dropped, {}};
    }
    const auto victim = policy_ == overflow::drop_oldest
                          ? items_.begin()
                          : std::prev(items_.end());
    dead.push_back(victim->value);
    if (victim->receipt)
      done[victim->value] = "dropped";
    items_.erase(victim);
    items_.push_back({item, receipt});
    return {send_status::replaced, {}};
  }

  sent try_send_as_wait(int item) {
    const auto policy = std::exchange(policy_, overflow::wait);
    const auto result = try_send(item);
    policy_ = policy;
    return result;
  }

  void finish_receiver(int item) {
    done[receivers_.front()] = std::to_string(item);
    receivers_.pop_front();
  }

  /// Lets parked senders in while there is room, or `extra` more.
  void refill(std::size_t extra) {
    while (!senders_.empty()
           && (items_.size() < capacity_ || (items_.empty() && extra != 0))) {
      const auto first = senders_.front();
      senders_.pop_front();
      if (!first.receipt)
        done[first.value] = "sent";
      items_.push_back(first);
    }
  }

  std::size_t capacity_;
  overflow policy_;
  bool closed_ = false;
  std::deque<item> items_;
  std::deque<item> senders_;
  std::deque<int> receivers_;
};

} // namespace levada_tests
