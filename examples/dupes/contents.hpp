// Reading files: plain functions that block, to be called in levada::blocking.
#pragma once

#include <optional>
#include <stop_token>

#include "file.hpp"
#include "tally.hpp"

namespace dupes {

/// A value, or what the trouble was; neither when it was interrupted.
template <class T>
struct outcome {
  std::optional<T> value;
  std::optional<problem> trouble;
};

/// What came of reading several files.
struct hashed_files {
  std::vector<hashed_file> hashed;
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

  /// The digest of the contents.
  outcome<digest> hash(const file& which) const;

  /// True when the contents are the same, byte by byte.
  outcome<bool> equal(const file& a, const file& b) const;

private:
  outcome<digest> hash_up_to(const file& which, std::uint64_t size) const;

  std::stop_token stop_;
  tally* counts_;
};

} // namespace dupes
