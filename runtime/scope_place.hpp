// Places in a scope that has a limit: the right to run one more child.
#pragma once

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <utility>

#include <levada/runtime/export.hpp>
#include <levada/runtime/spawn.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada {

class scope;
class scope_place;

namespace detail {

class scope_state;

/// Somebody who waits for a place.
class LEVADA_API place_wait : public side_wait {
public:
  place_wait(const place_wait&) = delete;
  place_wait& operator=(const place_wait&) = delete;

protected:
  place_wait(scope_state& state, std::source_location line) noexcept;
  ~place_wait();

  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  void block();
  /// Throws when the wait ended without a place.
  void check();
  scope_place take() noexcept;

private:
  friend class scope_state;

  enum class verdict : std::uint8_t { none, granted, refused };

  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;

  std::source_location line_;
  scope_state* state_;
  place_wait* next_ = nullptr;
  waiter* who_ = nullptr;
  task_frame* root_ = nullptr;
  errc cancelled_{};
  /// Guarded by the scope's mutex until the waiter is woken.
  verdict verdict_ = verdict::none;
};

class LEVADA_API [[nodiscard("co_await it")]] place_awaiter
    : private place_wait {
public:
  using levada_awaitable = void;

  place_awaiter(scope_state& state, std::source_location line) noexcept
      : place_wait(state, line) {
  }

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return suspend(leaf.promise().root(), leaf);
  }
  scope_place await_resume();
};

} // namespace detail

/// Room for one child in a scope: spawns one, once. Dropping it gives the room
/// back. While it lives, the scope is not joined.
class LEVADA_API [[nodiscard]] scope_place : public spawning<scope_place> {
public:
  scope_place() noexcept = default;
  scope_place(scope_place&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {
  }
  scope_place& operator=(scope_place&& other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~scope_place();

  /// True while it can spawn.
  explicit operator bool() const noexcept {
    return state_ != nullptr;
  }

  // spawn(…): see `spawning`. Uses the place up; throws
  // channel_error(invalid_argument) when it was used up before, and
  // operation_cancelled once the scope is cancelled.

private:
  friend class spawning<scope_place>;
  friend class detail::place_wait;
  friend class scope;

  /// Takes over a reference and a place.
  explicit scope_place(detail::scope_state* state) noexcept : state_(state) {
  }

  detail::engine& engine() const;
  detail::finish_listener* listener() const;

  mutable detail::scope_state* state_ = nullptr;
};

} // namespace levada
