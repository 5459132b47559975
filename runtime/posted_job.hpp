// A job for CAF's scheduler that runs once: what must not be done where one is.
#pragma once

#include <atomic>
#include <cstddef>

#include <caf/resumable.hpp>

namespace levada::detail {

/// Made with `new`, with one reference, which enqueueing it gives to the scheduler.
/// It is destroyed without having run when the scheduler ends first.
class posted_job : public caf::resumable {
public:
  posted_job(const posted_job&) = delete;
  posted_job& operator=(const posted_job&) = delete;

  resume_result resume(caf::execution_unit*, std::size_t) final {
    run();
    return done;
  }
  void intrusive_ptr_add_ref_impl() final {
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void intrusive_ptr_release_impl() final {
    // acq_rel: the last one destroys what the others used
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }

protected:
  posted_job() = default;

private:
  virtual void run() = 0;

  std::atomic<int> references_{1};
};

} // namespace levada::detail
