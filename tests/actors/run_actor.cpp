// CAF actors under supervision: a task that lives as long as an actor.
#include <atomic>
#include <mutex>

#include <caf/all.hpp>

#include <levada/channels/run_actor.hpp>
#include <levada/channels/supervise.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

/// Counts its lives; ends as it is told: "fail", "quit".
struct life_count {
  std::atomic<int> born{0};
  std::atomic<int> dead{0};
  /// The one that lives.
  std::mutex guard;
  caf::actor now;

  caf::actor current() {
    std::lock_guard lock{guard};
    return now;
  }
};

struct mortal_state {
  life_count* lives = nullptr;
  ~mortal_state() {
    if (lives != nullptr)
      ++lives->dead;
  }
};

caf::behavior mortal(caf::stateful_actor<mortal_state>* self,
                     life_count* lives) {
  self->state.lives = lives;
  return {[self](const std::string& order) {
    if (order == "fail")
      self->quit(caf::sec::runtime_error);
    else if (order == "quit")
      self->quit();
  }};
}

std::function<caf::actor()> birth(runtime& rt, life_count& lives) {
  return [&rt, &lives] {
    caf::actor made = rt.system().spawn(mortal, &lives);
    {
      std::lock_guard lock{lives.guard};
      lives.now = made;
    }
    ++lives.born;
    return made;
  };
}

void tell(life_count& lives, const char* order) {
  caf::anon_send(lives.current(), std::string{order});
}

} // namespace

TEST_CASE(
  "an actor that fails is spawned again, one that quits is done "
  "(U-14)") {
  runtime rt{{.workers = 2}};
  life_count lives;
  levada::supervision plan{{.max_restarts = 3}};
  // [child]
  plan.child("actor", levada::run_actor, birth(rt, lives));
  // [/child]
  auto top = rt.spawn(levada::supervise, std::move(plan));
  until([&] { return lives.born == 1; });
  tell(lives, "fail");
  until([&] { return lives.born == 2; });
  tell(lives, "fail");
  until([&] { return lives.born == 3; });
  CHECK_FALSE(top.done());
  tell(lives, "quit");
  top.blocking_join();
  CHECK(lives.born == 3);
  until([&] { return lives.dead == 3; });
  lives.now = nullptr;
}

TEST_CASE("the reason an actor ended for is the error (U-14)") {
  runtime rt{{.workers = 2}};
  life_count lives;
  auto living = rt.spawn(levada::run_actor, birth(rt, lives));
  until([&] { return lives.born == 1; });
  SECTION("failed") {
    tell(lives, "fail");
    try {
      living.blocking_join();
      FAIL("it did not throw");
    } catch (const levada::actor_failed& error) {
      CHECK(std::string{error.what()}.find("runtime_error")
            != std::string::npos);
    }
  }
  SECTION("killed") {
    caf::anon_send_exit(lives.current(), caf::exit_reason::kill);
    CHECK_THROWS_AS(living.blocking_join(), levada::actor_failed);
  }
  SECTION("shut down") {
    caf::anon_send_exit(lives.current(), caf::exit_reason::user_shutdown);
    living.blocking_join();
  }
  lives.now = nullptr;
}

TEST_CASE("a cancelled run_actor ends its actor before it ends (U-14)") {
  runtime rt{{.workers = 2}};
  life_count lives;
  levada::scope scope{rt};
  auto living = scope.spawn(levada::run_actor, birth(rt, lives));
  until([&] { return lives.born == 1; });
  lives.now = nullptr;
  scope.cancel();
  CHECK_THROWS_AS(living.blocking_join(), levada::operation_cancelled);
  // (it has ended; its state goes when its worker has let go of it)
  until([&] { return lives.dead == 1; });
}

TEST_CASE(
  "a stopping runtime ends supervised actors, and none is left "
  "(U-14, U-24)") {
  life_count lives;
  {
    runtime rt{{.workers = 2}};
    levada::supervision plan;
    plan.child("actor", levada::run_actor, birth(rt, lives));
    auto top = rt.spawn(levada::supervise, std::move(plan));
    until([&] { return lives.born == 1; });
    lives.now = nullptr;
    CHECK(rt.stop().clean);
  }
  CHECK(lives.dead == 1);
}

TEST_CASE("run_actor wants an actor (U-14)") {
  runtime rt{{.workers = 1}};
  const std::function<caf::actor()> none = [] { return caf::actor{}; };
  CHECK_THROWS_AS(rt.block_on(levada::run_actor, none), levada::channel_error);
}
