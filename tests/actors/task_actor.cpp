// Task actors: to their bodies a task with a mailbox, to all others an actor.
#include <caf/all.hpp>

#include <levada/channels/request.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/task_actor.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::errc;
using levada::task_actor;

namespace {

using add_atom = caf::add_atom;
using get_atom = caf::get_atom;
using put_atom = caf::put_atom;

task<> counter(task_actor self, int n) {
  while (auto got
         = co_await self.receive([&](add_atom, int more) { n += more; },
                                 [&](get_atom) { return n; })) {}
}

/// Asks from a thread.
template <class T, class Handle, class... Ts>
levada::request_result<T> ask(runtime& rt, const Handle& whom, Ts... values) {
  return rt.block_on(levada::request<T>(whom, 30s, values...));
}

template <class Handle>
caf::error down_of(caf::scoped_actor& self, const Handle& whom) {
  self->monitor(whom);
  return down(self);
}

} // namespace

TEST_CASE(
  "a task actor handles messages one by one and answers with what its "
  "handlers return") {
  runtime rt{{.workers = 2}};
  auto actor = levada::spawn_actor(rt, counter, 1);
  caf::scoped_actor self{rt.system()};
  self->send(actor, add_atom::value, 2);
  self->send(actor, add_atom::value, 4);
  int sum = 0;
  self->request(actor, 30s, get_atom::value)
    .receive([&](int n) { sum = n; }, [](caf::error&) {});
  CHECK(sum == 7);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CHECK(down_of(self, actor) == caf::exit_reason::user_shutdown);
}

TEST_CASE("an event-based actor talks to a task actor as to any other") {
  runtime rt{{.workers = 2}};
  auto actor = levada::spawn_actor(rt, counter, 20);
  auto result = std::make_shared<std::atomic<int>>(0);
  auto asker = rt.system().spawn([=](caf::event_based_actor* self) {
    self->request(actor, 30s, get_atom::value).then([=](int n) {
      *result = n;
    });
  });
  caf::scoped_actor self{rt.system()};
  CHECK(down_of(self, asker) == caf::exit_reason::normal);
  CHECK(*result == 20);
}

TEST_CASE(
  "what no handler takes stays in the mailbox, in order, for a later "
  "receive") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 16});
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, sender<std::string> out) -> task<> {
      const auto note = [&](std::string what) { (void)out.try_send(what); };
      auto got = co_await self.receive([&](int n) { note(std::to_string(n)); });
      got = co_await self.receive([&](const std::string& s) { note(s); });
      got = co_await self.receive([&](const std::string& s) { note(s); });
      got
        = co_await self.receive_for(0s, [&](const std::string& s) { note(s); });
      note(got.timed_out() ? "no more" : "?");
      got = co_await self.receive([&](double) { note("double"); });
    },
    std::move(tx));
  caf::anon_send(actor, std::string{"a"});
  caf::anon_send(actor, 1.5);
  caf::anon_send(actor, std::string{"b"});
  caf::anon_send(actor, 1);
  const auto seen = rt.block_on(collect(std::move(rx)));
  CHECK(seen == std::vector<std::string>{"1", "a", "b", "no more", "double"});
}

TEST_CASE(
  "a handler skips a message by returning caf::skip, and the next "
  "receive finds it") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 16});
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, sender<int> out) -> task<> {
      auto got = co_await self.receive([&](int n) -> caf::result<void> {
        if (n % 2 != 0)
          return caf::skip();
        (void)out.try_send(n);
        return caf::unit;
      });
      while (got)
        got = co_await self.receive_for(0s,
                                        [&](int n) { (void)out.try_send(n); });
    },
    std::move(tx));
  for (int i : {1, 3, 4})
    caf::anon_send(actor, i);
  CHECK(rt.block_on(collect(std::move(rx))) == std::vector<int>{4, 1, 3});
}

