// pipe: sends on whatever a receiver gives.
//
//   levada::pipe through{rt, std::move(rx), std::move(tx)};
//   through.start();
//   …
//   co_await through.stop();        // nothing is lost; start() goes on with it
//
// It owns both ends, and while it runs a task that receives an item, sends it,
// and so on; it waits while the output is full. No item is lost when it stops:
// the one that could not be sent yet goes back to the front of the channel it
// came from, where another receiver may have it. When there is no such place (a
// map has made the item, or an any_receiver stands in between that cannot take it
// back) the pipe keeps it and sends it first when it is started again; take_kept()
// gives it out.
//
// Closing   when the input ends, or the output closes, the pipe ends. It closes
//           the other end, too, with propagate_close: the output as its sender
//           does, the input by detaching its receiver. Without that, both ends
//           stay as they are as long as the pipe lives.
// Errors    what the input's functions throw ends the pipe; that item is gone.
//           With propagate_close the output closes with it as its cause. Else
//           stop() throws it; when nobody asks, it is the error of a task that
//           nobody joins.
// Threads   start, stop and the others may be called by any threads at once.
// The runtime must be there when start() is called. Cost: one task.
#pragma once

#include <memory>
#include <mutex>
#include <source_location>
#include <stop_token>
#include <string>
#include <utility>

#include <levada/channels/any_receiver.hpp>

namespace levada {

struct pipe_options {
  /// The end of either side closes the other one.
  bool propagate_close = false;
  /// Of its task.
  std::string name = "pipe";
};

namespace detail {

/// One time of running. A later one begins when this one is over.
struct pipe_run {
  std::stop_source stop;
  /// Closes when the run is over.
  receiver<unit> over;
  /// The first who asks for the result takes it.
  join_handle<> result;
};

template <class T>
class pipe_state {
public:
  pipe_state(engine& home, any_receiver<T> from, sender<T> to,
             pipe_options options)
      : home_(home),
        from_(std::move(from)),
        to_(std::move(to)),
        options_(std::move(options)) {
  }

  /// False when it runs already.
  static bool start(const std::shared_ptr<pipe_state>& self,
                    std::source_location at) {
    auto ends = make_channel_in<unit>(self->home_, {.name = "end of a pipe"});
    auto next = std::make_shared<pipe_run>();
    next->over = std::move(ends.rx);
    std::shared_ptr<pipe_run> before; // goes after the lock
    const std::lock_guard guard{self->mutex_};
    before = self->run_;
    if (before && !before->stop.stop_requested() && !before->over.is_closed())
      return false;
    const task_options named{.name = self->options_.name, .at = at};
    next->result
      = detail::start(self->home_,
                      run(self, before ? before->over : receiver<unit>{},
                          next->stop.get_token(), std::move(ends.tx)),
                      at, &named);
    self->run_ = std::move(next);
    return true;
  }

  std::shared_ptr<pipe_run> request_stop() {
    auto now = current();
    if (now)
      now->stop.request_stop();
    return now;
  }
  std::shared_ptr<pipe_run> current() const {
    const std::lock_guard guard{mutex_};
    return run_;
  }
  join_handle<> take_result(pipe_run& of) {
    const std::lock_guard guard{mutex_};
    return std::move(of.result);
  }
  std::unique_ptr<T> take_kept() {
    const std::lock_guard guard{mutex_};
    return std::move(kept_);
  }

private:
  static task<> run(std::shared_ptr<pipe_state> self, receiver<unit> before,
                    std::stop_token stop, sender<unit> over) {
    const auto end_signal = std::move(over); // with this frame
    if (before)
      (void)co_await before.receive();
    std::exception_ptr error;
    bool ended = false;
    try { // what T's moves throw, too
      ended = co_await pump(self.get(), std::move(stop));
    } catch (...) {
      error = std::current_exception();
    }
    const bool spread = self->options_.propagate_close;
    if (spread && (ended || error)) {
      self->from_.close();
      if (error)
        self->to_.close(std::exchange(error, nullptr));
      else
        self->to_.close();
    }
    if (error)
      std::rethrow_exception(error);
  }

  /// True when one of the sides has ended.
  static task<bool> pump(pipe_state* self, std::stop_token stop) {
    if (const auto first = self->take_kept()) {
      auto sent = co_await self->send(*first, stop);
      if (!sent)
        co_return self->failed(sent);
    }
    while (!stop.stop_requested()) { // (nobody asks it while nothing waits)
      auto item = co_await self->from_.receive(stop);
      if (!item)
        co_return item.closed();
      auto sent = co_await self->send(*item, stop);
      if (!sent)
        co_return self->failed(sent);
    }
    co_return false;
  }

