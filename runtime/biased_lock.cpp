#include <levada/runtime/biased_lock.hpp>

#include <array>

#include <sched.h>

#include <levada/runtime/cpu_pause.hpp>

namespace levada::detail {

namespace {

constexpr std::size_t most_seats = UINT8_MAX;

/// Number n stands at n; there is none with number 0.
constinit std::array<bias_seat, most_seats + 1> seats;
/// Guards `taken`. Who takes a seat sees what the one before did in it.
constinit spin_lock seats_lock;
constinit std::array<bool, most_seats + 1> taken{};

constinit thread_local bias_seat unnumbered;
constinit thread_local bias_seat* mine = nullptr;

/// Gives the thread's seat back.
struct seat_leaver {
  ~seat_leaver() {
    if (mine == nullptr)
      return;
    spin_guard guard{seats_lock};
    taken[mine->number()] = false;
    mine = nullptr;
  }
};

std::uint16_t next_epoch(std::uint16_t token) noexcept {
  const auto next = static_cast<std::uint16_t>(token + 256);
  return next > UINT8_MAX ? next : static_cast<std::uint16_t>(next + 256);
}

/// On the seat's own thread: whether it is time to bias locks again.
bool may_grant(bias_seat& seat) noexcept {
  const auto token = seat.token.load(std::memory_order_relaxed);
  if (seat.known_token != token) {
    seat.known_token = token;
    seat.refusals = biased_lock::refusals_after_end;
  }
  if (seat.refusals == 0)
    return true;
  --seat.refusals;
  return false;
}

} // namespace

bias_seat& take_seat() noexcept {
  static thread_local seat_leaver leaver;
  if (mine != nullptr || !has_process_barrier())
    return this_seat();
  spin_guard guard{seats_lock};
  for (std::size_t number = 1; number <= most_seats; ++number) {
    if (taken[number])
      continue;
    taken[number] = true;
    mine = &seats[number];
    mine->crossings = 0; // those of who had the seat before
    if (mine->number() == 0) {
      mine->token.store(static_cast<std::uint16_t>(256 + number),
                        std::memory_order_relaxed);
      mine->known_token = mine->token.load(std::memory_order_relaxed);
    }
    break;
  }
  return this_seat();
}

bias_seat& this_seat() noexcept {
  return mine != nullptr ? *mine : unnumbered;
}

void biased_lock::lock_unbiased(bias_seat& seat) noexcept {
  lock();
  const auto number = seat.number();
  const auto bias = bias_.load(std::memory_order_relaxed);
  if (number == 0)
    return;
  if (bias != number) {
    bias_.store(number, std::memory_order_relaxed);
    streak_ = 0;
    ++seat.crossings;
  } else if (streak_ < grant_after) {
    ++streak_;
  } else if (may_grant(seat)) {
    bias_.store(seat.token.load(std::memory_order_relaxed),
                std::memory_order_relaxed);
  }
}

/// `locked_` is held.
void biased_lock::end_bias() noexcept {
  const auto token = bias_.load(std::memory_order_relaxed);
  auto& seat = seats[token & UINT8_MAX];
  streak_ = 0;
  if (&seat == mine) {
    // Nobody else enters without `locked_`, so a bias may stay.
    if (seat.token.load(std::memory_order_relaxed) != token)
      bias_.store(0, std::memory_order_relaxed);
    return;
  }
  {
    spin_guard guard{seat.ending};
    if (seat.token.load(std::memory_order_relaxed) == token) {
      seat.token.store(next_epoch(token), std::memory_order_relaxed);
      process_barrier();
    }
    // Under `ending`: else the tokens might come round to this one before.
    bias_.store(0, std::memory_order_relaxed);
  }
  // acquire: pairs with the releases in enter() and leave()
  const auto is_here = [this](const entry& where) {
    return where.load(std::memory_order_acquire) == this;
  };
  for (int i = 1; is_here(seat.outer) || is_here(seat.inner); ++i) {
    if (i % 64 == 0)
      sched_yield(); // the worker may have been preempted
    else
      pause_cpu();
  }
}

} // namespace levada::detail