TEST_CASE("serve refuses requests nobody takes and hands the rest to a hook") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 4});
  const levada::actor_options options{
    .name = "picky", .on_unexpected = [tx = tx](levada::incoming message) {
      (void)tx.try_send(message.get<std::string>(0));
    }};
  auto actor = levada::spawn_actor(rt, options, [](task_actor self) -> task<> {
    auto served = co_await self.serve([](int n) { return n + 1; });
    (void)served;
  });
  caf::anon_send(actor, std::string{"what?"});
  CHECK(rx.blocking_receive_for(30s).value() == "what?");
  CHECK(ask<int>(rt, actor, 1.5).error() == caf::sec::unexpected_message);
  CHECK(ask<int>(rt, actor, 1).value() == 2);
}

TEST_CASE("mailbox, channel, timer and stop token stand in one select") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  auto [log, seen] = make_channel<std::string>(rt, {.capacity = 16});
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, receiver<int> in, sender<std::string> out) -> task<> {
      bool timed = false;
      for (;;) {
        auto limit = levada::after(timed ? 1h : 0ms);
        auto token = self.stop_token();
        auto chosen = co_await levada::select(self.mailbox(), in, limit, token);
        if (auto* message = chosen.from(self.mailbox())) {
          if (!*message)
            continue; // closed: the token says so, too
          (*message)->handle([&](const std::string& s) { return "re: " + s; });
        } else if (auto* item = chosen.from(in)) {
          (void)out.try_send(*item ? std::to_string(**item) : "closed");
          in = {};
        } else if (chosen.index() == 2) {
          timed = true;
          (void)out.try_send("timer");
        } else if (chosen.index() == 3) {
          break;
        }
      }
      (void)out.try_send("stopped");
    },
    rx, log);
  CHECK(seen.blocking_receive_for(30s).value() == "timer");
  REQUIRE(tx.blocking_send_for(7, 30s));
  CHECK(seen.blocking_receive_for(30s).value() == "7");
  CHECK(ask<std::string>(rt, actor, std::string{"hello"}).value()
        == "re: hello");
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  CHECK(seen.blocking_receive_for(30s).value() == "stopped");
}

TEST_CASE(
  "a request can be answered later, by somebody else, or not at all, "
  "and is never left waiting") {
  runtime rt{{.workers = 2}};
  auto actor = levada::spawn_actor(rt, [](task_actor self) -> task<> {
    const auto answer_later = [](levada::response_promise duty) -> task<> {
      co_await levada::yield();
      duty.deliver(42);
    };
    auto served = co_await self.serve(
      [&](put_atom) { levada::spawn(answer_later, self.promise()); },
      [&](get_atom) { auto dropped = self.promise(); },
      [](add_atom) { return caf::make_error(caf::sec::invalid_argument); });
    (void)served;
  });
  CHECK(ask<int>(rt, actor, put_atom::value).value() == 42);
  CHECK(ask<int>(rt, actor, get_atom::value).error() == errc::dropped);
  CHECK(ask<int>(rt, actor, add_atom::value).error()
        == caf::sec::invalid_argument);
  const auto other = levada::spawn_actor(rt, counter, 5);
  const auto front = levada::spawn_actor(
    rt,
    [](task_actor self, caf::actor behind) -> task<> {
      auto served = co_await self.serve(
        [&](get_atom what) { self.promise().delegate(behind, what); });
      (void)served;
    },
    other);
  CHECK(ask<int>(rt, front, get_atom::value).value() == 5);
}

