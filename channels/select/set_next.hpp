// Waiting for the next event of a select_set. How the set works stands in
// select_set.hpp.
//
// The short way, one hold of the set's lock and one of a channel's: await_suspend()
// looks at the ready members, and the event is made there. Nothing of the wait is set
// up, so nothing can end it: neither a limit nor cancelling has found it yet, and
// `running_` stays false. All that this keeps others from is right without it:
//  - who removes a member finds it `busy_`, as on the long way, and leaves it to the
//    next call;
//  - who adds one in rounds is not turned away, for nobody waits; this call gives
//    the event of a ready member, the next one sees the new member;
//  - who removes one in rounds takes it out at once: nobody here looks at those.
// Where there is more to do (nobody is ready, the member whose event was out has been
// removed, some wait in rounds) the call goes the long way, from begin_next() to
// end_next(). The short way leaves the set to it as between two calls of next().
#pragma once

#include <coroutine>
#include <optional>
#include <source_location>
#include <stop_token>

#include <levada/channels/select/set_event.hpp>
#include <levada/channels/waiting/wait.hpp>
#include <levada/runtime/task.hpp>

namespace levada::detail {

/// Awaits the next event of a set.
class LEVADA_API [[nodiscard("co_await it")]] set_next : public side_wait,
                                                         private timer_node {
public:
  using levada_awaitable = void;

  set_next(set_core& set, duration length, std::stop_token stop,
           std::source_location line) noexcept
      : side_wait{&set_next::cancel_wait},
        timer_node(&set_next::expire),
        set_(set),
        length_(length),
        token_(std::move(stop)),
        line_(line) {
  }
  ~set_next() {
    if (waits_) [[unlikely]]
      clean_up();
  }
  set_next(const set_next&) = delete;
  set_next& operator=(const set_next&) = delete;

  bool await_ready() const noexcept {
    return false;
  }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    auto& root = leaf.promise().root();
    found_ = set_.poll(root.seat(), true);
    if (found_ != nullptr) [[likely]]
      return gone_on(root, leaf);
    if (!starts_in_rounds(root))
      return suspend(root, leaf);
    in_rounds_->await_suspend(leaf);
    return true;
  }
  set_event await_resume() {
    if (waits_) [[unlikely]]
      return resume_after_wait();
    if (found_->result != outcome::pending) [[unlikely]]
      set_.report(*found_); // closed, or taken under rarer conditions
    return set_event{found_};
  }

  /// The same on this thread.
  set_event block();

private:
  struct stopper {
    set_next* self;
    void operator()() const noexcept;
  };

  static bool gone_on(task_frame& root, std::coroutine_handle<> leaf) noexcept {
    if (!root.spend()) [[likely]]
      return false;
    root.yield_after(leaf);
    return true;
  }
  bool starts_in_rounds(task_frame& root);
  set_event resume_after_wait();
  void clean_up() noexcept;
  bool suspend(task_frame& root, std::coroutine_handle<> leaf);
  bool set_limits();
  void lift_limits() noexcept;
  void sleep(thread_waiter& self, time_point deadline) noexcept;
  set_event finish();
  static bool publish(side_wait& self);
  static bool cancel_wait(side_wait& self, errc why) noexcept;
  static void expire(timer_node& self, wake_list& wakes) noexcept;

  set_core& set_;
  duration length_;
  std::stop_token token_;
  std::source_location line_;
  set_member* found_ = nullptr;
  task_frame* root_ = nullptr;
  waiter* who_ = nullptr;
  set_core::wait_start start_ = set_core::wait_start::look_again;
  set_core::way way_ = set_core::way::looks;
  outcome how_ = outcome::pending;
  /// The long way was taken.
  bool waits_ = false;
  /// end_next() has been called.
  bool ended_ = false;
  bool limited_ = false;
  bool armed_ = false;
  bool aside_ = false;
  std::optional<std::stop_callback<stopper>> stop_;
  /// The wait of a set with members that wait in rounds.
  std::optional<task_awaiter<set_event>> in_rounds_;
};

} // namespace levada::detail
