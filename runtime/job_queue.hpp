// What a worker's queue holds, and the plain queue of what is in no worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace levada::detail {

/// A task_frame* (odd) or somebody else's caf::resumable* (even); 0 is none.
using job = std::uintptr_t;

/// Jobs in the order they came; either end may be taken first. Not synchronized.
class job_queue {
public:
  bool empty() const noexcept {
    return size() == 0;
  }
  std::size_t size() const noexcept {
    return jobs_.size() - first_;
  }
  void append(std::span<const job> added);
  /// So many, of those there are, in the order they came; valid until the next
  /// append().
  std::span<const job> take_oldest(std::size_t count) noexcept;
  std::span<const job> take_newest(std::size_t count) noexcept;

private:
  std::vector<job> jobs_;
  std::size_t first_ = 0;
};

} // namespace levada::detail