TEST_CASE(
  "an exit message closes the mailbox with its reason, refuses what is "
  "in it and lets the body finish") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<levada::unit>(rt);
  auto [log, seen] = make_channel<std::string>(rt, {.capacity = 4});
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, receiver<levada::unit> go,
       sender<std::string> out) -> task<> {
      auto began = co_await go.receive();
      auto token = self.stop_token();
      auto until = co_await levada::select(levada::never<int>(), token);
      auto got = co_await self.receive([](int) {});
      (void)out.try_send(got.closed() && began && until.index() == 1 ? "closed"
                                                                     : "?");
      (void)out.try_send(levada::to_text(self.exit_reason().value()));
    },
    rx, std::move(log));
  caf::scoped_actor self{rt.system()};
  self->monitor(actor);
  auto pending = rt.spawn(
    [](caf::actor whom) -> task<caf::error> {
      auto result = co_await levada::request<int>(whom, 30s, 1);
      co_return result.error();
    },
    actor);
  REQUIRE(tx.blocking_send_for(levada::unit{}, 30s));
  caf::anon_send_exit(actor, caf::exit_reason::out_of_workers);
  CHECK(pending.blocking_join() == caf::sec::request_receiver_down);
  CHECK(down(self) == caf::exit_reason::out_of_workers);
  CHECK(rt.block_on(collect(std::move(seen)))
        == std::vector<std::string>{"closed", "out_of_workers"});
}

TEST_CASE("kill ends whatever the body waits for, a plain exit does not") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, receiver<int> in) -> task<> {
      self.trap_exit(true); // does not hold up a kill
      auto got = co_await in.receive();
      if (got)
        throw std::logic_error{"it waits on"};
    },
    std::move(rx));
  until_receivers_wait(tx, 1);
  caf::scoped_actor self{rt.system()};
  self->monitor(actor);
  caf::anon_send_exit(actor, caf::exit_reason::kill);
  CHECK(down(self) == caf::exit_reason::kill);
  CHECK(tx.is_closed());
}

TEST_CASE("with trap_exit exit messages are messages") {
  runtime rt{{.workers = 1}};
  const levada::actor_options trapping{.trap_exit = true};
  auto actor = levada::spawn_actor(rt, trapping, [](task_actor self) -> task<> {
    caf::error why;
    auto got = co_await self.receive(
      [&](const caf::exit_msg& exit) { why = exit.reason; });
    if (got)
      self.quit(why);
    // (its own mailbox is closed now)
    got = co_await self.receive([](int) {});
    if (!got.closed())
      throw std::logic_error{"not closed"};
  });
  caf::scoped_actor self{rt.system()};
  self->monitor(actor);
  caf::anon_send_exit(actor, caf::exit_reason::remote_link_unreachable);
  CHECK(down(self) == caf::exit_reason::remote_link_unreachable);
}

TEST_CASE("the end of the body ends the actor: well, or with what it threw") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto body = [](task_actor, receiver<int> in) -> task<> {
    auto got = co_await in.receive();
    if (got && *got == 13)
      throw std::runtime_error{"bad luck"};
  };
  caf::scoped_actor self{rt.system()};
  const auto well = levada::spawn_actor(rt, body, rx);
  self->monitor(well);
  REQUIRE(tx.blocking_send_for(1, 30s));
  CHECK(down(self) == caf::exit_reason::normal);
  CHECK(ask<int>(rt, well, 1).receiver_down());
  const auto badly = levada::spawn_actor(rt, body, rx);
  self->monitor(badly);
  REQUIRE(tx.blocking_send_for(13, 30s));
  const auto why = down(self);
  CHECK(why == caf::exit_reason::unhandled_exception);
  CHECK(levada::to_text(why) == "unhandled_exception: bad luck");
}

TEST_CASE(
  "a handler that throws answers with an error and throws in the body") {
  runtime rt{{.workers = 1}};
  auto actor = levada::spawn_actor(rt, [](task_actor self) -> task<> {
    const auto fails = [](int) -> int { throw std::out_of_range{"too much"}; };
    bool thrown = false;
    try {
      auto got = co_await self.receive(fails);
      (void)got;
    } catch (const std::out_of_range&) { // what the test is about
      thrown = true;
    }
    auto got = co_await self.receive([&](get_atom) { return thrown; });
    (void)got;
  });
  const auto failed = ask<int>(rt, actor, 1);
  CHECK(failed.error() == caf::sec::runtime_error);
  CHECK(ask<bool>(rt, actor, get_atom::value).value());
}

