// usage: plugin_host PLUGIN: loads, uses and unloads it again and again.
#include <cstdio>
#include <thread>

#include <dlfcn.h>

#include "check.hpp"

namespace {

using embedding::check;

void* load(const char* path, int flags = 0) {
  return dlopen(path, RTLD_NOW | RTLD_LOCAL | flags);
}

bool is_loaded(const char* path) {
  void* plugin = load(path, RTLD_NOLOAD);
  if (plugin != nullptr)
    dlclose(plugin);
  return plugin != nullptr;
}

void use(void* plugin) {
  auto* sum = reinterpret_cast<int (*)(int)>(dlsym(plugin, "plugin_sum"));
  check(sum(20) == 420, "the plugin's sum is wrong");
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
  const char* path = argv[1];
  const auto descriptors = embedding::descriptors();
  long settled = 0;
  for (int i = 0; i < 100; ++i) {
    void* plugin = load(path);
    if (plugin == nullptr) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    // On a thread that ends: libc unloads nothing that has yet to clean up a
    // thread's own variables.
    std::thread{[plugin] { use(plugin); }}.join();
    check(embedding::threads_come_down_to(1), "a thread outlives its use");
    check(dlclose(plugin) == 0, "dlclose failed");
    check(!is_loaded(path), "it is still loaded");
    if (i == 50)
      settled = resident();
  }
  check(embedding::descriptors() == descriptors, "a descriptor stays open");
  check(resident() - settled < 512, "each use leaves memory behind");

  // On this thread it stays loaded until the process ends, and does no harm.
  for (int i = 0; i < 10; ++i) {
    void* plugin = load(path);
    use(plugin);
    check(dlclose(plugin) == 0, "dlclose failed");
    check(embedding::threads_come_down_to(1), "a thread outlives its use");
  }
  return embedding::failures;
}
