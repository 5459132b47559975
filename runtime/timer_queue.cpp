#include <levada/runtime/timer_queue.hpp>

#include <algorithm>
#include <utility>

#include <sys/prctl.h>

#include <levada/runtime/futex.hpp>

namespace levada::detail {

namespace {
constexpr std::size_t arity = 4;
} // namespace

/// Counts its thread in `firing_` from the first node it takes out on. Make it
/// before the wake_list, so that it ends after the wakes.
class timer_queue::fire_mark {
public:
  explicit fire_mark(timer_queue& home) noexcept : home_(home) {
  }
  ~fire_mark() {
    // release: pairs with firing(); the wakes are visible
    if (counted_)
      home_.firing_.fetch_sub(1, std::memory_order_release);
  }
  fire_mark(const fire_mark&) = delete;
  fire_mark& operator=(const fire_mark&) = delete;

  /// Under the queue's lock, which makes it visible to who has seen the node gone.
  void count() noexcept {
    if (!std::exchange(counted_, true))
      home_.firing_.fetch_add(1, std::memory_order_relaxed);
  }

private:
  timer_queue& home_;
  bool counted_ = false;
};

timer_queue::timer_queue(clock& source) : clock_(source) {
  clock_.attach(*this);
}

timer_queue::~timer_queue() {
  stop();
  clock_.detach(*this);
}

void timer_queue::arm(timer_node& node) {
  bool first = false;
  const auto node_when = node.when; // the node may be gone when we unlock
  {
    std::lock_guard guard{mutex_};
    heap_.push_back({node.when, &node});
    sift_up(heap_.size() - 1, heap_.back());
    first = node.index == 0;
    if (first && !stopping_ && !thread_.joinable() && !clock_.drives_timers())
      start_thread(node);
  }
  if (clock_.drives_timers()) {
    // The clock may have passed the deadline since the caller looked at it,
    // and will not come by again: what is due fires here.
    if (first && node_when <= clock_.now())
      fire_due();
  } else if (first) {
    // release: pairs with the acquire load in run().
    alarm_.fetch_add(1, std::memory_order_release);
    futex_wake_one(alarm_);
  }
}

bool timer_queue::disarm(timer_node& node) noexcept {
  std::lock_guard guard{mutex_};
  if (node.index == timer_node::idle)
    return false;
  remove_at(node.index);
  return true;
}

std::size_t timer_queue::size() const {
  std::lock_guard guard{mutex_};
  return heap_.size();
}

time_point timer_queue::next_deadline() const {
  std::lock_guard guard{mutex_};
  return heap_.empty() ? time_point::max() : heap_.front().when;
}

void timer_queue::fire_due() {
  fire_mark mark{*this};
  wake_list wakes; // fires after the guard is gone
  std::lock_guard guard{mutex_};
  fire_due_locked(wakes, mark);
}

void timer_queue::stop() noexcept {
  std::thread finished;
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
    finished.swap(thread_);
  }
  alarm_.fetch_add(1, std::memory_order_release);
  futex_wake_one(alarm_);
  if (finished.joinable())
    finished.join();
}

/// The first timer needs it; without it, `node` is not armed.
void timer_queue::start_thread(timer_node& node) {
  try {
    thread_ = std::thread{[this] { run(); }};
  } catch (...) { // undone, then passed on
    remove_at(node.index);
    throw;
  }
}

void timer_queue::run() {
  // The kernel rounds sleeps up by 50 µs unless told that this thread minds.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  for (;;) {
    const auto seen = alarm_.load(std::memory_order_acquire);
    auto next = time_point::max();
    {
      fire_mark mark{*this};
      wake_list wakes;
      std::lock_guard guard{mutex_};
      if (stopping_)
        return;
      fire_due_locked(wakes, mark);
      if (!heap_.empty())
        next = heap_.front().when;
    }
    if (next == time_point::max())
      futex_wait(alarm_, seen);
    else
      futex_wait_until(alarm_, seen, next);
  }
}

void timer_queue::fire_due_locked(wake_list& wakes, fire_mark& mark) {
  const auto now = clock_.now();
  while (!heap_.empty() && heap_.front().when <= now) {
    auto* node = heap_.front().node;
    mark.count();
    remove_at(0);
    node->expired(*node, wakes);
  }
}

void timer_queue::place(std::size_t index, entry value) noexcept {
  heap_[index] = value;
  value.node->index = static_cast<std::uint32_t>(index);
}

void timer_queue::sift_up(std::size_t index, entry value) noexcept {
  while (index > 0) {
    const auto parent = (index - 1) / arity;
    if (heap_[parent].when <= value.when)
      break;
    place(index, heap_[parent]);
    index = parent;
  }
  place(index, value);
}

void timer_queue::sift_down(std::size_t index, entry value) noexcept {
  for (;;) {
    const auto first = index * arity + 1;
    if (first >= heap_.size())
      break;
    const auto last = std::min(first + arity, heap_.size());
    auto best = first;
    for (auto child = first + 1; child < last; ++child)
      if (heap_[child].when < heap_[best].when)
        best = child;
    if (value.when <= heap_[best].when)
      break;
    place(index, heap_[best]);
    index = best;
  }
  place(index, value);
}

void timer_queue::remove_at(std::size_t index) noexcept {
  heap_[index].node->index = timer_node::idle;
  const auto moved = heap_.back();
  heap_.pop_back();
  if (index == heap_.size())
    return;
  if (index > 0 && moved.when < heap_[(index - 1) / arity].when)
    sift_up(index, moved);
  else
    sift_down(index, moved);
}

} // namespace levada::detail
