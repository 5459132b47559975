#include <catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <malloc.h>

#include <levada/runtime/slab_store.hpp>

using levada::detail::free_block;
using levada::detail::slab_store;

namespace {

struct trim {
  void operator()(slab_store* store) const {
    store->trim();
    delete store;
  }
};

/// One that leaves nothing behind when all blocks have come back.
std::unique_ptr<slab_store, trim> make_store() {
  return std::unique_ptr<slab_store, trim>{new slab_store};
}

/// So many blocks, each filled with its own mark.
std::vector<unsigned char*> take_blocks(slab_store& from, std::size_t size,
                                        std::size_t wanted) {
  std::vector<unsigned char*> result;
  while (result.size() < wanted) {
    auto count = static_cast<std::uint32_t>(wanted - result.size());
    for (auto* each = from.take(slab_store::index_of(size), count);
         each != nullptr;) {
      auto* const next = each->next;
      result.push_back(reinterpret_cast<unsigned char*>(each));
      each = next;
    }
  }
  for (std::size_t i = 0; i < result.size(); ++i)
    std::memset(result[i], static_cast<unsigned char>(i % 251), size);
  return result;
}

bool all_intact(const std::vector<unsigned char*>& blocks, std::size_t size) {
  for (std::size_t i = 0; i < blocks.size(); ++i)
    for (std::size_t byte = 0; byte < size; ++byte)
      if (blocks[i][byte] != i % 251)
        return false;
  return true;
}

void give_blocks(slab_store& to, std::size_t size,
                 const std::vector<unsigned char*>& blocks) {
  free_block* list = nullptr;
  for (auto* each : blocks)
    list = ::new (static_cast<void*>(each)) free_block{list};
  to.give(slab_store::index_of(size), list);
}

} // namespace

TEST_CASE("blocks of a slab are aligned, and do not overlap") {
  const auto store = make_store();
  for (const std::size_t size : {16U, 24U, 48U, 296U, 304U, 1024U}) {
    const auto blocks = take_blocks(*store, size, 600); // in several slabs
    CHECK(blocks.size() == 600);
    const std::size_t alignment = size % 16 == 0 ? 16 : 8;
    CHECK(std::all_of(blocks.begin(), blocks.end(), [&](auto* each) {
      return reinterpret_cast<std::uintptr_t>(each) % alignment == 0;
    }));
    CHECK(all_intact(blocks, size));
    give_blocks(*store, size, blocks);
  }
}

TEST_CASE("every size up to the largest has blocks that hold it") {
  for (std::size_t size = 1; size <= slab_store::largest; ++size) {
    const auto index = slab_store::index_of(size);
    REQUIRE(index < slab_store::sizes);
    REQUIRE(index * slab_store::step >= size);
    REQUIRE(index * slab_store::step >= sizeof(free_block));
  }
}

TEST_CASE("a block that came back to a full slab is given again") {
  const auto store = make_store();
  constexpr std::size_t size = 1024;
  auto blocks = take_blocks(*store, size, 1000);
  auto* const back = blocks[100];
  blocks.erase(blocks.begin() + 100);
  give_blocks(*store, size, {back});
  // (the last slab may have blocks left)
  const auto more = take_blocks(*store, size, 64);
  CHECK(std::find(more.begin(), more.end(), back) != more.end());
  give_blocks(*store, size, more);
  give_blocks(*store, size, blocks);
}

#ifndef LEVADA_SANITIZED // mallinfo2() knows nothing of their heaps

TEST_CASE("slabs that nobody uses go back to malloc, but for one") {
  const auto store = make_store();
  constexpr std::size_t size = 512;
  constexpr std::size_t slab = 64 * 1024;
  const auto before = mallinfo2().uordblks;
  {
    const auto blocks = take_blocks(*store, size, 10'000); // 5 MB
    CHECK(mallinfo2().uordblks > before + 70 * slab);
    give_blocks(*store, size, blocks);
  }
  CHECK(mallinfo2().uordblks < before + 2 * slab);
  // the one is used, and no other is fetched for it
  const auto few = take_blocks(*store, size, 10);
  CHECK(mallinfo2().uordblks < before + 2 * slab);
  give_blocks(*store, size, few);
  store->trim();
  CHECK(mallinfo2().uordblks < before + slab / 2);
}

TEST_CASE("trimming leaves slabs alone that somebody uses") {
  const auto store = make_store();
  constexpr std::size_t size = 512;
  auto blocks = take_blocks(*store, size, 500);
  const std::vector<unsigned char*> kept{blocks[0], blocks[200]};
  const auto expected
    = std::vector<unsigned char>{blocks[0][0], blocks[200][0]};
  blocks.erase(blocks.begin() + 200);
  blocks.erase(blocks.begin());
  give_blocks(*store, size, blocks);
  store->trim();
  CHECK(kept[0][0] == expected[0]);
  CHECK(kept[1][size - 1] == expected[1]);
  const auto more = take_blocks(*store, size, 500);
  CHECK(std::find(more.begin(), more.end(), kept[0]) == more.end());
  give_blocks(*store, size, more);
  give_blocks(*store, size, kept);
}

#endif

TEST_CASE("threads that take and give blocks of one size do not meet in one") {
  const auto store = make_store();
  constexpr std::size_t size = 208;
  std::atomic<bool> intact{true};
  const auto use = [&](std::size_t most) {
    for (int round = 0; round < 300; ++round) {
      const auto blocks = take_blocks(*store, size, most);
      if (!all_intact(blocks, size))
        intact = false;
      give_blocks(*store, size, blocks);
    }
  };
  std::thread one{use, 40};
  std::thread other{use, 700};
  use(310);
  one.join();
  other.join();
  CHECK(intact);
}
