// The command line every benchmark program speaks; see bench/README.md.
#pragma once

#include <cstdint>
#include <string>

namespace bench {

struct options {
  std::string workload;
  std::string payload = "u64";
  std::uint64_t items = 1'000'000;
  std::uint64_t capacity = 128;
  std::uint64_t producers = 1;
  std::uint64_t consumers = 1;
  std::uint64_t k = 2;
  std::uint64_t workers = 2;
  std::uint64_t repetitions = 1;
};

/// Ends the program with a sentence when the command line makes no sense.
options parse(int argc, char** argv);

} // namespace bench
