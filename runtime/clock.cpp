#include <levada/runtime/clock.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include <levada/runtime/error.hpp>
#include <levada/runtime/timer_queue.hpp>

namespace levada {

namespace {

class steady_source final : public clock {
public:
  time_point now() const noexcept override {
    return std::chrono::steady_clock::now();
  }
};

} // namespace

clock::~clock() = default;

bool clock::drives_timers() const noexcept {
  return false;
}

void clock::attach(detail::timer_queue&) {
}

void clock::detach(detail::timer_queue&) noexcept {
}

clock& clock::steady() noexcept {
  static steady_source instance;
  return instance;
}

struct manual_clock::state {
  /// Guards `queues`; taken before a queue's own lock, never after.
  std::mutex mutex;
  std::vector<detail::timer_queue*> queues;
  /// Ticks since the clock's epoch; relaxed, since whoever must see a step is
  /// woken by a timer and that wake orders it.
  std::atomic<duration::rep> now{0};
};

manual_clock::manual_clock() : state_(std::make_unique<state>()) {
  // An hour past zero, so that "a while ago" is still after the epoch.
  state_->now.store(duration{std::chrono::hours{1}}.count());
}

manual_clock::~manual_clock() = default;

time_point manual_clock::now() const noexcept {
  return time_point{duration{state_->now.load(std::memory_order_relaxed)}};
}

void manual_clock::advance(duration by) {
  if (by < duration::zero())
    throw_error(make_error_code(errc::invalid_argument),
                "manual_clock::advance: time does not run backwards");
  const auto target = saturating_add(now(), by);
  std::lock_guard guard{state_->mutex};
  for (;;) {
    auto next = time_point::max();
    for (auto* queue : state_->queues)
      next = std::min(next, queue->next_deadline());
    const bool more = next <= target && next != time_point::max();
    const auto step = more ? std::max(next, now()) : target;
    state_->now.store(step.time_since_epoch().count(),
                      std::memory_order_relaxed);
    if (!more)
      return;
    for (auto* queue : state_->queues)
      queue->fire_due();
  }
}

std::size_t manual_clock::armed() const {
  std::lock_guard guard{state_->mutex};
  std::size_t result = 0;
  for (auto* queue : state_->queues)
    result += queue->size();
  return result;
}

bool manual_clock::drives_timers() const noexcept {
  return true;
}

void manual_clock::attach(detail::timer_queue& timers) {
  std::lock_guard guard{state_->mutex};
  state_->queues.push_back(&timers);
}

void manual_clock::detach(detail::timer_queue& timers) noexcept {
  std::lock_guard guard{state_->mutex};
  std::erase(state_->queues, &timers);
}

} // namespace levada
