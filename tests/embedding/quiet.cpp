// A runtime makes no thread, takes no signal and prints nothing that it was not
// asked for, while it lives and after.
#include <array>
#include <csignal>
#include <cstring>

#include <sys/mman.h>

#include "check.hpp"
#include "work.hpp"

namespace {

using embedding::check;

/// What the process does with each signal.
using dispositions = std::array<struct sigaction, NSIG>;

dispositions signals() {
  dispositions result{};
  for (int i = 1; i < NSIG; ++i)
    sigaction(i, nullptr, &result[static_cast<std::size_t>(i)]);
  return result;
}

/// How libc returns from a handler is its own business: it sets this flag.
constexpr int of_libc = 0x04000000; // SA_RESTORER

bool same(const dispositions& a, const dispositions& b) {
  for (std::size_t i = 1; i < a.size(); ++i)
    if (a[i].sa_handler != b[i].sa_handler
        || (a[i].sa_flags | of_libc) != (b[i].sa_flags | of_libc))
      return false;
  return true;
}

bool same_mask(const sigset_t& before) {
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  for (int i = 1; i < NSIG; ++i)
    if (sigismember(&before, i) != sigismember(&now, i))
      return false;
  return true;
}

/// stdout and stderr go to memory from now on; failures to the real stderr.
int catch_output() {
  embedding::told_to = dup(STDERR_FILENO);
  const int memory = memfd_create("output", MFD_CLOEXEC);
  dup2(memory, STDOUT_FILENO);
  dup2(memory, STDERR_FILENO);
  return memory;
}

void use_a_runtime(const dispositions& before, const sigset_t& mask) {
  constexpr long workers = 3;
  const auto threads = embedding::threads();
  levada::runtime rt{{.workers = workers}};
  check(embedding::work(rt, 100) == 10100, "the sum is wrong");
  // Workers, levada's timers, CAF's clock and its printer; none a call.
  const auto made = embedding::threads() - threads;
  check(made >= workers && made <= workers + 4, "more threads than documented");
  check(embedding::work(rt, 100) == 10100, "the sum is wrong");
  check(embedding::threads_come_down_to(threads + made), "threads grow in use");
  check(same(before, signals()), "a signal's disposition changed in use");
  check(same_mask(mask), "the signal mask changed in use");
}

} // namespace

int main() {
  const int output = catch_output();
  const auto before = signals();
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  const auto descriptors = embedding::descriptors();
  check(embedding::threads() == 1, "threads before the first runtime");
  for (int i = 0; i < 10; ++i) {
    use_a_runtime(before, mask);
    check(embedding::threads_come_down_to(1), "a thread outlives the runtime");
    check(embedding::descriptors() == descriptors, "a descriptor stays open");
  }
  check(same(before, signals()), "a signal's disposition changed for good");
  check(lseek(output, 0, SEEK_END) == 0, "it printed something");

  // Asked for, they come, and go with the runtime.
  {
    levada::runtime rt{{.workers = 1, .dump_on_sigusr1 = true}};
    check(!same(before, signals()), "no handler although asked for");
  }
  check(same(before, signals()), "the handler outlives the runtime");
  check(embedding::threads_come_down_to(1), "its thread outlives the runtime");
  return embedding::failures;
}
