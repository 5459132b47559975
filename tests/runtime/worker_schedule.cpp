// What happens in the middle of falling asleep, of keeping the time and of
// withdrawing: each test holds a worker at one place while it does the rest.
#include <catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include <levada/runtime/biased_lock.hpp>
#include <levada/runtime/pause_point.hpp>

#include "pool_support.hpp"

using namespace std::chrono_literals;
using levada::detail::biased_lock;
using levada::detail::job;
using levada::detail::on_pause;
using levada::detail::pause_point;
using levada::detail::worker;
using levada::detail::worker_pool;
using test::counting_node;
using test::nothing;
using test::time_crew;

namespace {

/// Holds the first worker that comes to a place, until it is let go.
class hold {
public:
  explicit hold(pause_point where) : where_(where) {
    current = this;
    on_pause = [](pause_point at, worker& who) { current->come(at, who); };
  }
  ~hold() {
    on_pause = nullptr;
  }
  hold(const hold&) = delete;
  hold& operator=(const hold&) = delete;

  /// From now on. Before, nobody is held.
  void begin() {
    state_ = state::open;
  }
  bool reached() {
    return test::eventually([this] { return state_ == state::held; });
  }
  void let_go() {
    state_ = state::over;
    state_.notify_all();
  }

  /// What the worker itself does, once let go, before it goes on.
  std::function<void(worker&)> then = [](worker&) {};

private:
  enum class state { not_yet, open, held, over };

  void come(pause_point at, worker& who) {
    auto open = state::open;
    if (at != where_ || !state_.compare_exchange_strong(open, state::held))
      return;
    state_.notify_all();
    state_.wait(state::held);
    then(who);
  }

  static inline hold* current = nullptr;
  const pause_point where_;
  std::atomic<state> state_{state::not_yet};
};

/// The worker that runs it finds at its next look that its time went into crossings.
void lose_by_crossings() {
  levada::detail::this_seat().crossings += 1'000'000;
}

/// A timer armed while the keeper of the time, who has one for later, is there.
void arm_while_held(pause_point where) {
  hold at{where};
  at.begin();
  counting_node far{1h};
  time_crew crew{1, nothing, &far};
  const bool held = at.reached();
  counting_node near{1ms};
  crew.timers.arm(near);
  at.let_go();
  CHECK(held);
  CHECK(near.fires());
  CHECK(far.fired == 0);
  CHECK(crew.timers.disarm(far));
}

/// Of two workers one is stuck in a job until it is freed, so that it counts as awake;
/// the other withdraws, and is held when it has given up its jobs, 1 to `count` (or, at
/// `withdraws`, is about to).
class withdrawal {
public:
  static constexpr int count = 40;

  /// `run`: what to do with these and all other jobs. `first`: what the other does
  /// before it gets them.
  explicit withdrawal(
    std::function<void(worker&, job)> run, std::function<void()> first = [] {},
    pause_point where = pause_point::gave_its_jobs_up)
      : at(where),
        run_(std::move(run)),
        first_(std::move(first)),
        crew(2, [this](worker& self, job which) { take_up(self, which); }) {
  }

  /// Until the other is held.
  void begin() {
    slept_ = test::eventually([&] { return crew.pool.quiet(); });
    crew.pool.push_global(stuck);
    is_stuck_ = test::eventually([&] { return began_.load(); });
    at.begin();
    crew.pool.push_global(crossing);
    held_ = at.reached();
  }
  void free_other() {
    freed_ = true;
    freed_.notify_all();
  }
  void check_begun() const {
    CHECK(slept_);
    CHECK(is_stuck_);
    CHECK(held_);
  }

  hold at;

private:
  static constexpr job stuck = 1000;
  static constexpr job crossing = 1001;

  void take_up(worker& self, job which) {
    if (which == stuck) {
      began_ = true;
      freed_.wait(false);
    } else if (which == crossing) {
      first_();
      for (job each = 1; each <= count; ++each)
        self.pool->push_back(self, each);
      lose_by_crossings();
    } else {
      run_(self, which);
    }
  }

  const std::function<void(worker&, job)> run_;
  const std::function<void()> first_;
  std::atomic<bool> began_{false};
  std::atomic<bool> freed_{false};
  bool slept_ = false;
  bool is_stuck_ = false;
  bool held_ = false;

public:
  time_crew crew; ///< last: its workers use everything above
};

} // namespace

// -- a worker falls asleep, and a job comes from outside -----------------------

