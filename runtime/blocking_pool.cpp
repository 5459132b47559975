#include <levada/runtime/blocking_pool.hpp>

#include <chrono>
#include <system_error>
#include <thread>

namespace levada::detail {

blocking_pool::blocking_pool(std::size_t limit) : limit_(limit) {
}

blocking_pool::~blocking_pool() {
  stop();
}

void blocking_pool::submit(blocking_job& work) {
  pending_.fetch_add(1, std::memory_order_relaxed);
  std::unique_lock guard{mutex_};
  if (queued_ >= idle_ && threads_ < limit_) {
    // Detached: stop() waits until each has said that it is done.
    try {
      std::thread{[this] { run(); }}.detach();
      ++threads_;
    } catch (const std::system_error&) {
      if (threads_ == 0) {
        pending_.fetch_sub(1, std::memory_order_relaxed);
        throw;
      }
    }
  }
  work.next = nullptr;
  (first_ == nullptr ? first_ : last_->next) = &work;
  last_ = &work;
  ++queued_;
  work_.notify_one();
}

void blocking_pool::stop() noexcept {
  std::unique_lock guard{mutex_};
  stopping_ = true;
  work_.notify_all();
  ended_.wait(guard, [this] { return threads_ == 0; });
}

void blocking_pool::run() {
  std::unique_lock guard{mutex_};
  for (;;) {
    if (first_ == nullptr) {
      ++idle_;
      const bool more = work_.wait_for(guard, std::chrono::seconds{10}, [this] {
        return first_ != nullptr || stopping_;
      });
      --idle_;
      if (first_ == nullptr && (!more || stopping_))
        break;
      continue;
    }
    auto* work = first_;
    first_ = work->next;
    --queued_;
    guard.unlock();
    work->run(*work); // `work` is gone when this returns
    pending_.fetch_sub(1, std::memory_order_relaxed);
    guard.lock();
  }
  --threads_;
  // Under the lock: once it is released and threads_ is 0, the pool may be gone.
  if (threads_ == 0)
    ended_.notify_all();
}

} // namespace levada::detail
