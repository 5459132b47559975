#include <catch.hpp>

#include <algorithm>
#include <cstdint>
#include <thread>

#include <levada/runtime/thread_waiter.hpp>

using levada::detail::thread_patience;
using levada::detail::thread_waiter;
using levada::detail::wait_onlooker;
using levada::detail::wait_point;
using levada::detail::waiting_habits;

namespace {

/// How long a thread that has slept so often in a row looks, apart from trials.
std::uint32_t usual_looks(waiting_habits& habits) {
  const auto first = habits.looks();
  const auto second = habits.looks();
  return std::min(first, second);
}

/// How often it is as patient as can be in so many waits.
int trials_in(waiting_habits& habits, std::uint32_t waits) {
  int result = 0;
  for (std::uint32_t i = 0; i < waits; ++i)
    result += habits.looks() == waiting_habits::most_looks ? 1 : 0;
  return result;
}

/// After how many waits that yielding ends it is time to sleep instead.
std::uint32_t waits_until_sleep(waiting_habits& habits) {
  std::uint32_t result = 0;
  while (habits.yields() != 0) {
    habits.yielding_paid();
    ++result;
  }
  return result;
}

/// Ends each wait of this thread at one point, and counts how many came to another.
class answerer final : public wait_onlooker {
public:
  explicit answerer(wait_point where) : where_(where) {
    thread_waiter::mine().onlooker = this;
  }
  ~answerer() {
    thread_waiter::mine().onlooker = nullptr;
  }

  void at(wait_point where) noexcept override {
    if (where == wait_point::asleep)
      ++slept;
    if (where == where_ || where == wait_point::asleep)
      thread_waiter::mine().signal();
  }

  int slept = 0;

private:
  wait_point where_;
};

/// How often a thread slept in so many waits that are answered at a point.
int sleeps_in(wait_point where, std::uint32_t waits) {
  int result = 0;
  std::thread{[&] {
    answerer partner{where};
    auto& self = thread_waiter::mine();
    for (std::uint32_t i = 0; i < waits; ++i) {
      self.reset();
      self.wait();
    }
    result = partner.slept;
  }}.join();
  return result;
}

std::uint32_t rests_of(std::uint32_t first_rest) {
  thread_patience patience{first_rest};
  std::uint32_t result = 0;
  while (patience.rest())
    ++result;
  return result;
}

} // namespace

TEST_CASE("a thread that always looks in vain soon looks but briefly") {
  waiting_habits habits;
  CHECK(usual_looks(habits) > waiting_habits::fewest_looks);
  for (int i = 0; i < 20; ++i)
    habits.slept();
  CHECK(usual_looks(habits) == waiting_habits::fewest_looks);
  CHECK(habits.yields() == 1);
}

TEST_CASE("now and then it looks for long again, and learns from it") {
  waiting_habits habits;
  for (int i = 0; i < 20; ++i)
    habits.slept();
  const auto shortest = waiting_habits::shortest_round;
  const auto longest = waiting_habits::longest_round;
  CHECK(trials_in(habits, shortest) == 1);
  // less and less often while that is in vain
  CHECK(trials_in(habits, 2 * shortest) == 1);
  CHECK(trials_in(habits, 4 * shortest) == 1);
  (void)trials_in(habits, longest);
  CHECK(trials_in(habits, 4 * longest) == 4);
  habits.looking_paid(200); // the partner has a core of its own now
  CHECK(usual_looks(habits) > 200);
  CHECK(habits.yields() == waiting_habits::most_yields);
  CHECK(trials_in(habits, shortest) == 1);
}

TEST_CASE("a thread whose partner runs when it yields need not sleep") {
  waiting_habits habits;
  for (int i = 0; i < 20; ++i)
    habits.slept();
  for (std::uint32_t i = 1; i < waiting_habits::fewest_shared; ++i)
    habits.yielding_paid();
  CHECK(usual_looks(habits) == waiting_habits::fewest_looks);
  CHECK(habits.yields() == waiting_habits::most_yields);
  CHECK(habits.yielding() == waiting_habits::longest_yielding);
}

TEST_CASE("one who shares a core for long sleeps, to be woken on another") {
  waiting_habits habits;
  auto shared = waiting_habits::fewest_shared;
  CHECK(waits_until_sleep(habits) == shared);
  habits.slept();
  // It finds out at once whether it has got one, and was patient for nothing else.
  CHECK(habits.looks() == waiting_habits::most_looks);
  CHECK(habits.yielding() == waiting_habits::longest_yielding);
  // Where there is none to be had it tries ever less often.
  while (shared < waiting_habits::most_shared) {
    shared *= 2;
    CHECK(waits_until_sleep(habits) == shared);
    habits.slept();
  }
  CHECK(waits_until_sleep(habits) == shared);
  habits.looking_paid(5);
  CHECK(waits_until_sleep(habits) == waiting_habits::fewest_shared);
}

TEST_CASE(
  "a thread that is answered when it yields sleeps once in many waits") {
  const auto fewest = waiting_habits::fewest_shared;
  CHECK(sleeps_in(wait_point::yielding, fewest) == 0);
  CHECK(sleeps_in(wait_point::yielding, fewest + 1) == 1);
  CHECK(sleeps_in(wait_point::yielding, 3 * fewest + 1) == 1);
  CHECK(sleeps_in(wait_point::yielding, 3 * fewest + 2) == 2);
  CHECK(sleeps_in(wait_point::looking, 8 * fewest) == 0);
}

TEST_CASE("one who has slept once is nearly as patient as before") {
  // Else its partner, which has to wake it, finds it asleep by every turn.
  waiting_habits habits;
  habits.slept();
  CHECK(habits.yielding() == waiting_habits::longest_yielding / 2);
  habits.looking_paid(1);
  CHECK(habits.yielding() == waiting_habits::longest_yielding);
}

TEST_CASE("a thread's patience has an end, however short its rests") {
  const auto first = GENERATE(0U, 1U, 2U, 32U, UINT32_MAX);
  std::uint32_t rests = 0;
  std::thread{[&] { rests = rests_of(first); }}.join();
  CHECK(rests > waiting_habits::most_yields);
}

TEST_CASE("waits that nobody ends make a thread less patient") {
  std::uint32_t early = 0;
  std::uint32_t late = 0;
  std::thread{[&] {
    early = rests_of(2);
    for (int i = 0; i < 20; ++i)
      late = rests_of(2);
  }}.join();
  CHECK(early > waiting_habits::most_yields);
  CHECK(late < early);
  CHECK(late >= 1);
}
