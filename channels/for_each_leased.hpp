// for_each_leased: the body of a stage that leases its items.
//
//   levada::task<> worker(levada::receiver<job> jobs) {
//     return levada::for_each_leased(jobs, work, {.max_deliveries = 3});
//   }
//
// Calls `work` with each item; what it returns well from is acked. When it
// throws, the item goes back to the channel with the message of the exception
// (leased::last_reason()), and the stage ends with the exception: a supervisor
// starts it again, and the item is seen again, by this or by another stage. With
// `max_deliveries` an item that was leased that often is rejected instead: it goes
// to the channel's on_poison (or on_dead_letter) with that message.
#pragma once

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <levada/channels/receiver.hpp>
#include <levada/runtime/spawn.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

struct lease_loop_options {
  /// An item leased that often does not come back; 0: the channel's own limit
  /// counts. (The channel's counts besides.)
  std::uint32_t max_deliveries = 0;
  /// Given it, the stage does not end with an exception of `work`, but tells it
  /// here and goes on. What this throws ends the stage.
  std::function<void(std::exception_ptr)> on_failure = {};
};

namespace detail {

/// What an exception says, for the next one who sees the item.
LEVADA_API std::string reason_of(const std::exception_ptr& error);
/// True for the exception of a task that was told to stop waiting.
LEVADA_API bool is_stopping(const std::exception_ptr& error) noexcept;

template <class T, class F>
task<> lease_loop(receiver<T> in, F work, lease_loop_options options) {
  using given = std::invoke_result_t<F&, T&>;
  static_assert(std::is_same_v<given, task<>> || !is_task<given>::value,
                "for_each_leased: work returns a task<>, or does not wait");
  while (auto job = co_await in.lease()) {
    std::exception_ptr failed;
    try {
      if constexpr (std::is_same_v<given, task<>>)
        co_await work(*job);
      else
        work(*job);
      job.ack();
    } catch (...) { // told on, below
      failed = std::current_exception();
    }
    if (failed == nullptr)
      continue;
    const bool stopping = is_stopping(failed);
    if (stopping)
      job.nack();
    else if (options.max_deliveries != 0
             && job.delivery_count() >= options.max_deliveries)
      job.reject(reason_of(failed));
    else
      job.nack(reason_of(failed));
    if (stopping || !options.on_failure)
      std::rethrow_exception(std::move(failed));
    options.on_failure(std::move(failed));
  }
}

} // namespace detail

/// `co_await for_each_leased(rx, work)`: `work` takes a T&, and is a function that
/// returns a task<> or one that does not wait. Ends when the channel is closed
/// and drained, or the wait for the next item is cut short.
template <class T, class F>
  requires std::invocable<F&, T&>
task<> for_each_leased(receiver<T> in, F work) {
  return detail::lease_loop<T, F>(std::move(in), std::move(work), {});
}
template <class T, class F>
  requires std::invocable<F&, T&>
task<> for_each_leased(receiver<T> in, F work, lease_loop_options options) {
  return detail::lease_loop<T, F>(std::move(in), std::move(work),
                                  std::move(options));
}

} // namespace levada
