// levada's own program for the benchmarks: runs one workload, prints one JSON
// line a repetition. Exit status: 0, 1 for a wrong checksum, 2 for a command
// line that makes no sense, 3 for a workload it does not have.
#include <string_view>

#include "payload.hpp"
#include "workloads.hpp"

namespace bench {

namespace {

template <class T>
workload with_payload(std::string_view name) {
  if (name == "spsc_buffered" || name == "mpmc_buffered"
      || name == "rendezvous")
    return stream<T>;
  if (name == "ping_pong")
    return ping_pong<T>;
  if (name == "broadcast")
    return broadcast<T>;
  if (name == "fan_out")
    return fan_out<T>;
  if (name == "fan_in_select")
    return fan_in_select<T>;
  if (name == "thread_spsc" || name == "thread_mpmc"
      || name == "thread_rendezvous")
    return thread_stream<T>;
  if (name == "thread_ping_pong")
    return thread_ping_pong<T>;
  return nullptr;
}

workload without_payload(std::string_view name) {
  if (name == "sieve")
    return sieve;
  if (name == "ring")
    return ring;
  if (name == "skynet")
    return skynet;
  if (name == "spawn_million")
    return spawn_million;
  if (name == "close_latency")
    return close_latency;
  if (name == "timers")
    return timers;
  if (name == "timers_fire")
    return timers_fire;
  if (name == "in_turn")
    return in_turn;
  if (name == "wide_select")
    return wide_select;
  if (name == "wide_select_set")
    return wide_select_set;
  return nullptr;
}

workload find(const options& asked) {
  if (auto* found = without_payload(asked.workload))
    return found;
  if (asked.payload == "u64")
    return with_payload<std::uint64_t>(asked.workload);
  if (asked.payload == "s64")
    return with_payload<words64>(asked.workload);
  if (asked.payload == "str")
    return with_payload<std::string>(asked.workload);
  return nullptr;
}

} // namespace

} // namespace bench

int main(int argc, char** argv) {
  const auto asked = bench::parse(argc, argv);
  const auto run = bench::find(asked);
  if (run == nullptr) {
    bench::report_unsupported(asked);
    return 3;
  }
  for (std::uint64_t i = 0; i < asked.repetitions; ++i) {
    const auto found = run(asked);
    bench::report(asked, i, found);
    if (!found.ok)
      return 1;
  }
  return 0;
}
