// Who waits at a channel: intrusive FIFO queues of wait nodes.
//
// A node lives in the frame (or on the stack) of the waiting operation and
// stands in at most one queue. Everything in it but `kind` and `who` is guarded
// by the channel's lock from the moment it is enlisted until its waiter has
// been woken; then it belongs to the operation again.
#pragma once

#include <cstdint>
#include <source_location>

#include <levada/runtime/error.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

/// How a wait ended.
enum class outcome : std::uint8_t {
  pending,   ///< not yet
  done,      ///< the value moved
  closed,    ///< the channel closed first
  timed_out, ///< the deadline passed first
  cancelled, ///< a stop token, or cancelling the task, came first
  dropped,   ///< the item was dropped by the overflow policy
  disowned,  ///< the item's owner is gone, and the item came back
  released,  ///< the owner of the wait is gone, or released the end
};

/// The errc of a wait that did not succeed.
inline errc errc_of(outcome how) noexcept {
  switch (how) {
    case outcome::timed_out:
      return errc::timed_out;
    case outcome::cancelled:
      return errc::cancelled;
    case outcome::disowned:
      return errc::owner_gone;
    case outcome::released:
      return errc::owner_released;
    case outcome::dropped:
      return errc::dropped;
    default:
      return errc::closed;
  }
}

/// What happens when a partner finds this node at the front of a queue.
enum class node_kind : std::uint8_t {
  value,   ///< the value moves, the waiter wakes
  select,  ///< the value moves if the select's claim word can be won
  set,     ///< the select_set is told, and takes the value if it waits
  notice,  ///< the waiter wakes, no value moves (ready, closing)
  permit,  ///< the waiter wakes with a reserved place (senders only)
  receipt, ///< the value moves, the waiter wakes when it has been received
  lease,   ///< the value moves and is lent
  window,  ///< never among those who wait: see receive_window.hpp
};

struct wait_node {
  explicit wait_node(node_kind kind) noexcept : kind(kind) {
  }
  wait_node(const wait_node&) = delete;
  wait_node& operator=(const wait_node&) = delete;

  bool enlisted() const noexcept {
    return next != nullptr;
  }

  /// Neighbours in a circular list; null when in none.
  wait_node* next = nullptr;
  union {
    wait_node* previous = nullptr;
    /// Until it is enlisted: the source line that waits.
    std::source_location line;
  };
  /// Whom to wake.
  waiter* who = nullptr;
  /// Raw storage: where a received item is to be put / the item to be sent.
  void* slot = nullptr;
  const node_kind kind;
  outcome result = outcome::pending;
};

/// A sender that waits until its item has been received.
struct receipt_node : wait_node {
  receipt_node() noexcept : wait_node(node_kind::receipt) {
  }

  /// True when the item is in the buffer, and the node among the receipts.
  bool buffered = false;
  /// Place in the order of leaving the buffer; see channel_extras::left.
  std::uint64_t position = 0;
};

/// Whether a waiting sender's withdrawal hands an item back.
inline bool brings_item(const wait_node& node) noexcept {
  return node.kind == node_kind::value || node.kind == node_kind::receipt;
}

class wait_queue {
public:
  bool empty() const noexcept {
    return first_ == nullptr;
  }

  wait_node* front() const noexcept {
    return first_;
  }

  wait_node* back() const noexcept {
    return first_ == nullptr ? nullptr : first_->previous;
  }

  void push_back(wait_node& node) noexcept {
    if (first_ == nullptr) {
      node.next = node.previous = &node;
      first_ = &node;
    } else {
      node.next = first_;
      node.previous = first_->previous;
      first_->previous->next = &node;
      first_->previous = &node;
    }
  }

  void remove(wait_node& node) noexcept {
    if (node.next == &node) {
      first_ = nullptr;
    } else {
      node.previous->next = node.next;
      node.next->previous = node.previous;
      if (first_ == &node)
        first_ = node.next;
    }
    node.next = nullptr;
  }

  /// Makes the first the last.
  void rotate() noexcept {
    first_ = first_->next;
  }

  /// How many wait; O(n), for info() and dump().
  std::uint32_t count() const noexcept {
    std::uint32_t result = 0;
    if (auto* node = first_)
      do {
        ++result;
        node = node->next;
      } while (node != first_);
    return result;
  }

  /// How many of them bring an item; O(n).
  std::uint32_t count_of_values() const noexcept {
    std::uint32_t result = 0;
    if (auto* node = first_)
      do {
        result += brings_item(*node) ? 1 : 0;
        node = node->next;
      } while (node != first_);
    return result;
  }

  /// The node of `who`, or null; O(n), for cancelling.
  wait_node* find(const waiter* who) const noexcept {
    if (auto* node = first_)
      do {
        if (node->who == who)
          return node;
        node = node->next;
      } while (node != first_);
    return nullptr;
  }

private:
  wait_node* first_ = nullptr;
};

} // namespace levada::detail
