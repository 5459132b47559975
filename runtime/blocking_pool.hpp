// Threads for work that blocks, so that no worker ever does.
//
// Threads are started when work is waiting and none is free, up to a limit,
// and end after ten idle seconds. Work beyond the limit queues in order.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace levada::detail {

/// One piece of work; lives in the awaiting task's frame.
struct blocking_job {
  void (*run)(blocking_job& self) noexcept;
  blocking_job* next = nullptr;
};

class blocking_pool {
public:
  explicit blocking_pool(std::size_t limit);
  ~blocking_pool();
  blocking_pool(const blocking_pool&) = delete;
  blocking_pool& operator=(const blocking_pool&) = delete;

  /// Queues `work`; it may run and be gone before this returns. Throws
  /// system_error when no thread at all can be had.
  void submit(blocking_job& work);

  /// Jobs queued or running.
  std::size_t pending() const noexcept {
    return pending_.load(std::memory_order_relaxed);
  }

  /// Runs what is queued, then ends the threads.
  void stop() noexcept;

private:
  void run();

  const std::size_t limit_;
  std::atomic<std::size_t> pending_{0};
  /// Guards everything below.
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable ended_;
  blocking_job* first_ = nullptr;
  blocking_job* last_ = nullptr;
  std::size_t queued_ = 0;
  std::size_t threads_ = 0;
  std::size_t idle_ = 0;
  bool stopping_ = false;
};

} // namespace levada::detail
