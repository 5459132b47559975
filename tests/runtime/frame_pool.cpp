#include <catch.hpp>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <latch>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>

#include <levada/runtime/pause.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/task_frame.hpp>

#include "support.hpp"

using levada::detail::allocate_frame;
using levada::detail::release_frame;

namespace {

struct held_frame {
  unsigned char* memory;
  std::size_t size;
  unsigned char mark;

  held_frame(std::size_t size, unsigned char mark)
      : memory(static_cast<unsigned char*>(allocate_frame(size))),
        size(size),
        mark(mark) {
    std::memset(memory, mark, size);
  }

  bool intact() const {
    for (std::size_t i = 0; i < size; ++i)
      if (memory[i] != mark)
        return false;
    return true;
  }
};

} // namespace

TEST_CASE("frames of every size are aligned, and do not overlap") {
  std::vector<held_frame> frames;
  for (std::size_t size = 1; size <= 2100; size += 13)
    for (unsigned char copy = 0; copy < 2; ++copy)
      frames.emplace_back(size, static_cast<unsigned char>(size + copy));
  for (const auto& each : frames) {
    REQUIRE(reinterpret_cast<std::uintptr_t>(each.memory) % 16 == 0);
    REQUIRE(each.intact());
  }
  for (const auto& each : frames)
    release_frame(each.memory, each.size);
}

TEST_CASE("random use of frames, on and across threads, mixes nothing up") {
  std::mt19937 random{7};
  std::vector<held_frame> frames;
  bool intact = true;
  for (int round = 0; round < 20; ++round) {
    for (int step = 0; step < 1000; ++step) {
      if (frames.empty() || random() % 2 == 0) {
        frames.emplace_back(1 + random() % 1500,
                            static_cast<unsigned char>(random()));
      } else {
        std::swap(frames[random() % frames.size()], frames.back());
        intact = intact && frames.back().intact();
        release_frame(frames.back().memory, frames.back().size);
        frames.pop_back();
      }
    }
    // The next thousand on a thread that ends, with what this one made.
    std::thread{[&] {
      for (int step = 0; step < 1000 && !frames.empty(); ++step) {
        intact = intact && frames.back().intact();
        release_frame(frames.back().memory, frames.back().size);
        frames.pop_back();
        if (step % 2 == 0)
          frames.emplace(frames.begin(), 1 + random() % 1500,
                         static_cast<unsigned char>(random()));
      }
    }}.join();
  }
  for (const auto& each : frames) {
    intact = intact && each.intact();
    release_frame(each.memory, each.size);
  }
  CHECK(intact);
}

TEST_CASE(
  "frames of one size that travel between threads are not given out "
  "twice") {
  // By the thousand, so that whole lists change hands; each thread frees what
  // the other one made, and makes as many anew.
  constexpr std::size_t size = 200;
  constexpr std::size_t count = 1500;
  std::mutex mutex;
  std::vector<held_frame> given;
  std::atomic<bool> intact{true};
  const auto trade = [&](unsigned char mark) {
    std::vector<held_frame> mine;
    for (int round = 0; round < 40; ++round) {
      for (auto& each : mine) {
        if (!each.intact())
          intact = false;
        release_frame(each.memory, each.size);
      }
      mine.clear();
      for (std::size_t i = 0; i < count; ++i)
        mine.emplace_back(size, static_cast<unsigned char>(mark + round));
      std::lock_guard guard{mutex};
      std::swap(mine, given);
    }
    for (auto& each : mine)
      release_frame(each.memory, each.size);
  };
  std::thread one{trade, static_cast<unsigned char>(1)};
  std::thread other{trade, static_cast<unsigned char>(100)};
  one.join();
  other.join();
  for (auto& each : given) {
    if (!each.intact())
      intact = false;
    release_frame(each.memory, each.size);
  }
  CHECK(intact);
}

#ifndef LEVADA_SANITIZED // there freed memory is kept, to see its use

TEST_CASE("frames made on one thread and freed on another are not hoarded") {
  // A thread's list is bounded: what it frees beyond goes back to malloc, so
  // that a stream from one thread to another does not grow the process.
  rusage before{};
  levada::runtime rt{{.workers = 1}};
  const auto stream = [&](int count) {
    std::vector<levada::join_handle<void>> handles;
    for (int i = 0; i < count; ++i) {
      handles.push_back(rt.spawn([]() -> levada::task<> { co_return; }));
      if (handles.size() == 1000)
        for (auto& each : std::exchange(handles, {}))
          each.blocking_join();
    }
    for (auto& each : handles)
      each.blocking_join();
  };
  stream(50'000);
  getrusage(RUSAGE_SELF, &before);
  stream(200'000);
  rusage after{};
  getrusage(RUSAGE_SELF, &after);
  // 200 000 frames would be 40 MiB and more.
  CHECK(after.ru_maxrss - before.ru_maxrss < 16 * 1024);
}

TEST_CASE("what one thread has freed serves another, without malloc") {
  constexpr std::size_t size = 904;
  constexpr std::size_t count = 1280;
  std::vector<void*> frames;
  for (std::size_t i = 0; i < count; ++i)
    frames.push_back(allocate_frame(size));
  std::latch freed{1};
  std::latch served{1};
  std::thread other{[&] {
    for (auto* each : frames)
      release_frame(each, size);
    freed.count_down();
    served.wait(); // when it ends, all goes back
  }};
  freed.wait();
  const auto before = mallinfo2().uordblks;
  for (auto*& each : frames)
    each = allocate_frame(size);
  CHECK(mallinfo2().uordblks < before + size * count / 2);
  served.count_down();
  other.join();
  for (auto* each : frames)
    release_frame(each, size);
}

TEST_CASE("a thread that ends leaves no free frames behind") {
  constexpr std::size_t size = 904;
  // (mallinfo2() knows the main arena only.)
  REQUIRE(mallopt(M_ARENA_MAX, 1) == 1);
  const auto in_use = [] {
    const auto all = mallinfo2();
    return all.uordblks + all.hblkhd;
  };
  const auto before = in_use();
  std::thread{[] {
    std::vector<void*> frames;
    for (std::size_t i = 0; i < 5000; ++i)
      frames.push_back(allocate_frame(size));
    for (auto* each : frames)
      release_frame(each, size);
  }}.join();
  CHECK(in_use() < before + 64 * 1024);
}

#endif
