// Free lists for coroutine frames, one set a thread.
//
// Frames come and go in the same few sizes, mostly on the thread that made
// them; a list hit costs a quarter of malloc. A list holds at most `limit`
// blocks, the rest goes back to malloc, so a thread that only frees does not
// hoard. Under a sanitizer everything goes to malloc, so that use after free
// is seen.
#include <array>
#include <cstdlib>
#include <new>
#include <utility>

#include <levada/runtime/sanitizer.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada::detail {

namespace {

#if defined(LEVADA_ADDRESS_SANITIZER) || defined(LEVADA_THREAD_SANITIZER)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t step = 16;
/// malloc adds eight bytes and rounds up to sixteen: ask for what fits exactly.
constexpr std::size_t header = 8;
constexpr std::size_t classes = 64; // up to 1 KiB
constexpr std::uint32_t limit = 256;
constexpr std::uint32_t stretch_every = 64;

struct free_block {
  free_block* next;
};

struct free_lists {
  std::array<free_block*, classes> first{};
  std::array<std::uint32_t, classes> count{};
  /// Frames that came from malloc.
  std::uint32_t misses = 0;

  ~free_lists() {
    for (auto*& list : first)
      while (list != nullptr)
        ::operator delete(std::exchange(list, list->next));
    count.fill(limit); // whatever is freed later on this thread goes to malloc
  }
};

thread_local free_lists lists;

/// malloc enlarges the heap of a thread by a page at a time, with a system call
/// each. What was taken and given back at the heap's end stays with the heap.
void stretch_heap() noexcept {
  constexpr std::size_t length = 60 * 1024;
  ::operator delete(::operator new(length, std::nothrow));
}

} // namespace

void* allocate_frame(std::size_t size) {
  if constexpr (!pooled)
    return ::operator new(size);
  const auto index = (size + header - 1) / step;
  if (index >= classes)
    return ::operator new(size);
  auto& mine = lists;
  if (auto* block = mine.first[index]) {
    mine.first[index] = block->next;
    --mine.count[index];
    return block;
  }
  if (++mine.misses % stretch_every == 0)
    stretch_heap();
  return ::operator new((index + 1) * step - header);
}

void release_frame(void* memory, std::size_t size) noexcept {
  const auto index = (size + header - 1) / step;
  auto& mine = lists;
  if (!pooled || index >= classes || mine.count[index] >= limit) {
    ::operator delete(memory);
    return;
  }
  mine.first[index] = ::new (memory) free_block{mine.first[index]};
  ++mine.count[index];
}

} // namespace levada::detail
