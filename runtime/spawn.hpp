// Spawning tasks and joining them.
//
// `spawn(fn, args...)` moves callable and arguments into storage that lives as
// long as the task: lambdas may capture, arguments may be temporaries. What is
// to be passed by reference is passed with std::ref, as to std::thread.
#pragma once

#include <functional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <levada/runtime/join_handle.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

/// What a task can be given besides its work.
struct task_options {
  /// Shown by dump(); default: the coroutine function's name.
  std::string name = {};
  /// Shown by dump(); default: where these options are written.
  std::source_location at = std::source_location::current();
};

namespace detail {

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<task<T>> : std::true_type {};

template <class F, class... Args>
using spawned_result
  = std::invoke_result_t<std::decay_t<F>&, std::decay_t<Args>...>;

template <class R>
struct task_value {
  using type = R;
};
template <class T>
struct task_value<task<T>> {
  using type = T;
};

/// True for coroutine functions that keep all they need in their own frame: a
/// plain function, or a stateless closure, that takes its parameters by value.
template <class F>
struct keeps_own_arguments : std::false_type {};
template <class R, class... Params>
struct keeps_own_arguments<R (*)(Params...)>
    : std::bool_constant<(!std::is_reference_v<Params> && ...)> {};
template <class F>
  requires std::is_empty_v<F> && requires { &F::operator(); }
struct keeps_own_arguments<F> : keeps_own_arguments<decltype(&F::operator())> {
};
template <class F, class R, class... Params>
struct keeps_own_arguments<R (F::*)(Params...) const>
    : std::bool_constant<(!std::is_reference_v<Params> && ...)> {};

/// Keeps callable and arguments alive around the task they make.
template <class F, class... Args>
task<typename task_value<spawned_result<F, Args...>>::type>
run_with(F call, Args... args) {
  if constexpr (!is_task<spawned_result<F, Args...>>::value)
    co_return std::invoke(call, std::move(args)...);
  else if constexpr (std::is_member_pointer_v<F>)
    co_return co_await std::invoke(call, std::move(args)...);
  else // not through std::invoke: what arguments convert to lives until the end
    co_return co_await call(std::move(args)...);
}

template <class F, class... Args>
auto make_task(F&& call, Args&&... args) {
  using result = spawned_result<F, Args...>;
  if constexpr (is_task<result>::value
                && keeps_own_arguments<std::decay_t<F>>::value)
    return std::invoke(call, std::forward<Args>(args)...);
  else
    return run_with<std::decay_t<F>, std::decay_t<Args>...>(
      std::forward<F>(call), std::forward<Args>(args)...);
}

/// Starts `root`; on failure it stays the caller's.
LEVADA_API void start_task(engine& where, task_frame& root,
                           std::coroutine_handle<> code,
                           std::source_location at, const task_options* options,
                           finish_listener* listener);

template <class T>
join_handle<T> start(engine& where, task<T> work, std::source_location at,
                     const task_options* options = nullptr,
                     finish_listener* listener = nullptr) {
  auto code = task_access::take(work);
  auto& block = code.promise().result();
  join_handle<T> handle = join_access::make(block);
  try {
    start_task(where, code.promise(), code, at, options, listener);
  } catch (...) { // gives the frame back, then passes the exception on
    if (listener != nullptr)
      listener->finished(*listener, nullptr);
    join_access::forget(handle);
    code.destroy();
    throw;
  }
  return handle;
}

/// The engine of the task that runs on this thread; throws when there is none.
LEVADA_API engine& require_current_engine(const char* operation);

} // namespace detail

/// The spawn functions of whatever has an engine: `runtime`, `scope`, and
/// `levada::spawn` inside a task. Each returns a handle; dropping it detaches
/// the task. They throw channel_error(runtime_stopped) once the runtime stops.
/// Never waits. Cost: one frame (two when the callable has captures or takes
/// references), one push to the worker's queue.
template <class Self>
class spawning {
public:
  template <class T>
  join_handle<T> spawn(task<T> work, std::source_location at
                                     = std::source_location::current()) const {
    return begin(std::move(work), at, nullptr);
  }

  template <class T>
  join_handle<T> spawn(const task_options& options, task<T> work) const {
    return begin(std::move(work), options.at, &options);
  }

  // A parameter pack cannot be followed by a default argument, and the place of
  // the call is worth having in dump(): hence one overload per arity.
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  auto spawn(F&& f,
             std::source_location at = std::source_location::current()) const {
    return begin(detail::make_task(std::forward<F>(f)), at, nullptr);
  }

