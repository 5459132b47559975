#include <catch.hpp>

#include <algorithm>
#include <cstdint>
#include <thread>

#include <levada/runtime/thread_waiter.hpp>

using levada::detail::thread_patience;
using levada::detail::thread_waiter;
using levada::detail::waiting_habits;

namespace {

/// How long a thread that has slept so often in a row looks, apart from trials.
std::uint32_t usual_looks(waiting_habits& habits) {
  const auto first = habits.looks();
  const auto second = habits.looks();
  return std::min(first, second);
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
  CHECK(usual_looks(habits) == waiting_habits::most_looks);
  for (int i = 0; i < 20; ++i)
    habits.slept();
  CHECK(usual_looks(habits) == waiting_habits::fewest_looks);
  CHECK(habits.yields() == 1);
}

TEST_CASE("now and then it looks for long again, and learns from it") {
  waiting_habits habits;
  for (int i = 0; i < 20; ++i)
    habits.slept();
  int trials = 0;
  for (std::uint32_t i = 0; i < 4 * waiting_habits::one_trial_in; ++i)
    trials += habits.looks() == waiting_habits::most_looks ? 1 : 0;
  CHECK(trials == 4);
  habits.looking_paid(200); // the partner has a core of its own now
  CHECK(usual_looks(habits) > 200);
  CHECK(habits.yields() == waiting_habits::most_yields);
}

TEST_CASE("a thread whose partner runs when it yields need not sleep") {
  waiting_habits habits;
  for (int i = 0; i < 20; ++i)
    habits.slept();
  for (int i = 0; i < 20; ++i)
    habits.yielding_paid();
  CHECK(usual_looks(habits) == waiting_habits::fewest_looks);
  CHECK(habits.yields() == waiting_habits::most_yields);
  CHECK(habits.yielding() == waiting_habits::longest_yielding);
}

TEST_CASE("one who has slept once is nearly as patient as before") {
  // Else its partner, which has to wake it, finds it asleep by every turn.
  waiting_habits habits;
  (void)habits.looks(); // the first of all is a trial
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
