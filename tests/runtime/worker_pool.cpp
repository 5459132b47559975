#include <catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <numeric>
#include <thread>
#include <vector>

#include "pool_support.hpp"

using levada::detail::engine;
using levada::detail::job;
using levada::detail::worker;
using levada::detail::worker_pool;
using test::crew;

namespace {

/// A thread becomes a worker for good when it enlists, so each test does it on
/// one of its own.
template <class Body>
void on_own_thread(Body body) {
  std::thread{body}.join();
}

std::vector<job> numbers(job first, job last) {
  std::vector<job> result(last - first + 1);
  std::iota(result.begin(), result.end(), first);
  return result;
}

std::vector<job> take(worker_pool& pool, worker& self, std::size_t count) {
  std::vector<job> result;
  while (result.size() < count)
    result.push_back(pool.next(self));
  return result;
}

} // namespace

TEST_CASE("jobs pushed to the back run in that order") {
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= 100; ++each)
      pool.push_back(self, each);
    order = take(pool, self, 100);
  });
  CHECK(order == numbers(1, 100));
}

TEST_CASE("jobs pushed from outside run in that order") {
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each < worker_pool::turn; ++each)
      pool.push_global(each);
    order = take(pool, self, worker_pool::turn - 1);
  });
  CHECK(order == numbers(1, worker_pool::turn - 1));
}

TEST_CASE("many jobs pushed at once run in that order, each once") {
  std::vector<job> order;
  const auto crowd = numbers(1, 60);
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    pool.push_many(&self, crowd.data(), crowd.size());
    order = take(pool, self, 60);
  });
  CHECK(order == crowd);
}

TEST_CASE(
  "of many jobs pushed at once, the ring takes what it holds, and the "
  "global queue the rest") {
  std::vector<job> order;
  const auto crowd = numbers(1, 1000);
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    pool.push_many(&self, crowd.data(), crowd.size());
    pool.push_many(nullptr, crowd.data(), crowd.size());
    order = take(pool, self, 2000);
  });
  std::sort(order.begin(), order.end());
  std::vector<job> twice;
  for (const auto each : crowd)
    twice.insert(twice.end(), 2, each);
  CHECK(order == twice);
}

TEST_CASE("the job pushed next runs first, and the one it displaces last") {
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    pool.push_back(self, 1);
    pool.push_next(self, 2);
    pool.push_next(self, 3);
    order = take(pool, self, 3);
  });
  CHECK(order == std::vector<job>{3, 1, 2});
}

TEST_CASE("two jobs that wake each other let a bystander in the ring run") {
  std::size_t rounds = 0;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    pool.push_back(self, 7);
    pool.push_next(self, 1);
    for (job next = pool.next(self); next != 7; next = pool.next(self)) {
      pool.push_next(self, next == 1 ? 2 : 1);
      if (++rounds == 10 * worker_pool::turn)
        return;
    }
  });
  CHECK(rounds <= worker_pool::turn);
}

TEST_CASE("two jobs that wake each other let a bystander from outside run") {
  std::size_t rounds = 0;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    pool.push_next(self, 1);
    pool.next(self);
    pool.push_global(7);
    pool.push_next(self, 2);
    for (job next = pool.next(self); next != 7; next = pool.next(self)) {
      pool.push_next(self, next == 1 ? 2 : 1);
      if (++rounds == 1000)
        return;
    }
  });
  CHECK(rounds <= worker_pool::turn);
}

TEST_CASE("a ring that never runs dry does not starve jobs from outside") {
  std::size_t rounds = 0;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= 10; ++each)
      pool.push_back(self, each);
    pool.next(self);
    pool.push_back(self, 1);
    pool.push_global(77);
    for (job next = pool.next(self); next != 77; next = pool.next(self)) {
      pool.push_back(self, next);
      if (++rounds == 1000)
        return;
    }
  });
  CHECK(rounds <= worker_pool::turn);
}

TEST_CASE("more jobs than the ring holds spill over, each runs once") {
  constexpr job count = 10 * worker::ring_size + 17;
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= count; ++each)
      pool.push_back(self, each);
    order = take(pool, self, count);
  });
  std::sort(order.begin(), order.end());
  CHECK(order == numbers(1, count));
}