  // Not coroutines: a T that is over-aligned must not lie in their frames.
  auto send(T& item, const std::stop_token& stop) {
    return to_.send(std::move(item), stop);
  }
  bool failed(send_result<T>& sent) {
    if (!source_access::get(from_).put_back(sent.value())) {
      auto back = std::make_unique<T>(std::move(sent.value()));
      const std::lock_guard guard{mutex_};
      kept_.swap(back);
    }
    return sent.closed();
  }

  engine& home_;
  /// Used by the run alone; runs follow each other.
  any_receiver<T> from_;
  const sender<T> to_;
  const pipe_options options_;
  /// Guards what is below.
  mutable std::mutex mutex_;
  std::shared_ptr<pipe_run> run_;
  /// What could neither be sent nor go back.
  std::unique_ptr<T> kept_;
};

} // namespace detail

template <class T>
class pipe {
  using here = std::source_location;
  using state = detail::pipe_state<T>;

public:
  /// In the runtime of the task that makes it; throws channel_error(wrong_thread)
  /// when there is none. It does not run yet.
  template <receivable R>
  pipe(R from, sender<T> to, pipe_options options = {})
      : pipe(detail::require_current_engine("levada::pipe"),
             any_receiver<T>{std::move(from)}, std::move(to),
             std::move(options)) {
  }
  template <receivable R>
  pipe(const runtime& home, R from, sender<T> to, pipe_options options = {})
      : pipe(home.engine(), any_receiver<T>{std::move(from)}, std::move(to),
             std::move(options)) {
  }
  pipe(pipe&&) noexcept = default;
  pipe& operator=(pipe&& other) noexcept {
    const auto old = std::exchange(state_, std::move(other.state_));
    if (old && old != state_)
      old->request_stop();
    return *this;
  }
  /// Stops it; does not wait (a destructor cannot): the item in flight goes back
  /// all the same.
  ~pipe() {
    if (state_)
      state_->request_stop();
  }

  /// Runs from now on, or as soon as it has stopped. False when it runs already.
  /// Throws channel_error(runtime_stopped).
  bool start(here at = here::current()) {
    return state::start(target(), at);
  }

  /// `co_await p.stop()`: ends it and waits until it has ended; at once when it
  /// does not run. Throws what ended it, to the first who asks. Cancelling the
  /// wait throws operation_cancelled; the pipe stops all the same.
  task<> stop(here line = here::current()) {
    return wait(target(), true, line);
  }
  /// Waits until it has ended by itself, or was stopped; else as stop().
  task<> join(here line = here::current()) {
    return wait(target(), false, line);
  }
  /// The same from a thread. Throw channel_error(wrong_thread) inside a task.
  void blocking_stop() {
    if (const auto now = target()->request_stop())
      block_for(*now);
  }
  void blocking_join() {
    if (const auto now = target()->current())
      block_for(*now);
  }

  /// False before start(), and from stop(), or its end, on.
  bool is_running() const {
    const auto now = target()->current();
    return now && !now->stop.stop_requested() && !now->over.is_closed();
  }

  /// The item that could neither be sent nor go back, or null. After stop().
  std::unique_ptr<T> take_kept() {
    return target()->take_kept();
  }

private:
  pipe(detail::engine& home, any_receiver<T> from, sender<T> to,
       pipe_options options)
      : state_(std::make_shared<state>(home, std::move(from), std::move(to),
                                       std::move(options))) {
  }

  static task<> wait(std::shared_ptr<state> of, bool stop, here line) {
    const auto now = stop ? of->request_stop() : of->current();
    if (!now)
      co_return;
    auto result = of->take_result(*now);
    if (result)
      co_await result.join(line);
    else
      (void)co_await now->over.receive(line);
  }
  void block_for(detail::pipe_run& run) {
    detail::forbid_blocking_in_task("levada::pipe");
    auto result = state_->take_result(run);
    if (result)
      result.blocking_join();
    else
      (void)run.over.blocking_receive();
  }
  const std::shared_ptr<state>& target() const {
    if (!state_)
      throw_error(make_error_code(errc::nil_channel),
                  "levada::pipe: this one was moved from");
    return state_;
  }

  std::shared_ptr<state> state_;
};

template <receivable R, class T>
pipe(R, sender<T>) -> pipe<T>;
template <receivable R, class T>
pipe(R, sender<T>, pipe_options) -> pipe<T>;
template <receivable R, class T>
pipe(const runtime&, R, sender<T>) -> pipe<T>;
template <receivable R, class T>
pipe(const runtime&, R, sender<T>, pipe_options) -> pipe<T>;

} // namespace levada
