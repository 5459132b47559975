// What the channel tests share: the kinds of channels there are, a bounded wait
// for a state, and a task that collects.
#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include <catch.hpp>

#include <levada/channels/arrows.hpp>
#include <levada/channels/channel.hpp>
#include <levada/runtime/pause.hpp>

namespace levada_tests {

using levada::errc;
using levada::make_channel;
using levada::make_error_code;
using levada::overflow;
using levada::receiver;
using levada::runtime;
using levada::send_status;
using levada::sender;
using levada::task;
using namespace std::chrono_literals;

/// One kind of channel: rules that hold for all are tested on each of them.
struct flavour {
  std::string name;
  levada::channel_capacity capacity;
  overflow on_full = overflow::wait;

  template <class T>
  levada::channel_options<T> options() const {
    levada::channel_options<T> result;
    result.name = name;
    result.capacity = capacity;
    result.on_full = on_full;
    return result;
  }

  friend std::ostream& operator<<(std::ostream& out, const flavour& self) {
    return out << self.name;
  }
};

/// Those that make a sender wait.
inline std::vector<flavour> waiting_flavours() {
  return {{"rendezvous", 0},
          {"capacity 1", 1},
          {"capacity 2", 2},
          {"capacity 16", 16},
          {"unbounded", levada::unbounded}};
}

/// Those that have a buffer with an end.
inline std::vector<flavour> bounded_flavours() {
  return {{"capacity 1", 1}, {"capacity 2", 2}, {"capacity 16", 16}};
}

/// Those that never make a sender wait, since they reject or drop.
inline std::vector<flavour> overflowing_flavours() {
  return {{"rendezvous, reject", 0, overflow::reject},
          {"1, reject", 1, overflow::reject},
          {"3, reject", 3, overflow::reject},
          {"1, drop oldest", 1, overflow::drop_oldest},
          {"3, drop oldest", 3, overflow::drop_oldest},
          {"1, drop newest queued", 1, overflow::drop_newest_queued},
          {"3, drop newest queued", 3, overflow::drop_newest_queued},
          {"rendezvous, drop incoming", 0, overflow::drop_incoming},
          {"1, drop incoming", 1, overflow::drop_incoming},
          {"3, drop incoming", 3, overflow::drop_incoming}};
}

inline std::vector<flavour> all_flavours() {
  auto result = waiting_flavours();
  for (auto& each : overflowing_flavours())
    result.push_back(each);
  return result;
}

/// Waits until `holds()`; a state that does not come within half a minute will
/// never come.
template <class F>
void until(F&& holds) {
  const auto end = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) {
      FAIL("the awaited state never came");
      return;
    }
    std::this_thread::yield();
  }
}

template <class Handle>
void until_receivers_wait(const Handle& handle, std::uint32_t count) {
  until([&] { return handle.info().waiting_receivers == count; });
}

template <class Handle>
void until_senders_wait(const Handle& handle, std::uint32_t count) {
  until([&] { return handle.info().waiting_senders == count; });
}

/// No item is ever lost without a trace.
inline bool conserved(const levada::channel_stats& stats) {
  return stats.sent
         == stats.received + stats.leased + stats.buffered + stats.waiting
              + stats.handed_back + stats.dead_lettered;
}

/// Everything until the channel is closed and drained.
template <class T>
task<std::vector<T>> collect(receiver<T> in) {
  std::vector<T> result;
  while (auto v = co_await in.receive())
    result.push_back(*std::move(v));
  co_return result;
}

/// Sends first, first + 1, … last - 1 until one fails.
inline task<int> send_numbers(sender<int> out, int first, int last) {
  int went = 0;
  for (int i = first; i < last; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      break;
    ++went;
  }
  co_return went;
}

inline std::vector<int> numbers(int first, int last) {
  std::vector<int> result;
  for (int i = first; i < last; ++i)
    result.push_back(i);
  return result;
}

} // namespace levada_tests