TEST_CASE("the job that made the ring overflow is not lost") {
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= worker::ring_size; ++each)
      pool.push_back(self, each);
    pool.push_next(self, 1001);
    pool.push_next(self, 1002); // displaces 1001 into the full ring
    order = take(pool, self, worker::ring_size + 2);
  });
  CHECK(std::count(order.begin(), order.end(), job{1001}) == 1);
  CHECK(std::count(order.begin(), order.end(), job{1002}) == 1);
}

TEST_CASE("a worker without work takes half of another's ring, oldest first") {
  std::vector<job> thief_ran;
  std::vector<job> owner_ran;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& owner = pool.enlist();
    auto& thief = pool.enlist();
    for (job each = 1; each <= 10; ++each)
      pool.push_back(owner, each);
    thief_ran = take(pool, thief, 5);
    owner_ran = take(pool, owner, 5);
  });
  CHECK(thief_ran == numbers(1, 5));
  CHECK(owner_ran == numbers(6, 10));
}

TEST_CASE("the only job in another's ring can be stolen") {
  job stolen = 0;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& owner = pool.enlist();
    auto& thief = pool.enlist();
    pool.push_back(owner, 9);
    stolen = pool.next(thief);
  });
  CHECK(stolen == 9);
}

TEST_CASE("a worker takes its share of the global queue and leaves the rest") {
  std::vector<job> first_ran;
  std::vector<job> second_ran;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& first = pool.enlist();
    auto& second = pool.enlist();
    for (job each = 1; each <= 100; ++each)
      pool.push_global(each);
    first_ran.push_back(pool.next(first));
    second_ran.push_back(pool.next(second));
  });
  CHECK(first_ran == std::vector<job>{1});
  REQUIRE(second_ran.size() == 1);
  // Neither the next one (a share moved over) nor the last (something stayed).
  CHECK(second_ran.front() > 2);
  CHECK(second_ran.front() < 100);
}

namespace {

/// Who takes each of `count` jobs that a worker puts into its ring, one by one: the
/// other that searches, or, false, only the watch. Each time the other has had
/// something to do for so long.
std::vector<bool> taken_by_help(std::size_t count,
                                std::chrono::nanoseconds busy) {
  std::vector<bool> helped;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& owner = pool.enlist();
    auto& thief = pool.enlist();
    for (job each = 1; each <= count; ++each) {
      owner.job_ns = 1'000'000; // well worth helping
      pool.push_back(owner, each);
      if (pool.next(thief) != each)
        return;
      helped.push_back(thief.helped != decltype(thief.helped){});
      if (helped.back())
        thief.helped = std::chrono::steady_clock::now() - busy;
    }
  });
  return helped;
}

constexpr auto times_in_vain = worker_pool::most_vain / 2;

} // namespace

TEST_CASE("a ring is let be for a while when helping was in vain each time") {
  // (begun in an hour: however slow this is, nothing was done since)
  const auto helped = taken_by_help(times_in_vain + 2, -std::chrono::hours{1});
  std::vector<bool> expected(times_in_vain + 2, true);
  expected[times_in_vain] = false; // the watch took it, and the while was over
  CHECK(helped == expected);
}

TEST_CASE("a ring is helped with as long as that gives much to do") {
  const auto helped = taken_by_help(4 * times_in_vain, std::chrono::hours{1});
  CHECK(helped == std::vector<bool>(4 * times_in_vain, true));
}

TEST_CASE("a job woken by a worker that does not dispatch is taken over") {
  job taken = 0;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& stuck = pool.enlist();
    auto& idle = pool.enlist();
    pool.push_next(stuck, 5);
    taken = pool.next(idle);
  });
  CHECK(taken == 5);
}

TEST_CASE("a job woken while another worker sleeps already is taken over") {
  std::atomic<job> taken{0};
  on_own_thread([&] {
    worker_pool pool{2};
    auto& stuck = pool.enlist();
    std::thread idle{[&] { taken = pool.next(pool.enlist()); }};
    // It may watch, be about to, or sleep for good: all must work.
    std::this_thread::yield();
    pool.push_next(stuck, 5);
    idle.join();
  });
  CHECK(taken == 5);
}

TEST_CASE(
  "a job in a ring that is not worth helping is taken over when it waits") {
  job taken = 0;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& stuck = pool.enlist();
    auto& idle = pool.enlist();
    stuck.job_ns = 0; // nobody steals for the sake of such short jobs
    pool.push_back(stuck, 5);
    taken = pool.next(idle);
  });
  CHECK(taken == 5);
}

