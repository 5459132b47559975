// What is printed in the end.
#pragma once

#include <chrono>
#include <iosfwd>
#include <string>
#include <vector>

#include "file.hpp"

namespace dupes {

struct summary {
  std::uint64_t files = 0;      ///< looked at
  std::uint64_t bytes = 0;      ///< their sizes
  std::uint64_t groups = 0;     ///< of files with equal contents
  std::uint64_t duplicates = 0; ///< files that could go: all but one per group
  std::uint64_t wasted = 0;     ///< their bytes
  std::uint64_t unreadable = 0; ///< files and directories
  std::chrono::duration<double> seconds{0};
  bool interrupted = false;
};

/// Fills in what follows from the groups.
void count(summary& total, const std::vector<group>& groups);

/// A path a line, groups apart by an empty line.
void print_groups(std::ostream& out, const std::vector<group>& groups);

/// Both as one JSON object. Bytes of a path that are no UTF-8 are written as lone
/// surrogates, U+DC80 to U+DCFF, as Python does: no name is lost.
void print_json(std::ostream& out, const std::vector<group>& groups,
                const summary& total);

/// One line.
void print_summary(std::ostream& out, const summary& total);

/// "1.5 MiB"
std::string human_size(std::uint64_t bytes);

} // namespace dupes
