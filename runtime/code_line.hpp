// code_line: where a call stands in the source, as a default argument of what is
// awaited:  receive(code_line line = __builtin_source_location())
//
// A std::source_location is a class, and g++ keeps arguments of class type in the
// coroutine's frame until the co_await is over, twice: sixteen bytes of every
// task that waits. A pointer is kept nowhere.
#pragma once

#include <bit>
#include <source_location>

namespace levada::detail {

using code_line = const void*;

static_assert(sizeof(std::source_location) == sizeof(code_line),
              "std::source_location is expected to be one pointer");

inline std::source_location place_of(code_line line) noexcept {
  return std::bit_cast<std::source_location>(line);
}

} // namespace levada::detail