  template <class F, class A>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>>
  auto spawn(F&& f, A&& a,
             std::source_location at = std::source_location::current()) const {
    return begin(detail::make_task(std::forward<F>(f), std::forward<A>(a)), at,
                 nullptr);
  }

  template <class F, class A, class B>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>, std::decay_t<B>>
  auto spawn(F&& f, A&& a, B&& b,
             std::source_location at = std::source_location::current()) const {
    return begin(detail::make_task(std::forward<F>(f), std::forward<A>(a),
                                   std::forward<B>(b)),
                 at, nullptr);
  }

  template <class F, class A, class B, class C>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>, std::decay_t<B>,
                            std::decay_t<C>>
  auto spawn(F&& f, A&& a, B&& b, C&& c,
             std::source_location at = std::source_location::current()) const {
    return begin(detail::make_task(std::forward<F>(f), std::forward<A>(a),
                                   std::forward<B>(b), std::forward<C>(c)),
                 at, nullptr);
  }

  /// More arguments than that: the place shown is not the caller's.
  template <class F, class A, class B, class C, class D, class... More>
    requires std::invocable<std::decay_t<F>&, std::decay_t<A>, std::decay_t<B>,
                            std::decay_t<C>, std::decay_t<D>,
                            std::decay_t<More>...>
  auto spawn(F&& f, A&& a, B&& b, C&& c, D&& d, More&&... more) const {
    return begin(detail::make_task(std::forward<F>(f), std::forward<A>(a),
                                   std::forward<B>(b), std::forward<C>(c),
                                   std::forward<D>(d),
                                   std::forward<More>(more)...),
                 std::source_location{}, nullptr);
  }

  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>&, std::decay_t<Args>...>
  auto spawn(const task_options& options, F&& f, Args&&... args) const {
    return begin(
      detail::make_task(std::forward<F>(f), std::forward<Args>(args)...),
      options.at, &options);
  }

private:
  template <class T>
  join_handle<T> begin(task<T> work, std::source_location at,
                       const task_options* options) const {
    if (!work)
      throw_error(make_error_code(errc::invalid_argument),
                  "spawn of an empty task: it was moved from, or never made");
    auto& self = static_cast<const Self&>(*this);
    auto& where = self.engine(); // first: listener() may use it up
    return detail::start(where, std::move(work), at, options, self.listener());
  }

protected:
  detail::finish_listener* listener() const noexcept {
    return nullptr;
  }
};

namespace detail {

/// `levada::spawn`: spawns into the runtime of the task that runs here.
class spawn_here : public spawning<spawn_here> {
public:
  template <class F>
  auto operator()(F&& f, std::source_location at
                         = std::source_location::current()) const {
    return this->spawn(std::forward<F>(f), at);
  }

  template <class F, class A>
    requires(!std::same_as<std::decay_t<F>, task_options>)
  auto operator()(F&& f, A&& a,
                  std::source_location at
                  = std::source_location::current()) const {
    return this->spawn(std::forward<F>(f), std::forward<A>(a), at);
  }

  template <class F, class A, class B>
    requires(!std::same_as<std::decay_t<F>, task_options>)
  auto operator()(F&& f, A&& a, B&& b,
                  std::source_location at
                  = std::source_location::current()) const {
    return this->spawn(std::forward<F>(f), std::forward<A>(a),
                       std::forward<B>(b), at);
  }

  template <class F, class A, class B, class C, class... More>
    requires(!std::same_as<std::decay_t<F>, task_options>)
  auto operator()(F&& f, A&& a, B&& b, C&& c, More&&... more) const {
    return this->spawn(std::forward<F>(f), std::forward<A>(a),
                       std::forward<B>(b), std::forward<C>(c),
                       std::forward<More>(more)...);
  }

  template <class... Args>
  auto operator()(const task_options& options, Args&&... args) const {
    return this->spawn(options, std::forward<Args>(args)...);
  }

private:
  friend class spawning<spawn_here>;
  detail::engine& engine() const {
    return require_current_engine("levada::spawn");
  }
};

} // namespace detail

/// Spawns into the runtime of the task that calls it; see `spawning`. Throws
/// channel_error(wrong_thread) when no task runs on this thread.
inline constexpr detail::spawn_here spawn{};

} // namespace levada