TEST_CASE("a job that comes before its only worker is known to be idle runs") {
  hold at{pause_point::out_of_work};
  std::atomic<int> ran{0};
  time_crew crew{1, [&](worker&, job) { ++ran; }};
  at.begin();
  crew.pool.push_global(1); // whatever it does now, it comes by again
  const bool held = at.reached();
  const int before = ran;
  crew.pool.push_global(2);
  const auto idle = crew.pool.idle();
  at.let_go();
  CHECK(held);
  CHECK(idle == 0); // so nobody was woken
  CHECK(test::eventually([&] { return ran == 2; }));
  CHECK(before <= 1);
}

TEST_CASE(
  "a job that comes when its only worker has looked around, but does "
  "not sleep yet, runs") {
  hold at{pause_point::about_to_sleep};
  at.begin();
  std::atomic<int> ran{0};
  time_crew crew{1, [&](worker&, job) { ++ran; }};
  const bool held = at.reached();
  const auto idle = crew.pool.idle();
  crew.pool.push_global(1);
  at.let_go();
  CHECK(held);
  CHECK(idle == 1);
  CHECK(test::eventually([&] { return ran == 1; }));
}

// -- who keeps the time --------------------------------------------------------

TEST_CASE(
  "a timer that is armed when the keeper of the time has looked, but not "
  "said until when it sleeps, fires") {
  arm_while_held(pause_point::about_to_keep_time);
}

TEST_CASE(
  "a timer that is armed when the keeper of the time is about to sleep for "
  "longer fires") {
  arm_while_held(pause_point::about_to_sleep);
}

TEST_CASE(
  "a keeper of the time that is given a job while it goes to sleep keeps it "
  "again afterwards") {
  hold at{pause_point::about_to_sleep};
  at.begin();
  counting_node soon{20ms};
  std::atomic<int> ran{0};
  time_crew crew{1, [&](worker&, job) { ++ran; }, &soon};
  const bool held = at.reached();
  crew.pool.push_global(1);
  at.let_go();
  CHECK(held);
  CHECK(soon.fires());
  CHECK(test::eventually([&] { return ran == 1; }));
}

TEST_CASE(
  "a timer that is armed when another has fired what the keeper of the "
  "time slept for fires") {
  // Until the keeper says so again it is taken to wake at a time that has passed: who
  // arms wakes nobody, and all hangs on the keeper's second look.
  struct listener {
    hold at{pause_point::about_to_keep_time};
    std::atomic<bool> asks{false};
    std::atomic<bool> answered{false};
  } told;
  worker_pool pool{1};
  pool.on_quiet.call = [](levada::detail::engine& which) {
    auto& mine = reinterpret_cast<listener&>(which);
    if (mine.asks.exchange(true))
      return true; // all is over, and quiet again
    mine.answered.wait(false);
    mine.at.begin();
    return true;
  };
  pool.on_quiet.argument = reinterpret_cast<levada::detail::engine*>(&told);
  pool.on_quiet.after = 1ms;
  levada::detail::timer_queue timers{levada::clock::steady(), 2};
  timers.keep_by(pool);
  counting_node far{1h};
  counting_node first{100ms};
  counting_node second;
  timers.arm(far);
  timers.arm(first);
  {
    const test::crew crew{pool, nothing};
    CHECK(test::eventually([&] { return told.asks.load(); }));
    CHECK(test::eventually([&] {
      timers.fire_due();
      return first.fired == 1;
    }));
    told.answered = true;
    told.answered.notify_all();
    CHECK(told.at.reached());
    second.when = std::chrono::steady_clock::now() + 1ms;
    timers.arm(second);
    told.at.let_go();
    CHECK(second.fires());
    CHECK_FALSE(second.early);
    CHECK(timers.disarm(far));
  }
}

TEST_CASE("when the keeper of the time is stuck in a job another keeps it") {
  // Both workers get a job; who keeps the time, if that is settled by then, is the
  // last to be woken. The first to be free is to take it over.
  std::atomic<bool> second_began{false};
  std::atomic<bool> go_on{false};
  std::atomic<bool> over{false};
  hold at{pause_point::out_of_work};
  counting_node soon{50ms};
  time_crew crew{2,
                 [&](worker&, job which) {
                   if (which == 2)
                     second_began = true;
                   if (which <= 2)
                     (which == 1 ? go_on : over).wait(false);
                 },
                 &soon};
  const bool slept = test::eventually([&] { return crew.pool.quiet(); });
  crew.pool.push_global(1);
  const bool first = test::eventually([&] { return crew.pool.idle() == 1; });
  crew.pool.push_global(2);
  const bool second = test::eventually([&] { return second_began.load(); });
  at.begin();
  go_on = true;
  go_on.notify_all();
  const bool held = at.reached(); // the one that is free, before it is idle
  const auto awake = crew.pool.idle();
  at.let_go();
  const bool fired = soon.fires();
  over = true;
  over.notify_all();
  CHECK(slept);
  CHECK(first);
  CHECK(second);
  CHECK(held);
  CHECK(awake == 0);
  CHECK(fired);
}

