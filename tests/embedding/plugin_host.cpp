// usage: plugin_host PLUGIN: loads, uses and unloads it again and again.
#include <cstdio>
#include <thread>

#include <dlfcn.h>

#include "check.hpp"

namespace {

using embedding::check;

int use(const char* path) {
  void* plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return -1;
  }
  auto* sum = reinterpret_cast<int (*)(int)>(dlsym(plugin, "plugin_sum"));
  const int result = sum(20);
  // What the plugin's threads ran is gone with the runtime: it may be unmapped.
  check(dlclose(plugin) == 0, "dlclose failed");
  return result;
}

/// Resident memory, in pages.
long resident() {
  long total = 0;
  long result = 0;
  if (auto* file = std::fopen("/proc/self/statm", "r")) {
    (void)!std::fscanf(file, "%ld %ld", &total, &result);
    std::fclose(file);
  }
  return result;
}

} // namespace

int main(int, char** argv) {
  const auto descriptors = embedding::descriptors();
  long settled = 0;
  for (int i = 0; i < 100; ++i) {
    int sum = 0;
    // On a thread that ends with it, and on one that goes on.
    if (i % 2 == 0)
      std::thread{[&] { sum = use(argv[1]); }}.join();
    else
      sum = use(argv[1]);
    check(sum == 420, "the plugin's sum is wrong");
    check(embedding::threads_come_down_to(1), "a thread outlives its use");
    if (i == 50)
      settled = resident();
  }
  check(embedding::descriptors() == descriptors, "a descriptor stays open");
  check(resident() - settled < 2048, "each use leaves memory behind");
  return embedding::failures;
}
