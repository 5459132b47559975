// What the programs here share: they say on one line what was not as it should
// be, and end with the number of such lines. (No test framework: it would bring
// threads, signal handlers and output of its own.)
#pragma once

#include <filesystem>
#include <iterator>
#include <string_view>

#include <unistd.h>

namespace embedding {

inline int failures = 0;
/// Where failures are told; a program that watches stderr keeps the real one.
inline int told_to = STDERR_FILENO;

inline void check(bool holds, std::string_view sentence) {
  if (holds)
    return;
  ++failures;
  (void)!write(told_to, sentence.data(), sentence.size());
  (void)!write(told_to, "\n", 1);
}

inline long entries(const char* folder) {
  return std::distance(std::filesystem::directory_iterator{folder}, {});
}

/// Threads of this process. One that was joined may still be listed for a moment,
/// so who expects it gone asks until it is.
inline long threads() {
  return entries("/proc/self/task");
}
inline bool threads_come_down_to(long count) {
  for (int i = 0; i < 1'000'000 && threads() > count; ++i)
    usleep(10);
  return threads() <= count;
}

inline long descriptors() {
  return entries("/proc/self/fd");
}

} // namespace embedding
