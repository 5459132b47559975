#include <catch.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <levada/runtime/biased_lock.hpp>

using levada::detail::bias_seat;
using levada::detail::biased_lock;
using levada::detail::has_process_barrier;
using levada::detail::take_seat;
using levada::detail::this_seat;

namespace {

void pass(biased_lock& lock, bias_seat& seat, std::uint32_t times) {
  for (std::uint32_t i = 0; i < times; ++i) {
    lock.lock(seat);
    lock.unlock(seat);
  }
}

/// Whether this thread enters `lock` by its bias.
bool enters_by_bias(biased_lock& lock, bias_seat& seat) {
  lock.lock(seat);
  const bool result = seat.outer.load() == &lock;
  lock.unlock(seat);
  return result;
}

constexpr auto many
  = biased_lock::grant_after + biased_lock::refusals_after_end + 10;

} // namespace

TEST_CASE(
  "a lock is biased to a thread that alone takes it again and again, "
  "until another takes it") {
  bool early = true;
  bool late = false;
  bool after_own = false;
  bool after_other = true;
  bool again = false;
  std::thread{[&] {
    auto& seat = take_seat();
    biased_lock lock;
    early = enters_by_bias(lock, seat);
    pass(lock, seat, many);
    late = enters_by_bias(lock, seat);
    lock.lock();
    lock.unlock();
    after_own = enters_by_bias(lock, seat);
    std::thread{[&] {
      lock.lock();
      lock.unlock();
    }}.join();
    after_other = enters_by_bias(lock, seat);
    pass(lock, seat, 2 * many);
    again = enters_by_bias(lock, seat);
  }}.join();
  CHECK_FALSE(early);
  CHECK(late == has_process_barrier());
  CHECK(after_own == has_process_barrier());
  CHECK_FALSE(after_other);
  CHECK(again == has_process_barrier());
}

TEST_CASE("ending one bias of a thread ends all of them") {
  bool before = false;
  bool after = true;
  std::thread{[&] {
    auto& seat = take_seat();
    biased_lock one;
    biased_lock other;
    pass(one, seat, many);
    pass(other, seat, many);
    before = enters_by_bias(one, seat) && enters_by_bias(other, seat);
    std::thread{[&] {
      one.lock();
      one.unlock();
    }}.join();
    after = enters_by_bias(other, seat);
  }}.join();
  CHECK(before == has_process_barrier());
  CHECK_FALSE(after);
}

TEST_CASE("a thread without a seat is never given a bias") {
  biased_lock lock;
  auto& none = this_seat();
  pass(lock, none, many);
  CHECK_FALSE(enters_by_bias(lock, none));
}

TEST_CASE("a lock biased to a thread that has ended lets others in") {
  biased_lock lock;
  std::thread{[&] { pass(lock, take_seat(), many); }}.join();
  lock.lock();
  lock.unlock();
  bool biased = false;
  std::thread{[&] {
    auto& seat = take_seat();
    pass(lock, seat, 2 * many);
    biased = enters_by_bias(lock, seat);
  }}.join();
  CHECK(biased == has_process_barrier());
}

