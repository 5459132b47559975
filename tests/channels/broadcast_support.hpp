// What the tests of broadcasts share.
#pragma once

#include <levada/channels/broadcast.hpp>

#include "support.hpp"

namespace levada_tests {

using levada::broadcast_receiver;
using levada::broadcast_sender;
using levada::make_broadcast;

/// Everything until it is closed and drained; lagged() must be 0.
template <class T>
task<std::vector<T>> collect_all(broadcast_receiver<T> in) {
  std::vector<T> result;
  while (auto v = co_await in.receive()) {
    if (v.lagged() != 0)
      break;
    result.push_back(*std::move(v));
  }
  co_return result;
}

/// A send in a task, as the error it ended with.
inline task<std::error_code> send_one(broadcast_sender<int> out, int item) {
  auto sent = co_await out.send(item);
  co_return sent.error();
}

/// True when `f` throws channel_error(invalid_argument).
template <class F>
bool is_invalid(F&& f) {
  try {
    f();
  } catch (const levada::channel_error& error) {
    return error.code() == errc::invalid_argument;
  }
  return false;
}

} // namespace levada_tests
