// What the tests of the runtime share.
#pragma once

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

/// Waits until `holds()` is true; false when that takes absurdly long. Only for
/// states that nothing announces.
template <class Predicate>
bool eventually(Predicate holds) {
  using namespace std::chrono_literals;
  const auto limit = std::chrono::steady_clock::now() + 60s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > limit)
      return false;
    std::this_thread::sleep_for(200us);
  }
  return true;
}

/// How a child process ended, and what it said.
struct child_end {
  int status = 0;
  std::string said;

  bool returned(int code) const {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }
  bool aborted() const {
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
  }
  bool says(const std::string& text) const {
    return said.find(text) != std::string::npos;
  }
};

/// Runs `body` in a forked process, whose exit code it returns, and collects
/// what that writes to stderr. To be called while no other thread runs.
template <class Body>
child_end in_child(Body body) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return {-1, "pipe2 failed"};
  std::fflush(nullptr);
  const auto child = fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL); // not Catch's
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(60);
    dup2(ends[1], STDERR_FILENO);
    int code = 125;
    try {
      code = body();
    } catch (const std::exception& error) { // told through the pipe
      std::fprintf(stderr, "child: %s\n", error.what());
    }
    _exit(code);
  }
  close(ends[1]);
  child_end result;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = read(ends[0], buffer, sizeof buffer)) > 0)
    result.said.append(buffer, static_cast<std::size_t>(count));
  close(ends[0]);
  waitpid(child, &result.status, 0);
  return result;
}

} // namespace test
