#include "measure.hpp"

#include <cstdio>
#include <fstream>

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bench {

namespace {

rusage usage_now() noexcept {
  rusage now{};
  getrusage(RUSAGE_SELF, &now);
  return now;
}

std::uint64_t nanoseconds(const timeval& time) noexcept {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000
         + static_cast<std::uint64_t>(time.tv_usec) * 1'000;
}

std::uint64_t cpu_ns(const rusage& of) noexcept {
  return nanoseconds(of.ru_utime) + nanoseconds(of.ru_stime);
}

} // namespace

stopwatch::stopwatch() noexcept {
  const auto now = usage_now();
  cpu_ns_ = cpu_ns(now);
  switches_ = static_cast<std::uint64_t>(now.ru_nvcsw);
  start_ = wall_clock::now();
}

cost stopwatch::until(wall_clock::time_point end) const noexcept {
  const auto now = usage_now();
  return {
    static_cast<std::uint64_t>(std::chrono::nanoseconds{end - start_}.count()),
    cpu_ns(now) - cpu_ns_,
    static_cast<std::uint64_t>(now.ru_nvcsw) - switches_};
}

void finish_line::arrive() noexcept {
  // acq_rel: the last one stands for all that the others did
  if (left_.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  end_ = wall_clock::now();
  // release: publishes end_ and the tasks' results to wait()
  over_.store(1, std::memory_order_release);
  over_.notify_one();
}

wall_clock::time_point finish_line::wait() noexcept {
  over_.wait(0, std::memory_order_acquire);
  return end_;
}

void give_memory_back() noexcept {
  malloc_trim(0);
}

std::uint64_t resident_bytes() {
  std::uint64_t all = 0;
  std::uint64_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> all >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

double per(std::uint64_t total, std::uint64_t items) noexcept {
  return static_cast<double>(total) / static_cast<double>(items);
}

void report(const options& asked, std::uint64_t repetition,
            const result& found) {
  const auto number = [](std::uint64_t value) {
    return static_cast<unsigned long long>(value);
  };
  std::printf(R"({"peer":"levada","workload":"%s","items":%llu,"cap":%llu,)"
              R"("producers":%llu,"consumers":%llu,"k":%llu,"workers":%llu,)"
              R"("payload":"%s","rep":%llu,"ns_total":%llu,"ns_per_item":%.3f,)"
              R"("cpu_ns_per_item":%.3f,"vcsw":%llu,"ok":%s)",
              asked.workload.c_str(), number(found.items),
              number(asked.capacity), number(asked.producers),
              number(asked.consumers), number(asked.k), number(asked.workers),
              asked.payload.c_str(), number(repetition),
              number(found.took.wall_ns), per(found.took.wall_ns, found.items),
              per(found.took.cpu_ns, found.items), number(found.took.switches),
              found.ok ? "true" : "false");
  for (const auto& [name, value] : found.more)
    std::printf(R"(,"%s":%.3f)", name.c_str(), value);
  std::puts("}");
  std::fflush(stdout);
}

void report_unsupported(const options& asked) {
  std::printf(R"({"peer":"levada","workload":"%s","unsupported":true})"
              "\n",
              asked.workload.c_str());
}

} // namespace bench