TEST_CASE("requests a task actor never came to are answered when it ends") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, receiver<int> in) -> task<> {
      auto got = co_await in.receive();
      // skips the request, which is put aside
      auto none = co_await self.receive_for(0s, [](double) {});
      got = co_await in.receive();
      (void)got, (void)none;
    },
    std::move(rx));
  auto aside = rt.spawn(
    [](caf::actor whom) -> task<caf::error> {
      auto result = co_await levada::request<int>(whom, 30s, 1);
      co_return result.error();
    },
    actor);
  until([&] {
    for (const auto& each : rt.channels())
      if (each.name == "mailbox" && each.size == 1)
        return true;
    return false;
  });
  REQUIRE(tx.blocking_send_for(1, 30s));
  REQUIRE(tx.blocking_send_for(2, 30s));
  CHECK(aside.blocking_join() == caf::sec::request_receiver_down);
}

TEST_CASE("task actors link and monitor, also those that have ended") {
  runtime rt{{.workers = 2}};
  caf::scoped_actor self{rt.system()};
  const auto failing = levada::spawn_actor(rt, [](task_actor me) -> task<> {
    const auto fails = [](int) { throw std::runtime_error{"!"}; };
    auto got = co_await me.receive(fails);
    (void)got;
  });
  const auto linked = levada::spawn_actor(
    rt,
    [](task_actor me, caf::actor other) -> task<> {
      me.link_to(other);
      auto got = co_await me.receive([](put_atom) {});
      while (got)
        got = co_await me.receive([](put_atom) {});
    },
    failing);
  self->monitor(linked);
  const auto watching = [](task_actor me, caf::actor other) -> task<> {
    me.monitor(other);
    caf::error why;
    auto got = co_await me.receive(
      [&](const caf::down_msg& down) { why = down.reason; });
    if (got)
      me.quit(why);
  };
  const auto watcher = levada::spawn_actor(rt, watching, failing);
  self->monitor(watcher);
  CHECK(ask<void>(rt, linked, put_atom::value)); // it is linked now
  CHECK(ask<int>(rt, failing, 1).error() == caf::sec::runtime_error);
  CHECK(down(self) == caf::exit_reason::unhandled_exception);
  CHECK(down(self) == caf::exit_reason::unhandled_exception);
  // linking to the dead neither hangs nor is forgotten
  const auto late = levada::spawn_actor(
    rt,
    [](task_actor me, caf::actor other) -> task<> {
      me.link_to(other);
      auto got = co_await me.receive([](int) {});
      (void)got;
    },
    failing);
  CHECK(down_of(self, late) == caf::exit_reason::unhandled_exception);
  CHECK(down_of(self, levada::spawn_actor(rt, watching, failing))
        == caf::exit_reason::unhandled_exception);
}

TEST_CASE("demonitoring leaves nothing with a long-lived actor") {
  runtime rt{{.workers = 1}};
  const auto target = levada::spawn_actor(rt, counter, 0);
  const auto actor = levada::spawn_actor(
    rt,
    [](task_actor self, caf::actor other) -> task<> {
      self.monitor(other);
      self.demonitor(other);
      caf::anon_send_exit(other, caf::exit_reason::user_shutdown);
      const auto told
        = [](const caf::down_msg&) { throw std::logic_error{"told"}; };
      auto got = co_await self.receive(told, [](get_atom) {});
      (void)got;
    },
    target);
  caf::scoped_actor self{rt.system()};
  CHECK(down_of(self, target) == caf::exit_reason::user_shutdown);
  CHECK(ask<void>(rt, actor, get_atom::value));
}

