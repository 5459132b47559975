// A blocking operation that need not wait does not call the kernel.
//
// liblevada calls it through libc's `syscall`; this program has one of its own,
// which counts.
#include <cstdarg>

#include <dlfcn.h>

#include "check.hpp"
#include "work.hpp"

namespace {

/// Of this thread: what idle workers do meanwhile is their affair.
thread_local long calls = 0;

using syscall_type = long (*)(long, ...);

/// Calls of `use`, once what is done once has been done.
template <class F>
long calls_of(F use) {
  use();
  const auto before = calls;
  for (int i = 0; i < 1000; ++i)
    use();
  return calls - before;
}

} // namespace

extern "C" long syscall(long number, ...) noexcept {
  static const auto real
    = reinterpret_cast<syscall_type>(dlsym(RTLD_NEXT, "syscall"));
  ++calls;
  va_list args;
  va_start(args, number);
  long given[6];
  for (auto& each : given)
    each = va_arg(args, long);
  va_end(args);
  return real(number, given[0], given[1], given[2], given[3], given[4],
              given[5]);
}

int main() {
  using embedding::check;
  levada::runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 8});
  auto [all_tx, all_rx] = levada::make_broadcast<int>(rt, {.capacity = 8});
  auto [new_tx, new_rx] = levada::make_latest(rt, 0);
  levada::select_set set;
  set.add(rx);

  // The count counts: who waits must call.
  const auto before = calls;
  check(rx.blocking_receive_for(std::chrono::milliseconds{1}).timed_out(),
        "there is nothing to receive");
  check(calls > before, "no system call was seen at all");

  check(calls_of([&tx = tx, &rx = rx] {
          check(bool{tx.blocking_send(1)}, "not sent");
          check(bool{rx.blocking_receive()}, "not received");
        }) == 0,
        "send and receive on a channel call the kernel");
  check(calls_of([&tx = tx, &rx = rx] {
          check(bool{tx.blocking_send_for(1, std::chrono::hours{1})},
                "not sent");
          check(rx.blocking_ready(), "not ready");
          check(bool{rx.blocking_receive_for(std::chrono::hours{1})},
                "not received");
        }) == 0,
        "with a time they call the kernel");
  check(calls_of([&tx = tx, &rx = rx] {
          check(bool{tx.blocking_send(1)}, "not sent");
          for (auto& v : rx.blocking()) {
            (void)v;
            break;
          }
        }) == 0,
        "a range calls the kernel");
  check(calls_of([&tx = tx, &rx = rx] {
          check(bool{tx.blocking_send(1)}, "not sent");
          (void)levada::blocking_select(rx,
                                        levada::after(std::chrono::hours{1}));
        }) == 0,
        "a select with something ready calls the kernel");
  check(calls_of([&tx = tx, &set] {
          check(bool{tx.blocking_send(1)}, "not sent");
          check(bool{set.blocking_next()}, "nothing in the set");
        }) == 0,
        "a set with something ready calls the kernel");
  check(calls_of([&tx = all_tx, &rx = all_rx] {
          check(bool{tx.blocking_send(1)}, "not sent");
          check(bool{rx.blocking_receive()}, "not received");
        }) == 0,
        "a broadcast calls the kernel");
  check(calls_of([&tx = new_tx, &rx = new_rx] {
          check(bool{tx.send(1)}, "not sent");
          check(bool{rx.blocking_changed()}, "no change");
        }) == 0,
        "a latest value calls the kernel");
  return embedding::failures;
}
