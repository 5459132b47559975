// supervise: keeps tasks running that fail, as Erlang's supervisors do.
//
//   levada::supervision plan{{.strategy = levada::restart_strategy::rest_for_one,
//                             .max_restarts = 3, .within = 5s}};
//   plan.child("parser", parse, lines, records);
//   plan.child({.name = "writer", .restart = levada::restart_policy::permanent},
//              write, records);
//   co_await levada::supervise(std::move(plan));
//
// A child is a function that returns a task<>, and arguments. It is called anew,
// with fresh copies of these, whenever the child starts: channel handles among
// them stand in the plan, so channels outlive the stages that fail.
//
// A child has failed when its task ends with an exception, or when the function
// throws. Whether it starts again is its restart_policy's to say, and who else
// has to with it the supervisor's restart_strategy: those are stopped in the
// reverse of the order of the plan, and all are started in that order.
//
// A child that is not to start again is *done*: its function and arguments go at
// once. So a producer that has returned leaves no sender in the plan, and its
// channel closes. It stays done also when others are started again.
//
// The supervisor is a task.
//   ends      when all children are done.
//   fails     when there were more than `max_restarts` restarts within `within`:
//             it stops all children and throws the last error; when there is
//             none (a permanent child that returns, and returns) a
//             channel_error(too_many_restarts). Restarting several at once is one
//             restart. To the supervisor above it is a child that has failed.
//   is ended  by cancelling the task (its scope, its runtime), or by the stop
//             token of its options: children are stopped in reverse order, each
//             is told (as by scope::cancel()) and waited for, then the next. After
//             a cancel it throws operation_cancelled, after a stop it returns.
//             A stopping runtime tells them all at once.
// No error is lost: `on_event` hears of each; it is called by the supervisor's
// task, and what it throws makes the supervisor fail. What a child throws that was
// left behind by a supervisor that has ended goes to runtime_options::on_failure.
// In dump(), children are tasks named "supervisor/child", with their restarts and
// the last error.
// Time is the runtime's; with a manual_clock window and backoff are exact.
// Threads  a plan belongs to one thread at a time. Cost: one channel a supervisor,
// one scope and one task a running child.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <levada/runtime/clock.hpp>
#include <levada/runtime/export.hpp>
#include <levada/runtime/spawn.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

/// Who is stopped and started again when a child is.
enum class restart_strategy : std::uint8_t {
  one_for_one,  ///< nobody else
  rest_for_one, ///< those that stand after it in the plan
  one_for_all,  ///< everybody
};

/// When a child that has ended starts again.
enum class restart_policy : std::uint8_t {
  transient, ///< when it failed; what returns has done its work
  permanent, ///< always
  temporary, ///< never; nor when others make it stop
};

/// How long to wait before a restart: `first`, then `factor` times as long for
/// each further one in a row, at most `most`. A child that ran for as long as
/// the supervisor's `within` begins a new row.
struct restart_backoff {
  duration first = duration::zero();
  duration most = std::chrono::seconds{30};
  double factor = 2;
};

struct child_options {
  /// Shown by dump() and in events; default: "child" and its place, from 1.
  std::string name = {};
  restart_policy restart = restart_policy::transient;
  restart_backoff backoff = {};
  /// How long to wait for its end when it is stopped. Then it is left behind: it
  /// runs on, told not to wait, and is the supervisor's no more.
  duration stop_timeout = duration::max();
  /// Shown by dump() as the place where it was spawned.
  std::source_location at = std::source_location::current();
};

/// What happened to a child.
struct child_event {
  enum class kind : std::uint8_t {
    failed,      ///< it ended with `error`
    returned,    ///< it ended without one
    restarted,   ///< it runs again, because it or another one ended
    left_behind, ///< it did not stop within its stop_timeout
  };
  kind what = kind::failed;
  std::string child;
  /// Of a failed child.
  std::exception_ptr error = nullptr;
  /// How often it was started again so far.
  std::uint32_t restarts = 0;
};

LEVADA_API const char* to_string(child_event::kind what) noexcept;

struct supervisor_options {
  std::string name = "supervisor";
  restart_strategy strategy = restart_strategy::one_for_one;
  /// At most so many restarts …
  std::uint32_t max_restarts = 1;
  /// … within this time, both ends included.
  duration within = std::chrono::seconds{5};
  /// Requested: stop the children and return.
  std::stop_token stop = {};
  std::function<void(const child_event&)> on_event = {};
};

class supervision;
/// `co_await supervise(plan)`, or spawn(supervise, plan). Throws
/// channel_error(invalid_argument) for a plan whose numbers make no sense.
LEVADA_API task<> supervise(supervision plan);

namespace detail {
class supervisor;

/// Callable and arguments of a child, for any number of starts.
template <class F, class... Args>
auto child_factory(F call, Args... args) {
  return [call = std::move(call), ... args = std::move(args)]() -> task<> {
    return make_task(F(call), Args(args)...);
  };
}
} // namespace detail

/// The plan of a supervisor: its options, and its children in order.
class LEVADA_API supervision {
public:
  explicit supervision(supervisor_options options = {})
      : options_(std::move(options)) {
  }

  /// Adds a child. Callable and arguments are kept, and copied for each start.
  template <class F, class... Args>
  supervision& child(child_options options, F&& call, Args&&... args) {
    static_assert((std::is_copy_constructible_v<std::decay_t<F>> && ...
                   && std::is_copy_constructible_v<std::decay_t<Args>>),
                  "a child's function and arguments are copied for each start: "
                  "share what cannot be copied (std::shared_ptr, a handle)");
    static_assert(
      std::is_same_v<detail::spawned_result<F, Args...>, task<>>,
      "a child is a function that returns a task<>, called with copies");
    add(std::move(options),
        detail::child_factory<std::decay_t<F>, std::decay_t<Args>...>(
          std::forward<F>(call), std::forward<Args>(args)...));
    return *this;
  }
  /// The same for most children: only a name.
  template <class F, class... Args>
  supervision& child(const char* name, F&& call, Args&&... args) {
    child_options options;
    options.name = name;
    return child(std::move(options), std::forward<F>(call),
                 std::forward<Args>(args)...);
  }

private:
  friend class detail::supervisor;
  using factory = std::function<task<>()>;

  struct spec {
    child_options options;
    factory start;
  };

  void add(child_options options, factory start);

  supervisor_options options_;
  std::vector<spec> children_;
};

} // namespace levada
