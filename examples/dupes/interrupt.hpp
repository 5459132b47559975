// Ctrl-C as a stop token.
#pragma once

#include <stop_token>
#include <thread>

namespace dupes {

/// While it lives, the first SIGINT requests the stop token, and the second one
/// ends the program as if nobody had caught it. One at a time.
class interrupt {
public:
  interrupt();
  ~interrupt();
  interrupt(const interrupt&) = delete;
  interrupt& operator=(const interrupt&) = delete;

  std::stop_token token() const noexcept {
    return source_.get_token();
  }

private:
  std::stop_source source_;
  int pipe_[2] = {-1, -1};
  /// A signal handler can do next to nothing: it wakes this thread.
  std::thread listener_;
};

} // namespace dupes