// -- the watch and a run-next slot ---------------------------------------------

TEST_CASE(
  "the watch that comes for a job while its owner empties the slot leaves "
  "it to the owner") {
  // The owner stands still between its look whether it is being robbed and the
  // emptying. (Without a process barrier it does that by an exchange.)
  static std::atomic<int> rests;
  rests = 0;
  on_pause = [](pause_point at, worker&) {
    if (at == pause_point::out_of_work)
      ++rests;
  };
  constexpr job wanted = 7;
  constexpr job stop = 8;
  std::atomic<job> taken{0};
  bool slept = false;
  bool came = false;
  job early = 0;
  bool late = false;
  std::thread{[&] {
    worker_pool pool{2};
    auto& owner = pool.enlist();
    std::thread watch{[&] {
      auto& self = pool.enlist();
      for (job next = pool.next(self); next != stop; next = pool.next(self))
        taken = next;
    }};
    slept = test::eventually([&] { return pool.idle() == 1; });
    owner.swapping = true;
    pool.push_next(owner, wanted);
    const int before = rests;
    came = test::eventually([&] { return rests >= before + 3; });
    early = taken;
    owner.swapping = false;
    late = test::eventually([&] { return taken == wanted; });
    pool.push_global(stop);
    watch.join();
  }}.join();
  on_pause = nullptr;
  CHECK(slept);
  CHECK(late);
  if (levada::detail::has_process_barrier()) {
    CHECK(came); // and went, with nothing
    CHECK(early == 0);
  }
}

// -- withdrawing ---------------------------------------------------------------

TEST_CASE(
  "a worker that loses its time by crossings leaves its jobs to another") {
  constexpr job count = 40;
  // The next look at the clock is one of the next eight.
  constexpr job first_given = worker_pool::look_at_clock;
  hold at{pause_point::gave_its_jobs_up}; // else it soon keeps watch over them
  at.begin();
  std::vector<job> given;
  std::vector<job> kept;
  bool held = false;
  std::thread awake{[&] {
    worker_pool pool{2};
    auto& other = pool.enlist();
    std::thread crossing{[&] {
      auto& self = pool.enlist();
      for (job each = 1; each <= count; ++each)
        pool.push_back(self, each);
      lose_by_crossings();
      for (job next = pool.next(self); next <= count; next = pool.next(self))
        kept.push_back(next);
    }};
    held = at.reached();
    for (job each = first_given; held && each <= count; ++each)
      given.push_back(pool.next(other));
    at.let_go();
    pool.push_global(1000);
    crossing.join();
  }};
  awake.join();
  std::vector<job> first(first_given - 1);
  std::iota(first.begin(), first.end(), job{1});
  std::vector<job> rest(count - first.size());
  std::iota(rest.begin(), rest.end(), first_given);
  CHECK(held);
  CHECK(kept == first);
  CHECK(given == rest);
}

TEST_CASE("a job that comes from outside while a worker withdraws runs") {
  std::atomic<int> ran{0};
  withdrawal one{[&](worker&, job) { ++ran; }};
  one.begin();
  const int before = ran;
  one.crew.pool.push_global(withdrawal::count + 1);
  const auto idle = one.crew.pool.idle();
  one.at.let_go();
  one.free_other();
  one.check_begun();
  CHECK(before < static_cast<int>(worker_pool::look_at_clock));
  CHECK(idle == 0); // so nobody was woken
  CHECK(test::eventually([&] { return ran == withdrawal::count + 1; }));
}

TEST_CASE(
  "a worker that would be the last to sleep does not withdraw, and is "
  "relieved when it is stuck") {
  // While it withdraws the other runs what it gave up, and falls asleep.
  constexpr job stuck = 1002;
  constexpr job relief = 1003;
  std::atomic<bool> relieved{false};
  std::atomic<bool> unstuck{false};
  std::atomic<int> ran{0};
  withdrawal one{[&](worker& self, job which) {
    if (which == stuck) {
      self.pool->push_next(self, relief);
      relieved.wait(false);
      unstuck = true;
    } else if (which == relief) {
      relieved = true;
      relieved.notify_all();
    } else {
      ++ran;
    }
  }};
  one.at.then = [](worker& self) {
    self.job_ns = 0; // nobody is to be woken for the sake of this job
    self.pool->push_back(self, stuck);
  };
  one.begin();
  one.free_other();
  const bool other_sleeps = test::eventually(
    [&] { return ran == withdrawal::count && one.crew.pool.idle() == 1; });
  one.at.let_go();
  const bool good = test::eventually([&] { return unstuck.load(); });
  if (!good) { // so that the test ends
    relieved = true;
    relieved.notify_all();
  }
  one.check_begun();
  CHECK(other_sleeps);
  CHECK(good);
}

