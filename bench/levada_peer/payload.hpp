// What the channels carry: numbers, structs, or strings, each made from a number
// and turned back into it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "measure.hpp"

namespace bench {

struct words64 {
  std::uint64_t value;
  std::array<std::uint64_t, 7> rest;
};
static_assert(sizeof(words64) == 64);

template <class T>
T made_of(std::uint64_t value);

template <>
inline std::uint64_t made_of(std::uint64_t value) {
  return value;
}

template <>
inline words64 made_of(std::uint64_t value) {
  words64 result{value, {}};
  result.rest.fill(value);
  return result;
}

/// 48 bytes: always on the heap.
template <>
inline std::string made_of(std::uint64_t value) {
  std::string result(48, 'x');
  std::memcpy(result.data(), &value, sizeof value);
  return result;
}

inline std::uint64_t number_in(std::uint64_t item) noexcept {
  return item;
}

inline std::uint64_t number_in(const words64& item) noexcept {
  return item.value;
}

inline std::uint64_t number_in(const std::string& item) noexcept {
  std::uint64_t value = 0;
  std::memcpy(&value, item.data(), sizeof value);
  return value;
}

} // namespace bench
