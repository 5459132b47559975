// Free lists for coroutine frames, one set a thread, and a depot they share.
//
// Frames come and go in the same few sizes, mostly on the thread that made
// them; a list hit costs a quarter of malloc. Where one thread spawns and others
// end what it spawned, frames travel: a thread that has two full lists of a size
// brings one to the depot, a thread that has none fetches one there. So nobody
// queues for the heap of the thread that made the frames, and the depot's lock is
// taken once for a whole list. Behind the depot is the slab_store.
//
// Invariants
//  - A thread has at most two lists of a size, a list at most `list_length` frames;
//    only full lists are in the depot, and no more than `depot_bytes` in all. What
//    is beyond that goes back to its slab, and the slab to malloc: nobody hoards.
//  - When a thread ends, which a runtime's workers do with it, its lists and all of
//    the depot go back to their slabs: a runtime leaves no memory behind.
//  - A free frame is in exactly one list. Lists are touched by their thread only,
//    the depot under its lock.
//
// Under a sanitizer everything goes to malloc, so that use after free is seen.
// (The two lists are Bonwick's magazines: J. Bonwick, J. Adams, USENIX 2001.)
#include <array>
#include <atomic>
#include <new>
#include <utility>

#include <levada/runtime/sanitizer.hpp>
#include <levada/runtime/slab_store.hpp>
#include <levada/runtime/spin_lock.hpp>
#include <levada/runtime/task_frame.hpp>

namespace levada::detail {

namespace {

#if defined(LEVADA_ADDRESS_SANITIZER) || defined(LEVADA_THREAD_SANITIZER)
constexpr bool pooled = false;
#else
constexpr bool pooled = true;
#endif

constexpr std::size_t classes = slab_store::sizes;
constexpr std::uint32_t list_length = 128;
/// So many at once come from the slabs.
constexpr std::uint32_t slab_batch = 32;
constexpr std::size_t depot_bytes = std::size_t{8} * 1024 * 1024;

constinit slab_store slabs;

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
};

/// Full lists that no thread has.
class depot {
public:
  /// False: there are enough.
  bool give(std::size_t index, frame_list& full) noexcept {
    const auto bytes = list_length * index * slab_store::step;
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
    // lock; to miss a list costs a visit to the slabs
    if (bytes_.load(std::memory_order_relaxed) == 0)
      return {};
    spin_guard guard{lock_};
    auto* const first = lists_[index];
    if (first == nullptr)
      return {};
    bytes_.store(bytes_.load(std::memory_order_relaxed)
                   - list_length * index * slab_store::step,
                 std::memory_order_relaxed);
    lists_[index] = first->next_list;
    return {first, list_length};
  }

  /// Gives all lists back to their slabs.
  void empty(slab_store& to) noexcept {
    for (std::size_t index = 0; index < classes; ++index)
      for (auto list = take(index); list.first != nullptr; list = take(index))
        to.give(index, list.first);
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

void give_back_all() noexcept {
  shared.empty(slabs);
  slabs.trim();
}

/// For a library that is unloaded. Whoever comes later finds both as they were at
/// first.
struct at_unload {
  ~at_unload() {
    give_back_all();
  }
};
const at_unload last;

struct free_lists {
  /// Where frames go and come from.
  std::array<frame_list, classes> current{};
  /// Full or empty.
  std::array<frame_list, classes> spare{};
  /// True once the thread ends: what is freed later goes to its slab.
  bool closed = false;

  ~free_lists() {
    for (std::size_t index = 0; index < classes; ++index) {
      for (auto* list : {&current[index], &spare[index]})
        slabs.give(index, std::exchange(*list, {}).first);
      current[index].count = list_length;
    }
    closed = true;
    give_back_all();
  }
};

thread_local free_lists lists;

[[gnu::noinline]] void* allocate_slowly(free_lists& mine, std::size_t index) {
  if (mine.closed) {
    std::uint32_t one = 1;
    return slabs.take(index, one);
  }
  auto& current = mine.current[index];
  current = mine.spare[index].count != 0 ? std::exchange(mine.spare[index], {})
                                         : shared.take(index);
  if (current.first == nullptr) {
    auto count = slab_batch;
    auto* const first = slabs.take(index, count);
    current = {first, count};
  }
  return current.pop();
}

/// The current list is full.
[[gnu::noinline]] void release_slowly(free_lists& mine, std::size_t index,
                                      void* memory) noexcept {
  auto& current = mine.current[index];
  auto& spare = mine.spare[index];
  if (mine.closed) {
    slabs.give(index, ::new (memory) free_block);
    return;
  }
  if (spare.count != 0 && !shared.give(index, spare))
    slabs.give(index, spare.first);
  spare = std::exchange(current, {});
  current.push(memory);
}

} // namespace

void* allocate_block(std::size_t size) {
  if (!pooled || size > slab_store::largest)
    return ::operator new(size);
  const auto index = slab_store::index_of(size);
  auto& mine = lists;
  auto& list = mine.current[index];
  return list.first != nullptr ? list.pop() : allocate_slowly(mine, index);
}

void release_block(void* memory, std::size_t size) noexcept {
  if (!pooled || size > slab_store::largest) {
    ::operator delete(memory);
    return;
  }
  const auto index = slab_store::index_of(size);
  auto& mine = lists;
  if (auto& list = mine.current[index]; list.count < list_length)
    list.push(memory);
  else
    release_slowly(mine, index, memory);
}

} // namespace levada::detail
