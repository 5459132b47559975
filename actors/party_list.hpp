// Who uses channels without being a task: actors that receive or send. For
// dump(), and for who judges a deadlock: an actor may yet be woken by a message.
#pragma once

#include <atomic>
#include <cstdint>
#include <iosfwd>
#include <mutex>
#include <string>

namespace levada::detail {

/// One of them. It leaves its list before it goes.
struct party {
  /// "actor 7 "bank": receives from channel 3 "orders"".
  std::string text;
  /// False: its turn has come, or is under way.
  std::atomic<bool> waits{false};

  party* next = nullptr;
  party* previous = nullptr;
};

class party_list {
public:
  void add(party& who) noexcept {
    const std::lock_guard guard{mutex_};
    who.previous = nullptr;
    who.next = first_;
    if (first_ != nullptr)
      first_->previous = &who;
    first_ = &who;
    count_.fetch_add(1, std::memory_order_relaxed);
  }

  void remove(party& who) noexcept {
    const std::lock_guard guard{mutex_};
    (who.previous == nullptr ? first_ : who.previous->next) = who.next;
    if (who.next != nullptr)
      who.next->previous = who.previous;
    // release: what it woke before is seen by whoever sees it gone
    count_.fetch_sub(1, std::memory_order_release);
  }

  bool empty() const noexcept {
    // acquire: pairs with remove()
    return count_.load(std::memory_order_acquire) == 0;
  }

  /// One line each.
  void print(std::ostream& out) const;

private:
  mutable std::mutex mutex_;
  party* first_ = nullptr;
  std::atomic<std::uint32_t> count_{0};
};

} // namespace levada::detail