TEST_CASE("a job in the global queue that nobody comes to is taken over") {
  std::atomic<job> taken{0};
  on_own_thread([&] {
    worker_pool pool{2};
    auto& stuck = pool.enlist();
    for (job each = 1; each <= worker::ring_size + 1; ++each)
      pool.push_back(stuck, each);
    std::thread idle{[&] {
      auto& self = pool.enlist();
      std::vector<job> all = take(pool, self, worker::ring_size + 1);
      std::sort(all.begin(), all.end());
      taken = all == numbers(1, worker::ring_size + 1) ? all.back() : 0;
    }};
    idle.join();
  });
  CHECK(taken == worker::ring_size + 1);
}

TEST_CASE("the last worker that is awake keeps its jobs, whatever they cost") {
  constexpr job count = 40;
  std::vector<job> order;
  bool slept = false;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& self = pool.enlist();
    std::thread sleeper{[&] { pool.next(pool.enlist()); }};
    slept = test::eventually([&] { return pool.idle() == 1; });
    for (job each = 1; each <= count; ++each) {
      self.job_ns = 0; // not worth waking the other
      pool.push_back(self, each);
    }
    for (job each = 1; each <= count; ++each) {
      levada::detail::this_seat().crossings += 1'000'000;
      self.job_ns = 0;
      order.push_back(pool.next(self));
    }
    pool.push_global(1000);
    sleeper.join();
  });
  CHECK(slept);
  std::sort(order.begin(), order.end());
  CHECK(order == numbers(1, count));
}

TEST_CASE("of the jobs that did not fit the newest run first") {
  constexpr job count = 4 * worker::ring_size;
  std::vector<job> order;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= count; ++each)
      pool.push_back(self, each);
    order = take(pool, self, count);
  });
  const auto place = [&](job which) {
    return std::find(order.begin(), order.end(), which) - order.begin();
  };
  CHECK(place(count) < place(count / 2));
  CHECK(place(count / 2) < place(1 + worker_pool::turn));
}