TEST_CASE(
  "a worker does not fall asleep over the jobs it gave up, when the other "
  "fell asleep just before") {
  // The other has looked at the global queue for the last time when the jobs come
  // there, and the watch it keeps ends when nothing runs.
  std::atomic<int> ran{0};
  withdrawal one{[&](worker&, job) { ++ran; }, [] {}, pause_point::withdraws};
  one.at.then = [](worker& self) {
    self.job_ns = 0; // nobody is to be woken for the sake of this job
    self.pool->push_back(self, withdrawal::count + 1);
  };
  one.begin();
  one.free_other();
  const bool other_sleeps = test::eventually(
    [&] { return ran == withdrawal::count && one.crew.pool.idle() == 1; });
  one.at.let_go();
  CHECK(test::eventually([&] { return ran == withdrawal::count + 1; }));
  one.check_begun();
  CHECK(other_sleeps);
}

TEST_CASE("a job that is next on a worker that withdraws is given up as well") {
  std::atomic<int> ran{0};
  withdrawal one{[&](worker&, job) { ++ran; }, [] {}, pause_point::withdraws};
  one.at.then
    = [](worker& self) { self.pool->push_next(self, withdrawal::count + 1); };
  one.begin();
  one.at.let_go();
  const bool withdrew
    = test::eventually([&] { return one.crew.pool.idle() == 1; });
  one.free_other();
  CHECK(test::eventually([&] { return ran == withdrawal::count + 1; }));
  one.check_begun();
  CHECK(withdrew);
}

TEST_CASE("a lock that is biased to a worker that withdraws can be taken") {
  biased_lock lock;
  int guarded = 0;
  withdrawal one{nothing, [&] {
                   for (int i = 0; i < 10'000; ++i) {
                     const levada::detail::seat_guard guard{lock};
                     ++guarded;
                   }
                 }};
  one.begin();
  lock.lock(); // for ever, if the worker were inside
  const int seen = guarded;
  lock.unlock();
  one.at.let_go();
  const bool withdrew
    = test::eventually([&] { return one.crew.pool.idle() == 1; });
  lock.lock();
  ++guarded;
  lock.unlock();
  one.free_other();
  one.check_begun();
  CHECK(seen == 10'000);
  CHECK(withdrew);
  CHECK(guarded == 10'001);
}

// -- the watch -----------------------------------------------------------------

namespace {

/// The first worker of a new pool that is idle keeps watch; it is held after its
/// first sleep.
class first_watch {
public:
  first_watch() {
    current = this;
    on_pause = [](pause_point at, worker& who) { current->come(at, who); };
    crew_.emplace(pool, nothing);
  }
  ~first_watch() {
    let_go();
    crew_.reset();
    on_pause = nullptr;
  }
  first_watch(const first_watch&) = delete;
  first_watch& operator=(const first_watch&) = delete;

  bool is_held() {
    return test::eventually([this] { return looks_ == 1; });
  }
  bool others_sleep() {
    return test::eventually([this] { return pool.quiet(); });
  }
  void let_go() {
    held_ = false;
    held_.notify_all();
  }
  /// Until it does one or the other.
  bool goes_on() {
    return test::eventually([this] { return looks_ > 1 || over_; }) && !over_;
  }

  worker_pool pool{2};

private:
  void come(pause_point at, worker& who) {
    if (at == pause_point::slept_on_watch) {
      watcher_ = &who;
      ++looks_;
      held_.wait(true);
    } else if (at == pause_point::about_to_sleep && &who == watcher_) {
      over_ = true;
    }
  }

  static inline first_watch* current = nullptr;
  std::atomic<worker*> watcher_{nullptr};
  std::atomic<int> looks_{0};
  std::atomic<bool> held_{true};
  std::atomic<bool> over_{false};
  std::optional<test::crew> crew_;
};

} // namespace

TEST_CASE("the watch over a pool in which nothing has run ends at once") {
  first_watch watch;
  CHECK(watch.is_held());
  CHECK(watch.others_sleep());
  watch.let_go();
  CHECK_FALSE(watch.goes_on());
}

TEST_CASE("the watch over a pool that works by fits goes on") {
  first_watch watch;
  CHECK(watch.is_held());
  CHECK(watch.others_sleep());
  watch.pool.push_global(1); // by the one who fell asleep last
  const bool ran = test::eventually([&] { return watch.pool.jobs_done() == 1; })
                   && watch.others_sleep();
  watch.let_go();
  CHECK(ran);
  CHECK(watch.goes_on());
}
