// How far the work has come. Written by the stages, read by the progress display;
// nobody decides anything by it.
#pragma once

#include <atomic>
#include <cstdint>

namespace dupes {

/// A number that several tasks add to and one shows. Relaxed: it orders nothing.
class counter {
public:
  void add(std::uint64_t more) noexcept {
    value_.fetch_add(more, std::memory_order_relaxed);
  }
  std::uint64_t get() const noexcept {
    return value_.load(std::memory_order_relaxed);
  }

private:
  std::atomic<std::uint64_t> value_{0};
};

struct tally {
  counter files;   ///< found and looked at
  counter bytes;   ///< their sizes
  counter planned; ///< bytes to be read, as far as known
  counter read;    ///< bytes read
};

} // namespace dupes
