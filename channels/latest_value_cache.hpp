// latest_value_cache: the newest thing that was received, for whoever looks.
//
//   levada::latest_value_cache temperature{rt, std::move(rx)};
//   if (auto now = temperature.get())     // a copy; never waits
//     show(*now);
//
// It owns the receiver and a task that receives everything as it comes, so that
// senders never wait for whoever looks. (Where the senders are one's own,
// make_latest needs no task.)
//
// Closing  when the receiver ends, the last value stays. stop() closes the
//          receiver, and so does the destructor.
// Threads  get() and the others may be called by any threads at once; a value is
//          copied outside of the lock, from an object that does not change.
// Errors   what the receiver's functions throw ends the receiving: get() and
//          view() throw it from then on. The value before it stays in last().
// Cost     one task; an allocation for each item.
#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <utility>

#include <levada/channels/rounds/feeding.hpp>

namespace levada {
namespace detail {

template <class T>
class value_keeper final : public feeding {
public:
  std::shared_ptr<T> keep(T&& item) {
    auto made = std::make_shared<T>(std::move(item));
    std::shared_ptr<const T> next = made;
    const std::lock_guard guard{mutex_};
    if (over_)
      return made;
    value_.swap(next); // the old one goes after the lock
    return nullptr;
  }
  std::shared_ptr<const T> value() const noexcept {
    const std::lock_guard guard{mutex_};
    return value_;
  }

private:
  std::shared_ptr<const T> value_;
};

} // namespace detail

template <class T>
class latest_value_cache {
  using here = std::source_location;

public:
  using value_type = T;

  /// In the runtime of the task that makes it; throws channel_error(wrong_thread)
  /// when there is none, and (runtime_stopped) when that has stopped.
  template <receivable R>
  explicit latest_value_cache(R from, std::string name = "latest value cache",
                              here at = here::current())
      : latest_value_cache(nullptr, any_receiver<T>{std::move(from)},
                           std::move(name), at) {
  }
  template <receivable R>
  latest_value_cache(const runtime& home, R from,
                     std::string name = "latest value cache",
                     here at = here::current())
      : latest_value_cache(&home, any_receiver<T>{std::move(from)},
                           std::move(name), at) {
  }
  latest_value_cache(latest_value_cache&&) noexcept = default;
  latest_value_cache& operator=(latest_value_cache&& other) noexcept {
    auto old = std::exchange(keeper_, std::move(other.keeper_));
    if (old && old != keeper_)
      old->stop();
    return *this;
  }
  ~latest_value_cache() {
    if (keeper_)
      keeper_->stop();
  }

  /// A copy of the newest value, or errc::empty when there was none yet.
  try_receive_result<T> get() const
    requires std::copy_constructible<T>
  {
    const auto now = view();
    if (now == nullptr)
      return try_receive_result<T>{errc::empty};
    return try_receive_result<T>{std::in_place, *now};
  }

  /// The newest value itself, which stays as it is; null when there was none yet.
  std::shared_ptr<const T> view() const {
    keeper().check();
    return keeper().value();
  }

  /// As view(), also after an error.
  std::shared_ptr<const T> last() const {
    return keeper().value();
  }
  bool has_value() const {
    return keeper().value() != nullptr;
  }

  /// Receives no more, and closes the receiver as soon as the task comes to it;
  /// the last value stays and does not change after this. False when it had
  /// stopped or ended before. Never waits.
  bool stop() {
    return keeper().stop();
  }
  /// False once the receiver has ended, or failed, or it was stopped.
  bool is_running() const {
    return !keeper().is_over();
  }
  /// What ended it, or null.
  std::exception_ptr error() const {
    return keeper().error();
  }

private:
  latest_value_cache(const runtime* home, any_receiver<T> from,
                     std::string name, here at)
      : keeper_(std::make_shared<detail::value_keeper<T>>()) {
    detail::start_feeding(home, keeper_, std::move(from), std::move(name), at);
  }

  detail::value_keeper<T>& keeper() const {
    if (!keeper_)
      throw_error(make_error_code(errc::nil_channel),
                  "latest_value_cache: this one was moved from");
    return *keeper_;
  }

  std::shared_ptr<detail::value_keeper<T>> keeper_;
};

template <receivable R>
latest_value_cache(R) -> latest_value_cache<received_type<R>>;
template <receivable R>
latest_value_cache(R, std::string) -> latest_value_cache<received_type<R>>;
template <receivable R>
latest_value_cache(const runtime&, R) -> latest_value_cache<received_type<R>>;
template <receivable R>
latest_value_cache(const runtime&, R, std::string)
  -> latest_value_cache<received_type<R>>;

} // namespace levada
