// Free lists for coroutine frames, one set a thread, and a depot they share.
//
// Frames come and go in the same few sizes, mostly on the thread that made
// them; a list hit costs a quarter of malloc. Where one thread spawns and others
// end what it spawned, frames travel: a thread that has two full lists of a size
// brings one to the depot, a thread that has none fetches one there. So malloc,
// whose heap belongs to the thread that made the frames, is not asked by all
// others at once, and the depot's lock is taken once for a whole list.
//
// Invariants
//  - A thread has at most two lists of a size, a list at most `list_length` frames;
//    only full lists are in the depot, and no more than `depot_bytes` in all. What
//    is beyond that goes back to malloc: nobody hoards.
//  - A free frame is in exactly one list. Lists are touched by their thread only,
//    the depot under its lock.
//
// Under a sanitizer everything goes to malloc, so that use after free is seen.
// (The two lists are Bonwick's magazines: J. Bonwick, J. Adams, USENIX 2001.)
#include <array>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include <levada/runtime/sanitizer.hpp>
#include <levada/runtime/spin_lock.hpp>
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
constexpr std::uint32_t list_length = 128;
constexpr std::size_t depot_bytes = 8 * 1024 * 1024;
constexpr std::uint32_t stretch_every = 64;

struct free_block {
  free_block* next;
  /// Of the first block of a list in the depot: the next list.
  free_block* next_list = nullptr;
};

constexpr std::size_t usable(std::size_t index) noexcept {
  return (index + 1) * step - header;
}

/// The smallest size is as large as a free_block.
constexpr std::size_t index_of(std::size_t size) noexcept {
  return size <= step ? 1 : (size + header - 1) / step;
}

struct frame_list {
  free_block* first = nullptr;
  std::uint32_t count = 0;

  void push(void* memory) noexcept {
    first = ::new (memory) free_block{first};
    ++count;
  }
  void* pop() noexcept {
    --count;
    return std::exchange(first, first->next);
  }
  void free_all() noexcept {
    while (first != nullptr)
      ::operator delete(std::exchange(first, first->next));
    count = 0;
  }
};

/// Full lists that no thread has.
class depot {
public:
  /// False: there are enough.
  bool give(std::size_t index, frame_list& full) noexcept {
    const auto bytes = list_length * usable(index);
    spin_guard guard{lock_};
    const auto before = bytes_.load(std::memory_order_relaxed);
    if (before + bytes > depot_bytes)
      return false;
    bytes_.store(before + bytes, std::memory_order_relaxed);
    full.first->next_list = lists_[index];
    lists_[index] = full.first;
    full = {};
    return true;
  }

  /// An empty list when there is none.
  frame_list take(std::size_t index) noexcept {
    // relaxed: a mere look, so that a program that only makes frames takes no
    // lock; to miss a list costs a malloc
    if (bytes_.load(std::memory_order_relaxed) == 0)
      return {};
    spin_guard guard{lock_};
    auto* const first = lists_[index];
    if (first == nullptr)
      return {};
    bytes_.store(bytes_.load(std::memory_order_relaxed)
                   - list_length * usable(index),
                 std::memory_order_relaxed);
    lists_[index] = first->next_list;
    return {first, list_length};
  }

private:
  /// Guards the rest.
  spin_lock lock_;
  /// What is in all lists; written under the lock.
  std::atomic<std::size_t> bytes_{0};
  /// Linked by next_list.
  std::array<free_block*, classes> lists_{};
};

constinit depot shared;

struct free_lists {
  /// Where frames go and come from.
  std::array<frame_list, classes> current{};
  /// Full or empty.
  std::array<frame_list, classes> spare{};
  /// Frames that came from malloc.
  std::uint32_t misses = 0;
  /// True once the thread ends: what is freed later goes to malloc.
  bool closed = false;

  ~free_lists() {
    for (std::size_t index = 0; index < classes; ++index) {
      for (auto* list : {&current[index], &spare[index]})
        if (list->count != list_length || !shared.give(index, *list))
          list->free_all();
      current[index].count = list_length;
    }
    closed = true;
  }
};

thread_local free_lists lists;

/// malloc enlarges the heap of a thread by a page at a time, with a system call
/// each. What was taken and given back at the heap's end stays with the heap.
void stretch_heap() noexcept {
  constexpr std::size_t length = 60 * 1024;
  ::operator delete(::operator new(length, std::nothrow));
}

[[gnu::noinline]] void* allocate_slowly(free_lists& mine, std::size_t index) {
  auto& current = mine.current[index];
  if (!mine.closed) {
    current = mine.spare[index].count != 0
                ? std::exchange(mine.spare[index], {})
                : shared.take(index);
    if (current.first != nullptr)
      return current.pop();
  }
  if (++mine.misses % stretch_every == 0)
    stretch_heap();
  return ::operator new(usable(index));
}

/// The current list is full.
[[gnu::noinline]] void release_slowly(free_lists& mine, std::size_t index,
                                      void* memory) noexcept {
  auto& current = mine.current[index];
  auto& spare = mine.spare[index];
  if (mine.closed || (spare.count != 0 && !shared.give(index, spare))) {
    ::operator delete(memory);
    return;
  }
  spare = std::exchange(current, {});
  current.push(memory);
}

} // namespace

void* allocate_frame(std::size_t size) {
  const auto index = index_of(size);
  if (!pooled || index >= classes)
    return ::operator new(size);
  auto& mine = lists;
  auto& list = mine.current[index];
  return list.first != nullptr ? list.pop() : allocate_slowly(mine, index);
}

void release_frame(void* memory, std::size_t size) noexcept {
  const auto index = index_of(size);
  if (!pooled || index >= classes) {
    ::operator delete(memory);
    return;
  }
  auto& mine = lists;
  if (auto& list = mine.current[index]; list.count < list_length)
    list.push(memory);
  else
    release_slowly(mine, index, memory);
}

} // namespace levada::detail
