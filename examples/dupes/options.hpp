// The command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dupes {

struct options {
  std::vector<std::string> roots;
  /// Smaller files are left out; empty ones always are.
  std::uint64_t min_size = 1;
  /// How many files are read at a time.
  std::size_t jobs = 1;
  bool json = false;
};

/// What to do; or, when there is nothing to do, the status to exit with: help or
/// a complaint was printed then.
struct parsed {
  std::optional<options> wanted;
  int status = 0;
};

parsed parse(int argc, char** argv);

} // namespace dupes
