#include <levada/runtime/slab_store.hpp>

#include <cstdlib>
#include <new>
#include <utility>

namespace levada::detail {

namespace {

/// Slabs are aligned to that, and follow each other so.
constexpr std::size_t slab_bytes = std::size_t{64} * 1024;
/// The largest block for which malloc, which first takes that much more to align it,
/// does not ask the system for a mapping of its own.
constexpr std::size_t slab_end = slab_bytes - 72;

} // namespace

struct alignas(16) slab_store::slab {
  slab* previous = nullptr;
  slab* next = nullptr;
  /// Blocks that came back.
  free_block* free = nullptr;
  /// Where the blocks begin that were never given.
  std::uint32_t fresh = sizeof(slab);
  /// Blocks in use.
  std::uint32_t used = 0;

  bool has_block(std::size_t size) const noexcept {
    return free != nullptr || fresh + size <= slab_end;
  }

  void* take(std::size_t size) noexcept {
    ++used;
    if (free != nullptr)
      return std::exchange(free, free->next);
    auto* const block = reinterpret_cast<std::byte*>(this) + fresh;
    fresh += static_cast<std::uint32_t>(size);
    return block;
  }

  static slab& of(void* block) noexcept {
    return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(block)
                                    & ~(slab_bytes - 1));
  }
};

slab_store::slab* slab_store::make_slab() {
  void* memory = nullptr;
  if (posix_memalign(&memory, slab_bytes, slab_end) != 0)
    throw std::bad_alloc{};
  return ::new (memory) slab;
}

void slab_store::link(of_size& mine, slab& which) noexcept {
  which.previous = nullptr;
  which.next = mine.partial;
  if (mine.partial != nullptr)
    mine.partial->previous = &which;
  mine.partial = &which;
}

void slab_store::unlink(of_size& mine, slab& which) noexcept {
  (which.previous == nullptr ? mine.partial : which.previous->next)
    = which.next;
  if (which.next != nullptr)
    which.next->previous = which.previous;
}

/// Takes a slab without a block in use out, to the others in `empty`.
void slab_store::retire(of_size& mine, slab& which, slab*& empty) noexcept {
  --mine.unused;
  unlink(mine, which);
  which.next = std::exchange(empty, &which);
}

free_block* slab_store::take(std::size_t index, std::uint32_t& count) {
  const auto size = index * step;
  auto& mine = of_size_[index];
  mine.lock.lock();
  if (mine.partial == nullptr) {
    mine.lock.unlock();
    auto* const made = make_slab();
    mine.lock.lock();
    link(mine, *made);
    ++mine.unused;
  }
  auto& from = *mine.partial;
  if (from.used == 0)
    --mine.unused;
  free_block* first = nullptr;
  auto** end = &first; // in the order of addresses, which the cache foresees
  std::uint32_t taken = 0;
  for (; taken < count && from.has_block(size); ++taken) {
    *end = ::new (from.take(size)) free_block;
    end = &(*end)->next;
  }
  if (!from.has_block(size))
    unlink(mine, from);
  mine.lock.unlock();
  count = taken;
  return first;
}

void slab_store::give(std::size_t index, free_block* first) noexcept {
  const auto size = index * step;
  auto& mine = of_size_[index];
  slab* empty = nullptr;
  mine.lock.lock();
  while (first != nullptr) {
    auto* const block = std::exchange(first, first->next);
    auto& to = slab::of(block);
    if (!to.has_block(size))
      link(mine, to);
    block->next = std::exchange(to.free, block);
    if (--to.used != 0 || ++mine.unused == 1)
      continue;
    retire(mine, to, empty);
  }
  mine.lock.unlock();
  free_all(empty);
}

void slab_store::trim() noexcept {
  for (auto& mine : of_size_) {
    slab* empty = nullptr;
    mine.lock.lock();
    for (auto* each = mine.partial; each != nullptr && mine.unused != 0;) {
      auto& which = *std::exchange(each, each->next);
      if (which.used != 0)
        continue;
      retire(mine, which, empty);
    }
    mine.lock.unlock();
    free_all(empty);
  }
}

void slab_store::free_all(slab* first) noexcept {
  while (first != nullptr)
    std::free(std::exchange(first, first->next));
}

} // namespace levada::detail
