#include <levada/runtime/job_queue.hpp>

namespace levada::detail {

void job_queue::append(std::span<const job> added) {
  if (empty()) {
    jobs_.clear();
    first_ = 0;
  }
  if (first_ > 1024 && first_ * 2 > jobs_.size()) {
    jobs_.erase(jobs_.begin(),
                jobs_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  jobs_.insert(jobs_.end(), added.begin(), added.end());
}

std::span<const job> job_queue::take_oldest(std::size_t count) noexcept {
  const std::span<const job> taken{jobs_.data() + first_, count};
  first_ += count;
  return taken;
}

std::span<const job> job_queue::take_newest(std::size_t count) noexcept {
  const std::span<const job> taken{jobs_.data() + jobs_.size() - count, count};
  jobs_.resize(jobs_.size() - count);
  return taken;
}

} // namespace levada::detail
