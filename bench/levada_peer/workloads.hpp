// The workloads, as bench/README.md defines them.
#pragma once

#include "measure.hpp"

namespace bench {

using workload = result (*)(const options& asked);

// streams.cpp: values from producers to consumers
template <class T>
result stream(const options& asked);
template <class T>
result ping_pong(const options& asked);
template <class T>
result broadcast(const options& asked);
template <class T>
result fan_out(const options& asked);
template <class T>
result fan_in_select(const options& asked);

// networks.cpp: many tasks, and a channel between each two
result sieve(const options& asked);
result ring(const options& asked);
result skynet(const options& asked);

// crowds.cpp: many tasks that wait
result spawn_million(const options& asked);
result close_latency(const options& asked);
result timers(const options& asked);
result timers_fire(const options& asked);

// widths.cpp: for the curves
result in_turn(const options& asked);
result wide_select(const options& asked);
result wide_select_set(const options& asked);

// threads.cpp: the same between OS threads
template <class T>
result thread_stream(const options& asked);
template <class T>
result thread_ping_pong(const options& asked);

} // namespace bench
