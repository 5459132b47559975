// Reading files: plain functions that block, to be called in levada::blocking.
#pragma once

#include <stop_token>
#include <vector>

#include "file.hpp"
#include "tally.hpp"

namespace dupes {

/// What came of reading several files.
struct hashed_files {
  std::vector<hashed_file> hashed;
  std::vector<problem> problems;
};

/// What came of comparing them.
struct compared_twins {
  std::vector<twins> equal;
  std::vector<problem> problems;
};

/// How much of a file is looked at first.
inline constexpr std::uint64_t head_size = 4096;

/// Reads as long as nobody asks it to stop, and counts the bytes.
class reader {
public:
  reader(std::stop_token stop, tally* counts) noexcept
      : stop_(std::move(stop)),
        counts_(counts) {
  }

  /// The digests of the first head_size bytes of each.
  hashed_files hash_heads(std::vector<file> files) const;

  /// The digests of the contents; the heads' may have been of the whole.
  hashed_files hash_contents(std::vector<hashed_file> files) const;

  /// Those whose contents are the same, byte by byte.
  compared_twins compare(std::vector<twins> pairs) const;

private:
  digest hash_up_to(const file& which, std::uint64_t size) const;
  bool equal(const file& a, const file& b) const;

  std::stop_token stop_;
  tally* counts_;
};

} // namespace dupes
