#include "interrupt.hpp"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

namespace dupes {

namespace {

constexpr char interrupted = 'i';
constexpr char leaving = 'l';

/// The writing end of the pipe, for the handler.
std::atomic<int> write_to{-1};
static_assert(std::atomic<int>::is_always_lock_free);

void send(char what) noexcept {
  const int saved = errno;
  // A pipe that is full holds what wakes the listener already.
  [[maybe_unused]] const auto written
    = write(write_to.load(std::memory_order_relaxed), &what, 1);
  errno = saved;
}

char receive(int from) noexcept {
  char what = leaving;
  while (read(from, &what, 1) < 0 && errno == EINTR) {}
  return what;
}

void catch_sigint(void (*handler)(int), int flags) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(SIGINT, &action, nullptr);
}

} // namespace

interrupt::interrupt() {
  if (pipe2(pipe_, O_CLOEXEC) != 0)
    throw std::system_error{errno, std::generic_category(), "pipe"};
  write_to.store(pipe_[1], std::memory_order_relaxed);
  listener_ = std::thread{[this] {
    if (receive(pipe_[0]) == interrupted) {
      source_.request_stop();
      receive(pipe_[0]);
    }
  }};
  // SA_RESETHAND: the second one finds the default action again.
  catch_sigint([](int) { send(interrupted); },
               SA_RESTART | static_cast<int>(SA_RESETHAND));
}

interrupt::~interrupt() {
  catch_sigint(SIG_DFL, 0);
  send(leaving);
  listener_.join();
  close(pipe_[0]);
  close(pipe_[1]);
}

} // namespace dupes