TEST_CASE("a runtime that stops ends its task actors, and CAF learns of it") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  SECTION("in a borrowed system") {
    runtime rt{system, {}};
    const auto actor = levada::spawn_actor(rt, counter, 0);
    self->monitor(actor);
    CHECK(rt.stop(30s).clean);
    CHECK(down(self) == caf::exit_reason::user_shutdown);
    CHECK_THROWS_AS(levada::spawn_actor(rt, counter, 0), levada::channel_error);
  }
  SECTION("in its own, by going") {
    caf::actor actor;
    {
      runtime rt{{.workers = 1}};
      actor = levada::spawn_actor(rt, counter, 0);
      REQUIRE(ask<int>(rt, actor, get_atom::value).value() == 0);
    }
    SUCCEED("it has not waited for the actor");
    actor = nullptr;
  }
}

TEST_CASE("a task spawns actors where it runs, and only there") {
  runtime rt{{.workers = 1}};
  const auto sum = rt.block_on([]() -> task<int> {
    auto actor = levada::spawn_actor(counter, 4);
    auto got = co_await levada::request<int>(actor, 30s, get_atom::value);
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    co_return got.value();
  });
  CHECK(sum == 4);
  CHECK_THROWS_AS(levada::spawn_actor(counter, 4), levada::channel_error);
}

TEST_CASE("CAF counts a task actor among those that run until it ends") {
  runtime rt{{.workers = 1}};
  const auto before = rt.system().registry().running();
  const auto actor = levada::spawn_actor(rt, counter, 0);
  CHECK(rt.system().registry().running() == before + 1);
  caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
  until([&] { return rt.system().registry().running() == before; });
}

namespace {
using calculator
  = caf::typed_actor<caf::replies_to<add_atom, int, int>::with<int>,
                     caf::reacts_to<put_atom, int>,
                     caf::replies_to<get_atom>::with<int, int>>;

task<> calculate(levada::typed_task_actor<calculator> self, int kept) {
  auto served = co_await self.serve(
    [](add_atom, int a, int b) { return a + b; },
    [&](put_atom, int n) { kept = n; },
    [&](get_atom) { return caf::result<int, int>{kept, -kept}; });
  (void)served;
}
} // namespace

TEST_CASE("a typed task actor has a typed handle, and its answers are typed") {
  runtime rt{{.workers = 1}};
  const calculator actor = levada::spawn_actor<calculator>(rt, calculate, 1);
  CHECK(!rt.system().message_types(actor).empty());
  const int sum
    = rt.block_on(levada::request(actor, 30s, add_atom::value, 1, 2)).value();
  CHECK(sum == 3);
  CHECK(rt.block_on(levada::request(actor, 30s, put_atom::value, 9)));
  const std::tuple<int, int> both
    = rt.block_on(levada::request(actor, 30s, get_atom::value)).value();
  CHECK(both == std::tuple{9, -9});
  // to CAF, too
  caf::scoped_actor self{rt.system()};
  self->request(actor, 30s, add_atom::value, 2, 3)
    .receive([](int n) { CHECK(n == 5); },
             [](caf::error&) { FAIL("no answer"); });
}

TEST_CASE(
  "messages sent while an actor ends are answered or received, never "
  "lost") {
  for (int round = 0; round < 200; ++round) {
    runtime rt{{.workers = 2}};
    const auto actor = levada::spawn_actor(rt, counter, 0);
    std::vector<levada::join_handle<bool>> asked;
    for (int i = 0; i < 8; ++i)
      asked.push_back(rt.spawn(
        [](caf::actor whom) -> task<bool> {
          auto result
            = co_await levada::request<int>(whom, 1h, get_atom::value);
          co_return result || result.receiver_down();
        },
        actor));
    caf::anon_send_exit(actor, round % 2 == 0
                                 ? caf::exit_reason::kill
                                 : caf::exit_reason::user_shutdown);
    for (auto& each : asked)
      CHECK(each.blocking_join());
  }
}
