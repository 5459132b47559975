// firm_join: waits for a task's end, and does not let go of it when the waiting
// task is cancelled. For whoever must not go on before its children have ended;
// they must have been told to.
#pragma once

#include <coroutine>
#include <source_location>

#include <levada/runtime/join_handle.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada::detail {

/// `co_await firm_join(handle)`; the handle stays, and is done() afterwards.
class [[nodiscard("co_await it")]] firm_join {
public:
  using levada_awaitable = void;

  template <class T>
  explicit firm_join(const join_handle<T>& of,
                     std::source_location line
                     = std::source_location::current())
      : block_(join_access::block(of)),
        line_(line) {
  }
  firm_join(const firm_join&) = delete;
  firm_join& operator=(const firm_join&) = delete;
  ~firm_join() {
    if (root_ != nullptr) // the frame goes away while it waits
      block_->leave(*root_);
  }

  bool await_ready() const noexcept {
    return block_ == nullptr || block_->done();
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) noexcept {
    auto& root = leaf.promise().root();
    root_ = &root;
    // (a join in dump(); no place, so that cancelling does not look for it)
    root.announce(wait_reason::join, 0);
    return root.park_if(leaf, line_, [&] { return block_->join(root); });
  }

  void await_resume() noexcept {
    root_ = nullptr;
  }

private:
  /// Null: nothing to wait for.
  task_block* block_;
  std::source_location line_;
  task_frame* root_ = nullptr;
};

} // namespace levada::detail
