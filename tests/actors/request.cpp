// Requests awaited in tasks: answers, errors, and every way in which none comes.
#include <caf/all.hpp>
#include <caf/default_attachable.hpp>

#include <levada/channels/request.hpp>
#include <levada/channels/task_actor.hpp>
#include <levada/runtime/scope.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::errc;
using levada::request;

namespace {

using ask_atom = caf::get_atom;
using hold_atom = caf::put_atom;
using two_atom = caf::add_atom;

/// Holds some requests for ever, answers others.
caf::behavior answerer(caf::event_based_actor* self) {
  auto held = std::make_shared<std::vector<caf::response_promise>>();
  return {
    [](ask_atom, int n) { return n + 1; },
    [=](hold_atom) {
      held->push_back(self->make_response_promise());
      return held->back();
    },
    [](two_atom) { return caf::result<int, std::string>{1, "one"}; },
    [](std::string) { return caf::make_error(caf::sec::bad_function_call); },
    [](double) {}};
}

/// Never answers, and counts who watches it.
class watched final : public caf::monitorable_actor {
public:
  explicit watched(caf::actor_config& config) : caf::monitorable_actor(config) {
  }
  void enqueue(caf::mailbox_element_ptr, caf::execution_unit*) override {
    ++asked;
  }
  void attach(caf::attachable_ptr what) override {
    ++watchers;
    caf::monitorable_actor::attach(std::move(what));
  }
  std::size_t detach(const caf::attachable::token& what) override {
    const auto gone = caf::monitorable_actor::detach(what);
    watchers -= static_cast<int>(gone);
    return gone;
  }
  std::atomic<int> asked{0};
  std::atomic<int> watchers{0};
};

task<bool> is_down(caf::actor whom) {
  auto result = co_await request<int>(whom, 600s, hold_atom::value);
  co_return result.receiver_down();
}

} // namespace

TEST_CASE("a request gives the answer as the type that was asked for") {
  runtime rt{{.workers = 2}};
  const auto actor = rt.system().spawn(answerer);
  const auto sum = rt.block_on(request<int>(actor, 30s, ask_atom::value, 1));
  CHECK(sum);
  CHECK(*sum == 2);
  const auto both = rt.block_on(
    request<std::tuple<int, std::string>>(actor, 30s, two_atom::value));
  CHECK(*both == std::tuple{1, std::string{"one"}});
  CHECK(rt.block_on(request<void>(actor, 30s, 0.5)));
  const auto raw = rt.block_on(request(actor, 30s, two_atom::value));
  CHECK(raw.error() == caf::error{});
  CHECK((*raw).match_elements<int, std::string>());
  const auto wrong
    = rt.block_on(request<double>(actor, 30s, ask_atom::value, 1));
  CHECK(wrong.error() == caf::sec::unexpected_response);
  CHECK(rt.block_on(request<void>(actor, 30s, ask_atom::value, 1)).error()
        == caf::sec::unexpected_response);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE(
  "what the actor answers as an error is the result's error, and thrown "
  "by value()") {
  runtime rt{{.workers = 1}};
  const auto actor = rt.system().spawn(answerer);
  auto result = rt.block_on(request<int>(actor, 30s, std::string{"?"}));
  CHECK_FALSE(result);
  CHECK(result.error() == caf::sec::bad_function_call);
  try {
    (void)result.value();
    FAIL("it has not thrown");
  } catch (const levada::request_failed& failed) {
    CHECK(failed.error() == caf::sec::bad_function_call);
    CHECK(std::string{failed.what()}.find("bad_function_call")
          != std::string::npos);
  }
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE(
  "a request ends with its time, and leaves no monitor with who was "
  "asked") {
  runtime rt{{.workers = 1}};
  auto& system = rt.system();
  caf::actor_config config;
  const auto actor = caf::make_actor<watched, caf::actor>(
    system.next_actor_id(), system.node(), &system, config);
  auto& target
    = *static_cast<watched*>(caf::actor_cast<caf::abstract_actor*>(actor));
  for (int i = 0; i < 10; ++i) {
    const auto late = rt.block_on(request<int>(actor, 1ms, hold_atom::value));
    CHECK(late.timed_out());
    CHECK(late.error() == caf::sec::request_timeout);
    CHECK(levada::to_error_code(late.error()) == errc::timed_out);
  }
  CHECK(target.asked == 10);
  CHECK(target.watchers == 0);
}

TEST_CASE("a request ends when who was asked ends with it in its hands") {
  runtime rt{{.workers = 2}};
  const auto actor = rt.system().spawn(answerer);
  auto waiting = rt.spawn(is_down, actor);
  // it has been asked, and holds the request, once it has answered this one
  CHECK(rt.block_on(request<int>(actor, 30s, ask_atom::value, 1)));
  const auto how
    = GENERATE(caf::exit_reason::user_shutdown, caf::exit_reason::kill);
  caf::anon_send_exit(actor, how);
  CHECK(waiting.blocking_join());
  // and one that has ended says so at once
  CHECK(rt.block_on(is_down(actor)));
}

TEST_CASE(
  "a request is given up when its stop token is requested, its task "
  "cancelled or its runtime stops") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  caf::actor_system other{config};
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 2});
  const auto actor = other.spawn(answerer);
  std::stop_source stop;
  const auto asks
    = [](caf::actor whom, std::stop_token token) -> task<caf::error> {
    auto result = co_await request<int>(whom, 600s, token, hold_atom::value);
    co_return result.error();
  };
  SECTION("stop token") {
    auto waiting = rt->spawn(asks, actor, stop.get_token());
    stop.request_stop();
    CHECK(waiting.blocking_join() == errc::cancelled);
  }
  SECTION("cancelled") {
    levada::scope children{*rt};
    auto waiting = children.spawn(asks, actor, std::stop_token{});
    children.cancel();
    CHECK(waiting.blocking_join() == errc::cancelled);
  }
  SECTION("stopped") {
    auto waiting = rt->spawn(asks, actor, std::stop_token{});
    CHECK(rt->stop(30s).clean);
    CHECK(waiting.blocking_join() == errc::runtime_stopped);
  }
  rt.reset();
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("a request of nobody is an error, not a wait") {
  runtime rt{{.workers = 1}};
  const auto result
    = rt.block_on(request<int>(caf::actor{}, 600s, ask_atom::value, 1));
  CHECK(result.error() == caf::sec::invalid_argument);
}

TEST_CASE(
  "requests and answers cross between runtimes and a system of CAF's "
  "own, thousands at a time") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 2);
  caf::actor_system other{config};
  runtime rt{{.workers = 2}};
  const auto actor = other.spawn(answerer);
  const auto asks = [](caf::actor whom, int times) -> task<int> {
    int right = 0;
    for (int i = 0; i < times; ++i) {
      auto result = co_await request<int>(whom, 600s, ask_atom::value, i);
      right += result && *result == i + 1 ? 1 : 0;
    }
    co_return right;
  };
  std::vector<levada::join_handle<int>> asked;
  for (int i = 0; i < 8; ++i)
    asked.push_back(rt.spawn(asks, actor, 500));
  for (auto& each : asked)
    CHECK(each.blocking_join() == 500);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
}

TEST_CASE("killing the asked at any moment ends every request", "[stress]") {
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 2'000; ++round) {
    const auto actor = rt.system().spawn(answerer);
    std::vector<levada::join_handle<bool>> asked;
    for (int i = 0; i < 5; ++i)
      asked.push_back(rt.spawn(is_down, actor));
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    for (auto& each : asked)
      CHECK(each.blocking_join());
  }
}