TEST_CASE("biased or not, one thread at a time is inside", "[stress]") {
  // Each lock guards a plain number. Two threads with seats stay with one lock
  // for long, so that biases are granted, then move on; a third without a seat
  // comes by now and then.
  constexpr std::uint64_t visits = 200;
  constexpr std::uint32_t longest = 3 * many;
  struct guarded {
    biased_lock lock;
    std::uint64_t number = 0;
    std::uint64_t copy = 0;
  };
  std::array<guarded, 3> places;
  std::atomic<std::uint64_t> mismatches{0};
  std::atomic<std::uint64_t> by_bias{0};
  std::atomic<std::uint64_t> sum{0};
  std::atomic<int> running{2};
  const auto touch = [&](guarded& place) {
    if (place.number != place.copy)
      mismatches.fetch_add(1);
    ++place.number;
    ++place.copy;
  };
  std::vector<std::thread> threads;
  for (std::uint32_t self = 1; self <= 2; ++self)
    threads.emplace_back([&, self] {
      auto& seat = take_seat();
      std::uint32_t random = self * 2654435761U;
      std::uint64_t mine = 0;
      std::uint64_t biased = 0;
      for (std::uint64_t visit = 0; visit < visits; ++visit) {
        random = random * 1664525 + 1013904223;
        auto& place = places[(random >> 8) % places.size()];
        const auto length = (random >> 10) % longest;
        for (std::uint32_t i = 0; i < length; ++i) {
          place.lock.lock(seat);
          touch(place);
          biased += seat.outer.load(std::memory_order_relaxed) == &place.lock
                      ? 1
                      : 0;
          place.lock.unlock(seat);
        }
        mine += length;
      }
      sum.fetch_add(mine);
      by_bias.fetch_add(biased);
      running.fetch_sub(1);
    });
  std::uint64_t passes = 0;
  while (running.load() != 0) {
    auto& place = places[passes % places.size()];
    place.lock.lock();
    touch(place);
    place.lock.unlock();
    ++passes;
    for (std::uint64_t i = 0; i < (passes % 64) * 400; ++i)
      std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  for (auto& each : threads)
    each.join();
  std::uint64_t counted = 0;
  for (auto& place : places)
    counted += place.number;
  CHECK(mismatches.load() == 0);
  CHECK(counted == sum.load() + passes);
  CHECK((by_bias.load() != 0) == has_process_barrier());
}

TEST_CASE("who wants a lock does not wait for who is inside another") {
  // The owner of both biases is inside `outer` and wants `inner`, which the
  // other holds while it ends the bias.
  biased_lock outer;
  biased_lock inner;
  std::atomic<bool> is_outside{false};
  std::atomic<bool> has_inner{false};
  bool was_biased = false;
  std::thread owner{[&] {
    auto& seat = take_seat();
    pass(outer, seat, many);
    pass(inner, seat, many);
    outer.lock(seat);
    was_biased = seat.outer.load() == &outer;
    is_outside = true;
    is_outside.notify_one();
    has_inner.wait(false);
    inner.lock_inside(seat);
    inner.unlock_inside(seat);
    outer.unlock(seat);
  }};
  is_outside.wait(false);
  inner.lock(); // comes back, although the owner is inside `outer`
  has_inner = true;
  has_inner.notify_one();
  inner.unlock();
  outer.lock();
  outer.unlock();
  owner.join();
  CHECK(was_biased == has_process_barrier());
}

TEST_CASE(
  "who ends a bias waits for its owner, which is about to look whether it "
  "still has it") {
  const bool nested = GENERATE(false, true);
  biased_lock lock;
  std::atomic<bool> inside{false};
  bool biased = false;
  bool was_inside = false;
  bool still_biased = true;
  std::thread owner{[&] {
    auto& seat = take_seat();
    pass(lock, seat, many);
    biased = enters_by_bias(lock, seat);
    const auto token = seat.token.load();
    auto& entry = nested ? seat.inner : seat.outer;
    entry = &lock; // as lock(seat) begins
    std::thread other{[&] {
      lock.lock();
      inside = true;
      lock.unlock();
    }};
    while (seat.token == token && !inside)
      std::this_thread::yield();
    for (int i = 0; i < 1000 && !inside; ++i)
      std::this_thread::yield();
    was_inside = inside;
    entry = nullptr; // what it finds: the token is another
    other.join();
    still_biased = enters_by_bias(lock, seat);
  }};
  owner.join();
  CHECK(biased == has_process_barrier());
  CHECK(was_inside != has_process_barrier());
  CHECK(inside);
  CHECK_FALSE(still_biased);
}

TEST_CASE("one thread at a time is inside, also one lock inside another",
          "[stress]") {
  biased_lock outer;
  biased_lock inner;
  std::atomic<long> by_bias{0};
  long count = 0;
  long outer_count = 0;
  constexpr long visits = 200'000;
  const auto nest = [&](bool plainly) {
    auto& seat = take_seat();
    long biased = 0;
    for (long i = 0; i < visits; ++i) {
      outer.lock(seat);
      ++outer_count;
      // (in long stretches, so that biases are granted)
      if (plainly && i / 10'000 % 2 == 0) {
        inner.lock();
        ++count;
        inner.unlock();
      } else {
        inner.lock_inside(seat);
        ++count;
        biased += seat.inner.load(std::memory_order_relaxed) == &inner ? 1 : 0;
        inner.unlock_inside(seat);
      }
      outer.unlock(seat);
    }
    by_bias += biased;
  };
  const auto take_inner = [&] {
    auto& seat = take_seat();
    for (long i = 0; i < visits / 100; ++i) {
      inner.lock(seat);
      ++count;
      inner.unlock(seat);
      if (i % 100 == 0) // let the others have it alone for a while
        std::this_thread::yield();
    }
  };
  std::thread alone{nest, false};
  alone.join(); // until here nobody else: all but the first are by bias
  CHECK((by_bias > visits / 2) == has_process_barrier());
  {
    std::thread first{nest, false};
    std::thread second{take_inner};
    std::thread third{nest, true};
    first.join();
    second.join();
    third.join();
  }
  CHECK(outer_count == 3 * visits);
  CHECK(count == 3 * visits + visits / 100);
}
