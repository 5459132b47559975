#include <levada/channels/file_watcher.hpp>

#include <atomic>
#include <cerrno>
#include <thread>

#include <sys/eventfd.h>
#include <unistd.h>

#include <levada/channels/file_watch.hpp>
#include <levada/runtime/engine.hpp>

namespace levada {
namespace detail {

/// The thread: waits for events, sends them, closes the channel in the end.
class file_watch_thread {
public:
  file_watch_thread(engine& home, sender<file_event> out,
                    const file_watcher::paths& watched,
                    const file_watcher_options& options)
      : counted_(home.outsiders),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        watch_(watched, options),
        polls_(watch_.polls()),
        waits_(options.on_full == overflow::wait) {
    if (!wake_)
      throw_error(std::error_code{errno, std::generic_category()},
                  "file_watcher: eventfd");
    thread_
      = std::jthread{[this](const std::stop_token& stop,
                            const sender<file_event>& to) { run(stop, to); },
                     std::move(out)};
  }
  ~file_watch_thread() {
    stop();
  }
  file_watch_thread(const file_watch_thread&) = delete;
  file_watch_thread& operator=(const file_watch_thread&) = delete;

  /// False when it was stopped before.
  bool stop() noexcept {
    if (!thread_.joinable())
      return false;
    thread_.request_stop();
    const std::uint64_t one = 1;
    while (::write(wake_.number(), &one, sizeof one) < 0 && errno == EINTR) {}
    thread_.join();
    return true;
  }

  bool polls() const noexcept {
    // relaxed: for people
    return polls_.load(std::memory_order_relaxed);
  }

private:
  void run(const std::stop_token& stop,
           const sender<file_event>& out) noexcept {
    try {
      while (send_all(out, watch_.wait(wake_.number(), stop), stop))
        polls_.store(watch_.polls(), std::memory_order_relaxed);
      out.close();
    } catch (...) { // told to whoever receives
      out.close(std::current_exception());
    }
  }

  /// False when it is time to end.
  bool send_all(const sender<file_event>& out, std::vector<file_event> events,
                const std::stop_token& stop) const {
    for (auto& each : events) {
      if (!waits_) {
        // (a channel that rejects keeps what it has, as if it dropped this one)
        if (out.try_send(std::move(each)).closed())
          return false;
      } else if (!out.blocking_send(std::move(each), stop)) {
        return false;
      }
    }
    return !stop.stop_requested();
  }

  const counted_outsider counted_;
  file_descriptor wake_;
  file_watch watch_;
  std::atomic<bool> polls_;
  const bool waits_;
  std::jthread thread_;
};

namespace {

channel_options<file_event> channel_for(const file_watcher_options& options) {
  channel_options<file_event> result;
  result.name = options.name;
  result.capacity = options.capacity;
  result.on_full = options.on_full == overflow::reject ? overflow::drop_incoming
                                                       : options.on_full;
  return result;
}

} // namespace
} // namespace detail

const char* to_string(file_change change) noexcept {
  switch (change) {
    case file_change::create:
      return "create";
    case file_change::modify:
      return "modify";
    case file_change::remove:
      return "remove";
    case file_change::all:
      return "all";
  }
  return "several";
}

file_watcher::file_watcher(const runtime& home, const paths& watched,
                           const file_watcher_options& options)
    : file_watcher(home.engine(), watched, options) {
}

file_watcher::file_watcher(const paths& watched,
                           const file_watcher_options& options)
    : file_watcher(detail::require_current_engine("file_watcher"), watched,
                   options) {
}

file_watcher::file_watcher(detail::engine& home, const paths& watched,
                           const file_watcher_options& options) {
  auto ends
    = detail::make_channel_in<file_event>(home, detail::channel_for(options));
  levada::receiver<file_event>::operator=(std::move(ends.rx));
  thread_ = std::make_unique<detail::file_watch_thread>(
    home, std::move(ends.tx), watched, options);
}

file_watcher::file_watcher(file_watcher&& other) noexcept = default;
file_watcher& file_watcher::operator=(file_watcher&& other) noexcept = default;
file_watcher::~file_watcher() = default;

bool file_watcher::close() noexcept {
  return thread_ != nullptr && thread_->stop();
}

bool file_watcher::polls() const noexcept {
  return thread_ != nullptr && thread_->polls();
}

} // namespace levada
