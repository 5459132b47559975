// An actor shares its thread with others: it may not block there.
#include <future>
#include <optional>
#include <string>
#include <thread>

#include "support.hpp"

#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/runtime/blocking.hpp>
#include <levada/runtime/scope.hpp>

using namespace levada_tests;

namespace {

/// What `operation` was told when it was refused, or nothing.
template <class F>
std::string refusal(F&& operation) {
  try {
    operation();
  } catch (const levada::channel_error& error) {
    if (error.code() == errc::wrong_thread)
      return error.what();
  }
  return {};
}

std::vector<std::string> refusals(runtime& rt, const sender<int>& tx,
                                  const receiver<int>& rx) {
  levada::select_set set;
  set.add(rx);
  auto handle = rt.spawn([]() -> task<> { co_return; });
  std::vector<std::string> all{
    refusal([&] { (void)tx.blocking_send(1); }),
    refusal([&] { (void)rx.blocking_receive(); }),
    refusal([&] {
      for (auto& v : rx.blocking())
        (void)v;
    }),
    refusal([&] { (void)levada::blocking_select(rx); }),
    refusal([&] { (void)set.blocking_next(); }),
    refusal([&] { rt.block_on([]() -> task<> { co_return; }); }),
    refusal([&] { handle.blocking_join(); }),
  };
  return all;
}

/// Spawned in `system`, an actor tries to block; gives what it was told.
template <caf::spawn_options Options = caf::no_spawn_options>
std::vector<std::string> told_to_an_actor(caf::actor_system& system,
                                          runtime& rt) {
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  std::promise<std::vector<std::string>> promise;
  auto answer = promise.get_future();
  REQUIRE(tx.try_send(1));
  tx.close(); // who blocks nevertheless does not block for ever
  system.spawn<Options>(
    [&](caf::event_based_actor*) { promise.set_value(refusals(rt, tx, rx)); });
  return answer.get();
}

} // namespace

TEST_CASE("an actor that blocks a runtime's worker is told so (B-23)") {
  runtime rt{{.workers = 1}};
  for (const auto& each : told_to_an_actor(rt.system(), rt)) {
    CHECK(each.find("levada::on_receive") != std::string::npos);
    CHECK(each.find("caf::detached") != std::string::npos);
  }
}

TEST_CASE("so is one that blocks a worker of somebody's actor system (B-23)") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  SECTION("that steals") {
    config.set("scheduler.policy", caf::atom("stealing"));
  }
  SECTION("that shares") {
    config.set("scheduler.policy", caf::atom("sharing"));
  }
  caf::actor_system system{config};
  runtime rt{system};
  rt.block_on([]() -> task<> { co_return; }); // the worker is known by its task
  for (const auto& each : told_to_an_actor(system, rt))
    CHECK(each.find("caf::detached") != std::string::npos);
}

TEST_CASE("an actor with a thread of its own may block (B-23)") {
  runtime rt{{.workers = 1}};
  for (const auto& each : told_to_an_actor<caf::detached>(rt.system(), rt))
    CHECK(each.empty());
}

TEST_CASE("a thread that a worker has started may block (B-23)") {
  std::optional<caf::actor_system_config> config;
  std::optional<caf::actor_system> system;
  std::optional<runtime> rt;
  SECTION("of a runtime's own system") {
    rt.emplace(levada::runtime_options{.workers = 1});
  }
  SECTION("of somebody's") {
    config.emplace().set("scheduler.max-threads", 1);
    rt.emplace(system.emplace(*config));
  }
  auto [tx, rx] = make_channel<int>(*rt, {.capacity = 1});
  const bool went = rt->block_on(
    [](sender<int> out, receiver<int> in) -> task<bool> {
      bool sent = false;
      bool received = false;
      std::thread started{[&] {
        sent = refusal([&] { (void)out.blocking_send(1); }).empty();
        received = refusal([&] { (void)in.blocking_receive(); }).empty();
      }};
      started.join();
      co_return sent&& received;
    },
    tx, rx);
  CHECK(went);
}

TEST_CASE("a blocking function of a task may block (B-23)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  std::jthread sending{
    [tx = std::move(tx)] { static_cast<void>(tx.blocking_send_for(5, 30s)); }};
  const int got = rt.block_on(
    [](receiver<int> in) -> task<int> {
      auto wait = [&in] { return in.blocking_receive().value(); };
      const int v = co_await levada::blocking(std::ref(wait));
      co_return v;
    },
    rx);
  CHECK(got == 5);
}
