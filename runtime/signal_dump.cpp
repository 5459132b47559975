// dump() on SIGUSR1, for the runtimes that ask for it.
//
// The handler only writes to an eventfd; a thread reads it and prints. Both are
// there exactly while some runtime wants them, and the handler that was
// installed before comes back afterwards.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <mutex>
#include <sstream>
#include <system_error>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include <levada/runtime/dump.hpp>
#include <levada/runtime/engine.hpp>

namespace levada::detail {

namespace {

/// What the signal handler may touch.
int event_descriptor = -1;

void on_signal(int) {
  const int before = errno;
  const std::uint64_t one = 1;
  (void)!write(event_descriptor, &one, sizeof one);
  errno = before;
}

class signal_dump {
public:
  static signal_dump& instance() {
    static signal_dump only;
    return only;
  }

  void add(engine& which) {
    std::lock_guard guard{mutex_};
    if (engines_.empty())
      start();
    engines_.push_back(&which);
  }

  void remove(engine& which) noexcept {
    std::thread finished;
    {
      std::lock_guard guard{mutex_};
      std::erase(engines_, &which);
      if (engines_.empty() && thread_.joinable()) {
        sigaction(SIGUSR1, &before_, nullptr);
        on_signal(0); // wakes the thread, which finds nobody to print for
        finished.swap(thread_);
      }
    }
    if (finished.joinable()) {
      finished.join();
      close(event_descriptor);
      event_descriptor = -1;
    }
  }

private:
  void start() {
    event_descriptor = eventfd(0, EFD_CLOEXEC);
    if (event_descriptor < 0)
      throw std::system_error(errno, std::generic_category(),
                              "dump_on_sigusr1: eventfd");
    thread_ = std::thread{[this] { run(); }};
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &before_);
  }

  void run() {
    std::uint64_t count = 0;
    for (;;) {
      if (read(event_descriptor, &count, sizeof count) < 0 && errno == EINTR)
        continue;
      std::ostringstream out;
      {
        std::lock_guard guard{mutex_};
        if (engines_.empty())
          return;
        for (auto* each : engines_)
          dump(*each, out);
      }
      std::cerr << out.str() << std::flush;
    }
  }

  std::mutex mutex_;
  std::vector<engine*> engines_;
  std::thread thread_;
  struct sigaction before_ {};
};

} // namespace

void dump_on_signal(engine& which) {
  signal_dump::instance().add(which);
}

void no_dump_on_signal(engine& which) noexcept {
  signal_dump::instance().remove(which);
}

} // namespace levada::detail
