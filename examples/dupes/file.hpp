// What travels through the channels of dupes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <levada/levada.hpp>

namespace dupes {

/// A regular file that was found.
struct file {
  std::string path;
  std::uint64_t size = 0;
};

/// 128 bits that stand for contents.
struct digest {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const digest&) const = default;
};

struct hashed_file {
  file which;
  digest hash;
};

/// Two files with equal digests.
struct twins {
  file first;
  file later;
};

/// Something that could not be looked at, and why.
struct problem {
  std::string path;
  std::string reason;
};

/// Files with equal contents.
struct group {
  std::uint64_t size = 0;
  std::vector<std::string> paths;
};

} // namespace dupes

// Moving them moves strings: the channels may keep them in their buffers.
template <>
inline constexpr bool levada::moves_quietly<dupes::file> = true;
template <>
inline constexpr bool levada::moves_quietly<dupes::hashed_file> = true;
template <>
inline constexpr bool levada::moves_quietly<dupes::twins> = true;
template <>
inline constexpr bool levada::moves_quietly<dupes::problem> = true;
