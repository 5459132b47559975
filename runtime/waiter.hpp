// Who can wait, and how it is woken.
//
// A `waiter` is a party that can be parked: a task or an OS thread; or one that
// is told instead of woken (callback_waiter).
// Whoever completes what it waits for does so under the lock of the thing
// waited on, adds it to a `wake_list`, and fires the list after unlocking.
//
// Invariants
//  - A waiter is completed exactly once per park, hence it stands in at most
//    one wake_list at a time: one intrusive link is enough.
//  - After `wake()` the waiter may be gone: nothing of it is touched afterwards.
//  - Waking never runs user code: it queues a task or signals a thread.
#pragma once

#include <cstdint>

#include <levada/runtime/export.hpp>

namespace levada {

/// What a parked party waits for; what `dump()` prints. Only ever grows.
enum class wait_reason : std::uint8_t {
  nothing,  ///< running, or queued to run
  receive,  ///< a value from a channel
  send,     ///< room in a channel, or a receiver
  receipt,  ///< the receipt of one sent value
  ready,    ///< a channel that has something to receive
  closing,  ///< the closing of a channel
  select,   ///< one of several cases
  set,      ///< any member of a select_set
  sleep,    ///< a point in time
  join,     ///< the end of a task or of a scope's children
  blocking, ///< a function on a blocking thread
  forever,  ///< a nil channel: only cancelling ends this
  audience, ///< another number of receivers of a broadcast
};

/// The word `dump()` prints for `reason`.
LEVADA_API const char* to_string(wait_reason reason) noexcept;

namespace detail {

struct waiter {
  enum class party : std::uint8_t { task, thread, callback };

  explicit waiter(party kind) noexcept : kind(kind) {
  }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  /// Link in the wake_list, and afterwards in the scheduler's hands.
  waiter* next_woken = nullptr;
  /// Which of the parties this is; never changes.
  const party kind;

protected:
  ~waiter() = default;
};

/// A party that does not sleep: waking it calls `told`, on the waking thread and
/// outside the lock of the thing waited on. As waking never runs user code, nor
/// does `told`; it may take locks, and may wake others.
struct callback_waiter : waiter {
  using function = void (*)(callback_waiter& self) noexcept;

  explicit callback_waiter(function told) noexcept
      : waiter(party::callback),
        told(told) {
  }

  const function told;
};

/// Lets `who` run again. Not under a lock that scheduling could take.
LEVADA_API void wake(waiter& who) noexcept;

/// Collects whom to wake while locks are held; wakes them when it goes out of
/// scope, so declare it before the lock guard.
class [[nodiscard]] wake_list {
public:
  wake_list() = default;
  wake_list(const wake_list&) = delete;
  wake_list& operator=(const wake_list&) = delete;
  ~wake_list() {
    if (head_ != nullptr)
      fire();
  }

  void add(waiter& who) noexcept {
    who.next_woken = nullptr;
    if (head_ == nullptr)
      head_ = &who;
    else
      tail_->next_woken = &who;
    tail_ = &who;
  }

  /// Wakes everyone collected, in the order they were added: the first few each
  /// for itself, the rest as a crowd, whose tasks are queued by the hundred.
  LEVADA_API void fire() noexcept;

private:
  static constexpr int few = 8;

  waiter* head_ = nullptr;
  waiter* tail_ = nullptr;
};

} // namespace detail
} // namespace levada