TEST_CASE("a job that did not fit runs, however many newer ones come") {
  std::size_t rounds = 0;
  bool found = false;
  on_own_thread([&] {
    worker_pool pool{1};
    auto& self = pool.enlist();
    for (job each = 1; each <= 4 * worker::ring_size; ++each)
      pool.push_back(self, each);
    // Job 100 is somewhere in the first half ring that was spilled; each job that
    // runs leaves two more behind.
    for (; !found && rounds < 400 * worker_pool::turn; ++rounds) {
      found = pool.next(self) == 100;
      pool.push_back(self, 100'000 + rounds);
      pool.push_back(self, 200'000 + rounds);
    }
  });
  CHECK(found);
}

TEST_CASE("two stuck workers at once are both relieved while others are idle") {
  // Two jobs each wake a partner and go on only when both partners have run,
  // and the partners wait for each other as well: four threads are needed.
  bool relieved = true;
  for (int round = 0; round < 50 && relieved; ++round) {
    worker_pool pool{4};
    std::atomic<bool> give_up{false};
    std::atomic<int> partners{0};
    std::atomic<int> finished{0};
    crew workers{pool, [&](worker& self, job next) {
                   if (next <= 2)
                     pool.push_next(self, next + 2);
                   else
                     ++partners;
                   while (partners < 2 && !give_up)
                     std::this_thread::yield();
                   ++finished;
                 }};
    // Half of the rounds begin with sleepers, the others with newcomers.
    if (round % 2 == 0)
      relieved = test::eventually([&] { return pool.quiet(); });
    pool.push_global(1);
    pool.push_global(2);
    const auto begun = std::chrono::steady_clock::now();
    while (finished < 4) {
      std::this_thread::sleep_for(std::chrono::microseconds{200});
      if (std::chrono::steady_clock::now() - begun > std::chrono::seconds{30}) {
        relieved = false;
        give_up = true;
      }
    }
  }
  CHECK(relieved);
}

TEST_CASE("the queues can be emptied when the workers are gone") {
  std::vector<job> left;
  on_own_thread([&] {
    worker_pool pool{2};
    auto& first = pool.enlist();
    auto& second = pool.enlist();
    pool.push_next(first, 1);
    pool.push_back(first, 2);
    pool.push_back(second, 3);
    pool.push_global(4);
    while (const job each = pool.take_any())
      left.push_back(each);
  });
  std::sort(left.begin(), left.end());
  CHECK(left == numbers(1, 4));
}

TEST_CASE("a pool is quiet when all sleep and nothing is queued, and wakes") {
  worker_pool pool{2};
  std::atomic<int> ran{0};
  const crew workers{pool, [&](worker&, job) { ++ran; }};
  REQUIRE(test::eventually([&] { return pool.quiet(); }));
  const auto before = pool.dispatches();
  pool.push_global(2);
  CHECK(test::eventually([&] { return ran == 1; }));
  CHECK(test::eventually([&] { return pool.quiet(); }));
  CHECK(pool.dispatches() == before + 1);
}

TEST_CASE(
  "whoever falls asleep last reports the quiet, once per quiet time, "
  "and again if it was too early to judge") {
  struct listener {
    std::atomic<int> calls{0};
  } told;
  worker_pool pool{2};
  pool.on_quiet.call = [](engine& which) {
    return ++reinterpret_cast<listener&>(which).calls != 2;
  };
  pool.on_quiet.argument = reinterpret_cast<engine*>(&told);
  pool.on_quiet.after = std::chrono::milliseconds{1};
  std::atomic<int> ran{0};
  const crew workers{pool, [&](worker&, job) { ++ran; }};
  CHECK(test::eventually([&] { return told.calls == 1; }));
  pool.push_global(2);
  CHECK(test::eventually([&] { return ran == 1 && told.calls == 3; }));
}

TEST_CASE("no wake is lost between a push and a worker falling asleep",
          "[stress]") {
  worker_pool pool{2};
  std::atomic<std::uint32_t> ran{0};
  const crew workers{pool, [&](worker&, job) {
                       ran.fetch_add(1);
                       ran.notify_one();
                     }};
  for (std::uint32_t round = 0; round < 100'000; ++round) {
    pool.push_global(2);
    ran.wait(round); // for ever, if the wake was lost
  }
  CHECK(ran == 100'000);
}

TEST_CASE("every job pushed from inside and outside runs exactly once",
          "[stress]") {
  constexpr job pushers = 4;
  constexpr job each_pushes = 20'000;
  // A job from outside pushes three more: to the front, behind, and around.
  constexpr job family = 4;
  constexpr job count = pushers * each_pushes * family;
  for (const std::size_t size : {1U, 2U, 5U}) {
    std::vector<std::atomic<std::uint8_t>> runs(count + 1);
    std::atomic<job> ran{0};
    {
      worker_pool pool{size};
      const crew workers{pool, [&](worker& self, job next) {
                           runs[next].fetch_add(1);
                           if (next % family == 1) {
                             pool.push_next(self, next + 1);
                             pool.push_back(self, next + 2);
                             pool.push_global(next + 3);
                           }
                           if (ran.fetch_add(1) + 1 == count)
                             ran.notify_one();
                         }};
      std::vector<std::thread> outside;
      for (job pusher = 0; pusher < pushers; ++pusher)
        outside.emplace_back([&, pusher] {
          for (job i = 0; i < each_pushes; ++i)
            pool.push_global((pusher * each_pushes + i) * family + 1);
        });
      for (auto& each : outside)
        each.join();
      for (job seen = ran; seen != count; seen = ran)
        ran.wait(seen);
    }
    CAPTURE(size);
    CHECK(std::count_if(runs.begin() + 1, runs.end(),
                        [](const auto& each) { return each != 1; })
          == 0);
  }
}

TEST_CASE("a job in a run-next slot is run once, by its owner or by the watch",
          "[stress]") {
  // Each job puts its successor into the slot and goes on for about as long as
  // the watch takes to come for it.
  constexpr job last = 400;
  worker_pool pool{3};
  std::vector<std::atomic<int>> runs(last + 1);
  std::atomic<bool> finished{false};
  {
    crew workers{pool, [&](worker& self, job mine) {
                   runs[mine].fetch_add(1);
                   if (mine == last) {
                     finished = true;
                     finished.notify_all();
                     return;
                   }
                   pool.push_next(self, mine + 1);
                   const auto end
                     = std::chrono::steady_clock::now()
                       + std::chrono::microseconds{mine * 7919 % 3000};
                   while (std::chrono::steady_clock::now() < end
                          && self.run_next.load() != 0)
                     ;
                 }};
    pool.push_global(1);
    finished.wait(false);
  }
  for (job each = 1; each <= last; ++each)
    REQUIRE(runs[each].load() == 1);
}
