// Memory for what comes and goes with tasks, from this thread's free lists where
// possible: see frame_pool.cpp.
#pragma once

#include <cstddef>

#include <levada/runtime/export.hpp>

namespace levada::detail {

/// Aligned to 16 when `size` is a multiple of that, else to 8.
LEVADA_API void* allocate_block(std::size_t size);
LEVADA_API void release_block(void* memory, std::size_t size) noexcept;

/// A coroutine frame's size: frames are aligned to 16.
constexpr std::size_t frame_size(std::size_t size) noexcept {
  return (size + 15) / 16 * 16;
}

inline void* allocate_frame(std::size_t size) {
  return allocate_block(frame_size(size));
}
inline void release_frame(void* memory, std::size_t size) noexcept {
  release_block(memory, frame_size(size));
}

} // namespace levada::detail
