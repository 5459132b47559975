// Where the blocks of the free lists come from: slabs of blocks of one size.
//
// malloc puts eight bytes in front of each block and rounds up to sixteen: five
// percent of a task and its channel. In a slab blocks lie side by side, and where
// the slab begins is seen from a block's address.
//
// Invariants
//  - A slab is a little less than 64 KiB, aligned to 64 KiB, and has blocks of one
//    size.
//  - It is in `partial` of its size exactly while it has a block to give.
//  - A slab whose blocks have all come back goes back to malloc, but for one of
//    each size, so that a program at the edge does not fetch and give it in turn.
//  - All of a size is guarded by its lock; malloc is called without it.
//
// The shape is Bonwick's (USENIX 1994).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <levada/runtime/spin_lock.hpp>

namespace levada::detail {

/// A block that nobody uses.
struct free_block {
  free_block* next = nullptr;
  /// Of the first block of a list in the depot: the next list.
  free_block* next_list = nullptr;
};

class slab_store {
public:
  /// Blocks of up to so many bytes come from here.
  static constexpr std::size_t largest = 1024;
  /// Sizes are told apart by so much.
  static constexpr std::size_t step = 8;
  static constexpr std::size_t sizes = largest / step + 1;

  /// A block is large enough to be a free_block, and aligned to 16 when its size
  /// is a multiple of that.
  static constexpr std::size_t index_of(std::size_t size) noexcept {
    return size <= sizeof(free_block) ? sizeof(free_block) / step
                                      : (size + step - 1) / step;
  }

  /// At least one block and at most `count`, linked; how many, in `count`. Throws
  /// bad_alloc.
  free_block* take(std::size_t index, std::uint32_t& count);

  /// Takes a list of blocks of that size back.
  void give(std::size_t index, free_block* first) noexcept;

  /// Gives every slab back to malloc that has no block in use.
  void trim() noexcept;

private:
  struct slab;
  struct of_size {
    /// Guards the rest, and what is in the slabs but for blocks in use.
    spin_lock lock;
    /// Slabs with a block to give.
    slab* partial = nullptr;
    /// How many slabs have no block in use.
    std::uint32_t unused = 0;
  };

  static slab* make_slab();
  static void link(of_size& mine, slab& which) noexcept;
  static void unlink(of_size& mine, slab& which) noexcept;
  static void retire(of_size& mine, slab& which, slab*& empty) noexcept;
  static void free_all(slab* first) noexcept;

  std::array<of_size, sizes> of_size_{};
};

} // namespace levada::detail
