// dump() on SIGUSR1, for the runtimes that ask for it.
//
// The handler only writes to an eventfd; a thread reads it and prints. Both are
// there exactly while some runtime wants them, and the handler that was
// installed before comes back afterwards.
#include <algorithm>
#include <atomic>
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
std::atomic<int> event_descriptor = -1;

void ring(int descriptor) noexcept {
  const std::uint64_t one = 1;
  (void)!write(descriptor, &one, sizeof one);
}

void on_signal(int) {
  const int before = errno;
  ring(event_descriptor);
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
    int descriptor = -1;
    {
      std::lock_guard guard{mutex_};
      std::erase(engines_, &which);
      if (engines_.empty() && thread_.joinable()) {
        sigaction(SIGUSR1, &before_, nullptr);
        descriptor = event_descriptor.exchange(-1);
        finished.swap(thread_);
      }
    }
    if (finished.joinable()) {
      ring(descriptor); // wakes the thread, which finds that it is to end
      finished.join();
      close(descriptor);
    }
  }

private:
  void start() {
    const int descriptor = eventfd(0, EFD_CLOEXEC);
    if (descriptor < 0)
      throw std::system_error(errno, std::generic_category(),
                              "dump_on_sigusr1: eventfd");
    thread_ = std::thread{[this, descriptor] { run(descriptor); }};
    event_descriptor = descriptor;
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &action, &before_);
  }

  void run(int descriptor) {
    std::uint64_t count = 0;
    for (;;) {
      if (read(descriptor, &count, sizeof count) < 0 && errno == EINTR)
        continue;
      std::ostringstream out;
      {
        std::lock_guard guard{mutex_};
        // Another descriptor: this thread was told to end, and the next one
        // has begun already.
        if (event_descriptor != descriptor)
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
  struct sigaction before_{};
};

} // namespace

void dump_on_signal(engine& which) {
  signal_dump::instance().add(which);
}

void no_dump_on_signal(engine& which) noexcept {
  signal_dump::instance().remove(which);
}

} // namespace levada::detail
