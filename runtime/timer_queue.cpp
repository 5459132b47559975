#include <levada/runtime/timer_queue.hpp>

#include <algorithm>
#include <utility>

#include <sys/prctl.h>

#include <levada/runtime/futex.hpp>
#include <levada/runtime/worker_pool.hpp>

namespace levada::detail {

namespace {

/// So many are fired before the lock is given back and they are woken.
constexpr int group = 64;

time_point point(duration::rep ticks) noexcept {
  return time_point{duration{ticks}};
}

duration::rep ticks(time_point when) noexcept {
  return when.time_since_epoch().count();
}

/// Spreads the threads over the parts.
std::size_t thread_number() noexcept {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t mine
    = threads.fetch_add(1, std::memory_order_relaxed);
  return mine;
}

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

  /// Under the part's lock, which makes it visible to who has seen the node gone.
  void count() noexcept {
    if (!std::exchange(counted_, true))
      home_.firing_.fetch_add(1, std::memory_order_relaxed);
  }

private:
  timer_queue& home_;
  bool counted_ = false;
};

timer_queue::timer_queue(clock& source, std::size_t parts)
    : clock_(source),
      parts_count_(std::clamp<std::size_t>(parts, 1, most_parts)),
      parts_(std::make_unique<part[]>(parts_count_)) {
  clock_.attach(*this);
}

timer_queue::~timer_queue() {
  stop();
  clock_.detach(*this);
}

void timer_queue::keep_by(worker_pool& pool) noexcept {
  if (clock_.drives_timers())
    return;
  pool_ = &pool;
  pool.timers = this;
}

void timer_queue::arm(timer_node& node) {
  if (pool_ == nullptr && !clock_.drives_timers()
      && !started_.load(std::memory_order_acquire))
    start_thread();
  const auto index = thread_number() % parts_count_;
  auto& home = parts_[index];
  const auto when = node.when; // the node may be gone when we unlock
  bool first = false;
  {
    std::lock_guard guard{home.mutex};
    node.part = static_cast<std::uint8_t>(index);
    // relaxed: who disarms has the node from us
    node.armed.store(true, std::memory_order_relaxed);
    home.wheel.insert(node);
    first = ticks(when) < home.next.load(std::memory_order_relaxed);
    // seq_cst: see the invariants
    if (first)
      home.next.store(ticks(when), std::memory_order_seq_cst);
  }
  if (clock_.drives_timers()) {
    // The clock may have passed the deadline since the caller looked at it,
    // and will not come by again: what is due fires here.
    if (when <= clock_.now())
      fire_due();
  } else if (first) {
    announce(when);
  }
}

/// Tells whoever sleeps, should it mean to sleep for longer than that.
void timer_queue::announce(time_point when) {
  const auto look = paced(when);
  if (pool_ != nullptr) {
    pool_->timer_armed(look);
  } else if (ticks(look) < sleeps_until_.load(std::memory_order_seq_cst)) {
    // release: pairs with the acquire load in run().
    alarm_.fetch_add(1, std::memory_order_release);
    futex_wake_one(alarm_);
  }
}

bool timer_queue::take_out(timer_node& node) noexcept {
  auto& home = parts_[node.part];
  std::lock_guard guard{home.mutex};
  if (!node.armed.load(std::memory_order_relaxed))
    return false;
  home.wheel.remove(node);
  node.armed.store(false, std::memory_order_relaxed);
  return true;
}

std::size_t timer_queue::size() const {
  std::size_t sum = 0;
  for (std::size_t i = 0; i < parts_count_; ++i) {
    std::lock_guard guard{parts_[i].mutex};
    sum += parts_[i].wheel.size();
  }
  return sum;
}

time_point timer_queue::next_deadline() const {
  auto result = time_point::max();
  for (std::size_t i = 0; i < parts_count_; ++i) {
    std::lock_guard guard{parts_[i].mutex};
    result = std::min(result, parts_[i].wheel.first());
  }
  return result;
}

time_point timer_queue::paced(time_point when) const noexcept {
  const auto fired = point(fired_.load(std::memory_order_relaxed));
  return std::max(when, std::min(saturating_add(when, slack), fired + spacing));
}

time_point timer_queue::next_look() const noexcept {
  auto next = duration::max().count();
  for (std::size_t i = 0; i < parts_count_; ++i)
    // seq_cst: see the invariants
    next = std::min(next, parts_[i].next.load(std::memory_order_seq_cst));
  if (next == duration::max().count()
      || stopping_.load(std::memory_order_relaxed))
    return time_point::max();
  return paced(point(next));
}

void timer_queue::fire_due() {
  const auto now = clock_.now();
  for (std::size_t i = 0; i < parts_count_; ++i) {
    auto& from = parts_[i];
    // relaxed: who armed earlier calls for a look of its own
    if (from.next.load(std::memory_order_relaxed) > ticks(now))
      continue;
    while (fire_some(from, now)) {}
  }
}

/// True when there may be more.
bool timer_queue::fire_some(part& from, time_point now) {
  fire_mark mark{*this};
  wake_list wakes; // fires after the guard is gone
  std::lock_guard guard{from.mutex};
  if (stopping_.load(std::memory_order_relaxed))
    return false;
  for (int i = 0; i < group; ++i) {
    auto* node = from.wheel.take_due(now);
    if (node == nullptr) {
      from.next.store(ticks(from.wheel.first_at_least()),
                      std::memory_order_seq_cst);
      return false;
    }
    mark.count();
    fired_.store(ticks(now), std::memory_order_relaxed);
    node->expired(*node, wakes);
    // release: pairs with disarm(); from here on the node may be gone
    node->armed.store(false, std::memory_order_release);
  }
  return true;
}

void timer_queue::stop() noexcept {
  stopping_.store(true, std::memory_order_relaxed);
  for (std::size_t i = 0; i < parts_count_; ++i)
    std::lock_guard guard{parts_[i].mutex}; // who fires now has finished then
  std::thread finished;
  {
    std::lock_guard guard{thread_mutex_};
    started_.store(true, std::memory_order_relaxed);
    finished.swap(thread_);
  }
  alarm_.fetch_add(1, std::memory_order_release);
  futex_wake_one(alarm_);
  if (finished.joinable())
    finished.join();
}

void timer_queue::start_thread() {
  std::lock_guard guard{thread_mutex_};
  if (started_.load(std::memory_order_relaxed))
    return;
  thread_ = std::thread{[this] { run(); }};
  // release: pairs with the load in arm()
  started_.store(true, std::memory_order_release);
}

void timer_queue::run() {
  // The kernel rounds sleeps up by 50 µs unless told that this thread minds.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  for (;;) {
    const auto seen = alarm_.load(std::memory_order_acquire);
    if (stopping_.load(std::memory_order_relaxed))
      return;
    if (is_due())
      fire_due();
    const auto look = next_look();
    // seq_cst: see the invariants
    sleeps_until_.store(ticks(look), std::memory_order_seq_cst);
    if (next_look() < look)
      continue;
    if (look == time_point::max())
      futex_wait(alarm_, seen);
    else
      futex_wait_until(alarm_, seen, look);
  }
}

} // namespace levada::detail
