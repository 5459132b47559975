// actor_work: work that runs in a CAF actor's own context, between its messages
// and whatever its behavior is.
//
// How it gets there: CAF keeps handlers for responses beside the behavior, by
// request id, each for one response. The work is the handler of an id that no
// request has; whoever wants it to run posts an empty response with that id. So
// become(), unbecome(), default handlers and skipping do not touch it; a request
// that is awaited holds it up, as all that is not awaited; an exception takes the
// way of an exception from a behavior; and the actor lives while it stands there.
//
// Invariants
//  - CAF drops its handlers when the actor quits or is cleaned up, for any
//    reason. A handler that goes without having run is how the work learns that
//    its actor has ended; nothing is attached to the actor.
//  - turn() and abandoned() run in the actor's context, one at a time, but
//    abandoned() inside of turn() when what turn() calls quits.
//  - The bell holds the actor, the actor's handler the work, the work the bell:
//    a ring that end() opens, and the end of the actor calls abandoned().
//  - A wait holds the bell, not the work: who tells late finds an actor.
#pragma once

#include <atomic>
#include <cstdint>
#include <system_error>
#include <utility>

#include <caf/fwd.hpp>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/waiter.hpp>

namespace levada::detail {

/// Wakes one work of one actor: the party that waits for it. Counted.
class LEVADA_API actor_bell final : public callback_waiter {
public:
  /// One reference is the caller's.
  explicit actor_bell(caf::scheduled_actor& self);

  /// Before a wait begins: whoever ends the wait must tell us, or the caller
  /// takes it back with not_told().
  void expect() noexcept;
  void not_told() noexcept;
  /// True from expect() until told, or taken back.
  bool expected() const noexcept {
    // acquire: pairs with told(), which is over with our link
    return expected_.load(std::memory_order_acquire);
  }

  /// Lets the actor run the work; from anywhere.
  void ring() noexcept;
  /// The same at a point in time; in the actor's context.
  void ring_at(time_point when);

  caf::scheduled_actor& self() const noexcept {
    return *self_;
  }
  std::uint64_t message_id() const noexcept {
    return id_;
  }
  void release() noexcept;

private:
  ~actor_bell();
  static void told(callback_waiter& self) noexcept;

  caf::scheduled_actor* const self_;
  /// Of the response.
  const std::uint64_t id_;
  std::atomic<std::uint32_t> references_{1};
  std::atomic<bool> expected_{false};
};

/// Where the response's handler stands among the actor's.
enum class response_order : std::uint8_t {
  multiplexed, ///< as `then`: messages come in between
  awaited,     ///< as `await`: all else waits for it
};

/// Counted; made in the actor's context.
class LEVADA_API actor_work {
public:
  explicit actor_work(caf::scheduled_actor& self);
  actor_work(const actor_work&) = delete;
  actor_work& operator=(const actor_work&) = delete;

  void retain() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept {
    // acq_rel: whoever destroys it sees what the others did
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }

protected:
  virtual ~actor_work();

  /// What is to be done.
  virtual void turn() = 0;
  /// The actor has ended, or quits.
  virtual void abandoned() noexcept = 0;

  /// Prepares for one turn, which ring() then starts; before ring().
  void arm(response_order order = response_order::multiplexed);

  /// Null after let_go().
  actor_bell* bell() const noexcept {
    return bell_;
  }
  /// Nothing more to do: lets go of the actor. A handler that stands there
  /// uselessly is cleared away by one more ring, unless the actor has ended.
  void let_go(bool clear) noexcept;

private:
  struct armed;

  std::atomic<std::uint32_t> references_{1};
  actor_bell* bell_;
};

/// A counted way to a work.
template <class Work>
class work_ptr {
public:
  work_ptr() noexcept = default;
  /// Takes over a reference.
  explicit work_ptr(Work* adopted) noexcept : work_(adopted) {
  }
  work_ptr(const work_ptr& other) noexcept : work_(other.work_) {
    if (work_ != nullptr)
      work_->retain();
  }
  work_ptr(work_ptr&& other) noexcept
      : work_(std::exchange(other.work_, nullptr)) {
  }
  work_ptr& operator=(work_ptr other) noexcept {
    std::swap(work_, other.work_);
    return *this;
  }
  ~work_ptr() {
    if (work_ != nullptr)
      work_->release();
  }

  Work* get() const noexcept {
    return work_;
  }
  Work* operator->() const noexcept {
    return work_;
  }
  explicit operator bool() const noexcept {
    return work_ != nullptr;
  }

private:
  Work* work_ = nullptr;
};

/// True while a response is await()ed there: nothing else is to run.
LEVADA_API bool awaits_response(const caf::scheduled_actor& self) noexcept;

/// Hands `code` to the actor's error handler, as CAF does for a request without
/// a handler for errors. In the actor's context.
LEVADA_API void fail_request(caf::scheduled_actor& self, std::error_code code);

} // namespace levada::detail
