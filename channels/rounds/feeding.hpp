// feeding: a task in the background that receives everything and gives it to a
// keeper. What the caches are made of.
//
// The keeper outlives the task. Nothing is kept any more once stop() has
// returned: an item that comes in that moment goes back to its channel. What a
// function of the receiver, or the keeping, throws ends the feeding; check()
// throws it from then on.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include <levada/channels/any_receiver.hpp>

namespace levada::detail {

/// The state of a feeding; base of a keeper.
class feeding {
public:
  /// False when it had stopped, or ended, before.
  bool stop() noexcept {
    bool was_running = false;
    {
      const std::lock_guard guard{mutex_};
      was_running = !std::exchange(over_, true);
    }
    stop_.request_stop();
    return was_running;
  }
  bool is_over() const noexcept {
    const std::lock_guard guard{mutex_};
    return over_;
  }
  std::exception_ptr error() const noexcept {
    const std::lock_guard guard{mutex_};
    return error_;
  }
  void check() const {
    if (auto why = error())
      std::rethrow_exception(why);
  }
  std::stop_token token() const noexcept {
    return stop_.get_token();
  }

  void end() noexcept {
    const std::lock_guard guard{mutex_};
    over_ = true;
  }
  void fail(std::exception_ptr why) noexcept {
    const std::lock_guard guard{mutex_};
    if (!std::exchange(over_, true))
      error_.swap(why);
  }

protected:
  feeding() = default;
  ~feeding() = default;
  feeding(const feeding&) = delete;
  feeding& operator=(const feeding&) = delete;

  /// Guards what is below, and what is kept. No user code runs under it.
  mutable std::mutex mutex_;
  /// Nothing is kept any more.
  bool over_ = false;

private:
  std::exception_ptr error_;
  std::stop_source stop_;
};

/// `Keeper` is a feeding with keep(T&&) → null, or the item if it is over.
template <class T, class Keeper>
task<> feed(std::shared_ptr<Keeper> keeper, any_receiver<T> from) {
  const auto token = keeper->token();
  try {
    while (auto item = co_await from.receive(token))
      if (const auto refused = keeper->keep(*std::move(item))) {
        source_access::get(from).put_back(*refused);
        break;
      }
  } catch (...) {
    keeper->fail(std::current_exception());
  }
  from.close();
  keeper->end();
}

/// Starts it, in `home`, or in the runtime of the task that runs here.
template <class T, class Keeper>
void start_feeding(const runtime* home, std::shared_ptr<Keeper> keeper,
                   any_receiver<T> from, std::string name,
                   std::source_location at) {
  const task_options options{.name = std::move(name), .at = at};
  auto work = feed<T, Keeper>(std::move(keeper), std::move(from));
  if (home != nullptr)
    home->spawn(options, std::move(work)).detach();
  else
    spawn(options, std::move(work)).detach();
}

} // namespace levada::detail
