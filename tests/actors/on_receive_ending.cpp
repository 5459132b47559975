// How an actor stops receiving, and where the items are then.
#include <stdexcept>

#include <levada/channels/broadcast.hpp>

#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;
using caf::exit_reason;

/// Handles the first item when the gate opens, and does `then` with it.
template <class F>
caf::actor held_at_first(runtime& rt, const receiver<int>& in, const gate& hold,
                         F then, std::uint32_t credit = 8) {
  const auto body = [=](event_based_actor* self, receiver<int> from) {
    on_receive(self, std::move(from),
               [=](int n) {
                 hold.pass();
                 then(self, n);
               },
               {}, {.credit = credit});
  };
  auto result = rt.system().spawn(body, in);
  until([&] { return hold.arrived() == 1; });
  return result;
}

const auto nothing = [](event_based_actor*, int) {};

} // namespace

TEST_CASE(
  "quit in the handler: what was not handled is next again, in order "
  "(U-25)") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 20);
  const gate hold;
  const auto who
    = held_at_first(rt, ends.rx, hold, [](event_based_actor* self, int n) {
        if (n == 2)
          self->quit(exit_reason::user_shutdown);
      });
  hold.open(100);
  CHECK(end_of(rt.system(), who).find("user_shutdown") != std::string::npos);
  CHECK(hold.arrived() == 3);
  CHECK(rest_of(ends.rx) == numbers(3, 20));
  CHECK(conserved(ends.tx.stats()));
  CHECK(ends.tx.stats().received == 20);
}

TEST_CASE(
  "what a handler throws ends the actor as a behavior's throw does, and "
  "that item is gone (U-25)") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 20);
  const gate hold;
  const bool handled = GENERATE(true, false);
  const texts said;
  const auto who
    = held_at_first(rt, ends.rx, hold, [=](event_based_actor* self, int n) {
        if (handled)
          self->set_exception_handler(
            [said](std::exception_ptr& what) -> caf::error {
              try {
                std::rethrow_exception(what);
              } catch (const std::exception& why) {
                said.add(why.what());
              }
              return exit_reason::user_shutdown;
            });
        if (n == 1)
          throw std::runtime_error("no ones");
      });
  hold.open(100);
  const auto why = end_of(rt.system(), who);
  CHECK(why.find(handled ? "user_shutdown" : "runtime_error")
        != std::string::npos);
  CHECK(said.size() == (handled ? 1 : 0));
  CHECK(rest_of(ends.rx) == numbers(2, 20));
  CHECK(conserved(ends.tx.stats()));
}

TEST_CASE(
  "an actor that is killed or told to exit hands back what it had "
  "(U-25)") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 20);
  const gate hold;
  const auto who = held_at_first(rt, ends.rx, hold, nothing);
  CHECK(ends.rx.size() == 12);
  caf::anon_send_exit(who,
                      GENERATE(exit_reason::kill, exit_reason::user_shutdown));
  hold.open(4); // as many as a turn handles
  end_of(rt.system(), who);
  CHECK(hold.arrived() == 4);
  CHECK(rest_of(ends.rx) == numbers(4, 20));
  CHECK(ends.rx.info().waiting_receivers == 0);
  CHECK(conserved(ends.tx.stats()));
}

TEST_CASE(
  "what an actor hands back to its receiver of a broadcast costs no item "
  "(U-25)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = levada::make_broadcast<int>(
    rt, {.capacity = 8, .overflow = overflow::wait});
  for (int i = 0; i < 8; ++i)
    REQUIRE(tx.try_send(i));
  const gate hold;
  const auto in
    = std::make_shared<levada::broadcast_receiver<int>>(std::move(rx));
  const auto body = [=](event_based_actor* self) {
    on_receive(self, *in, [=](int) { hold.pass(); }, {}, {.credit = 8});
  };
  const auto who = rt.system().spawn(body);
  until([&] { return hold.arrived() == 1; });
  REQUIRE(in->size() == 0); // it has them all
  REQUIRE(tx.try_send(8));  // seven more fit, as far as the broadcast knows
  caf::anon_send_exit(who, exit_reason::kill);
  hold.open(4); // as many as a turn handles
  CHECK(end_of(rt.system(), who) != "it did not end");
  CHECK(in->size() == 5);
  auto sending = rt.spawn(
    [](levada::broadcast_sender<int> out) -> task<int> {
      int went = 9;
      for (; went < 20; ++went) {
        auto sent = co_await out.send(went);
        if (!sent)
          break;
      }
      co_return went;
    },
    tx);
  until_senders_wait(tx, 1);
  CHECK(in->size()
        <= 9); // one more than fits, if what came back was in the way
  for (int i = 4; i < 20; ++i) {
    auto got = in->blocking_receive_for(30s);
    REQUIRE(got);
    CHECK(*got == i);
    CHECK(got.lagged() == 0);
  }
  CHECK(sending.blocking_join() == 20);
  CHECK(in->lagged_total() == 0);
  CHECK(conserved(in->stats()));
}

TEST_CASE("an actor that dies while it waits waits no more") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in) {
      on_receive(self, std::move(in), [](int) {});
    },
    rx);
  until_receivers_wait(tx, 1);
  CHECK(tx.info().receiver_handles == 2);
  caf::anon_send_exit(who, exit_reason::kill);
  end_of(rt.system(), who);
  until_receivers_wait(tx, 0);
  CHECK(tx.info().receiver_handles == 1);
  CHECK(tx.try_send(1).error() == errc::full);
}

TEST_CASE("those who wait already get what an actor hands back, in order") {
  runtime rt{{.workers = 2}};
  const auto ends = with_numbers(rt, 5);
  const gate hold;
  const auto who = held_at_first(
    rt, ends.rx, hold, [](event_based_actor* self, int) { self->quit(); });
  const auto one = [](receiver<int> in) -> task<int> {
    auto got = co_await in.receive();
    co_return *got;
  };
  auto first = rt.spawn(one, ends.rx);
  until_receivers_wait(ends.tx, 1);
  auto second = rt.spawn(one, ends.rx);
  until_receivers_wait(ends.tx, 2);
  hold.open();
  CHECK(first.blocking_join() == 1);
  CHECK(second.blocking_join() == 2);
  end_of(rt.system(), who);
  CHECK(rest_of(ends.rx) == numbers(3, 5));
}

TEST_CASE(
  "the last receiver's death closes the channel, and what it had is a "
  "dead letter") {
  runtime rt{{.workers = 1}};
  const ints letters;
  auto [tx, rx] = make_channel<int>(
    rt, {.capacity = 10,
         .on_dead_letter = [letters](int n, levada::dead_letter_reason why) {
           if (why == levada::dead_letter_reason::no_receivers)
             letters.add(n);
         }});
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.try_send(i));
  const gate hold;
  const auto who = held_at_first(
    rt, rx, hold, [](event_based_actor* self, int) { self->quit(); }, 4);
  rx = {};
  hold.open();
  end_of(rt.system(), who);
  CHECK(tx.close_record().reason == levada::close_reason::no_receivers);
  CHECK(letters.all() == numbers(1, 10));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "cancel hands back what was not handled, from the handler and from "
  "elsewhere (U-25)") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 20);
  const bool inside = GENERATE(true, false);
  const ints heard;
  const ints flags;
  const auto who = rt.system().spawn(
    [=](event_based_actor* self, receiver<int> in) -> caf::behavior {
      auto listening = std::make_shared<subscription>();
      *listening = on_receive(
        self, std::move(in),
        [=](int n) {
          heard.add(n);
          if (n == 2 && inside)
            flags.add(listening->cancel() ? 1 : 0);
          if (n == 1 && !inside)
            self->send(self, 1);
        },
        [=] { heard.add(-1); }, {.credit = 8});
      return {[=](int) {
                flags.add(listening->cancel() ? 1 : 0);
                flags.add(static_cast<int>(listening->returned()));
                flags.add(static_cast<int>(listening->received()));
              },
              [](caf::ok_atom) { return caf::ok_atom::value; }};
    },
    ends.rx);
  if (inside) {
    until([&] { return flags.size() == 1; });
    passed(rt.system(), who);
    CHECK(heard.all() == numbers(0, 3));
    CHECK(rest_of(ends.rx) == numbers(3, 20));
  } else {
    until([&] { return flags.size() == 3; });
    passed(rt.system(), who);
    const auto handled = static_cast<int>(heard.size());
    CHECK(flags.all() == std::vector{1, 4, handled});
    CHECK(rest_of(ends.rx) == numbers(handled, 20));
  }
  CHECK(ends.tx.info().receiver_handles == 1);
  CHECK(conserved(ends.tx.stats()));
  caf::anon_send_exit(who, exit_reason::kill);
}

TEST_CASE("another actor goes on where a cancelled one has stopped (U-25)") {
  runtime rt{{.workers = 2}};
  const auto ends = with_numbers(rt, 1000);
  const ints heard;
  for (int round = 0; round < 10; ++round) {
    const auto who = rt.system().spawn(
      [heard](event_based_actor* self, receiver<int> in) {
        auto listening = std::make_shared<subscription>();
        *listening = on_receive(self, std::move(in), [=](int n) {
          heard.add(n);
          if (n % 100 == 99)
            listening->cancel();
        });
      },
      ends.rx);
    CHECK(end_of(rt.system(), who) == "none"); // nothing else to do
  }
  CHECK(heard.all() == numbers(0, 1000));
}

TEST_CASE("the end comes once, in the actor's context, after the last item") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 100});
  const texts seen;
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, receiver<int> in) -> caf::behavior {
      on_receive(
        self, std::move(in), [seen](int n) { seen.add(std::to_string(n)); },
        [self, seen](const levada::close_record& how) {
          seen.add(to_string(how.reason));
          self->send(self, caf::ok_atom::value);
        });
      return {[self, seen](caf::ok_atom) {
        seen.add("behavior");
        self->quit();
      }};
    },
    std::move(rx));
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(i));
  SECTION("closed") {
    tx.close();
  }
  SECTION("finished") {
    tx = {};
  }
  end_of(rt.system(), who);
  REQUIRE(seen.size() == 5);
  CHECK(seen.all()[2] == "2");
  CHECK(seen.all()[3]
        == to_string(tx ? levada::close_reason::closed
                        : levada::close_reason::finished));
  CHECK(seen.all()[4] == "behavior");
}

TEST_CASE("the end waits for a response that the last item's handler awaits") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  tx.close();
  const gate hold;
  const texts seen;
  const auto slow = rt.system().spawn(
    [](event_based_actor*, gate at) {
      return caf::behavior{[at](int n) {
        at.pass();
        return n;
      }};
    },
    hold);
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, caf::actor whom, texts to) {
      on_receive(
        self, std::move(in),
        [=](int n) {
          self->request(whom, caf::infinite, n).await([to](int) {
            to.add("answer");
          });
        },
        [to] { to.add("end"); });
    },
    std::move(rx), slow, seen);
  until([&] { return hold.arrived() == 1; });
  hold.open();
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(seen.all() == std::vector<std::string>{"answer", "end"});
}

namespace {

struct stillborn : event_based_actor {
  stillborn(caf::actor_config& config, receiver<int> in)
      : event_based_actor(config) {
    on_receive(this, std::move(in), [](int) {});
    throw std::runtime_error("not today");
  }
};

} // namespace

TEST_CASE("a constructor that throws afterwards leaves nothing behind") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 3);
  CHECK_THROWS_AS(rt.system().spawn<stillborn>(ends.rx), std::runtime_error);
  CHECK(ends.tx.info().receiver_handles == 1);
  CHECK(rest_of(ends.rx) == numbers(0, 3));
}

TEST_CASE("what on_close throws ends the actor, and is not told again") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints ends;
  const auto who = rt.system().spawn(
    [ends](event_based_actor* self, receiver<int> in) {
      self->set_exception_handler([](std::exception_ptr&) -> caf::error {
        return exit_reason::user_shutdown;
      });
      on_receive(
        self, std::move(in), [](int) {},
        [ends] {
          ends.add(1);
          throw std::runtime_error("closed already?");
        });
    },
    std::move(rx));
  tx.close();
  CHECK(end_of(rt.system(), who).find("user_shutdown") != std::string::npos);
  CHECK(ends.size() == 1);
}

TEST_CASE(
  "an actor without a behavior lives while it may receive, and no "
  "longer") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints heard;
  rt.system().spawn(
    [heard](event_based_actor* self, receiver<int> in) {
      on_receive(self, std::move(in), [heard](int n) { heard.add(n); });
    },
    std::move(rx)); // nobody holds it
  const auto running = [&] { return rt.system().registry().running(); };
  until_receivers_wait(tx, 1);
  const auto before = running();
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.blocking_send(i));
  until([&] { return heard.size() == 10; });
  CHECK(running() == before);
  tx = {};
  until([&] { return running() == before - 1; });
}

TEST_CASE(
  "an actor with a behavior, whom nobody else holds, ends when its "
  "channel has") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  rt.system().spawn(
    [](event_based_actor* self, receiver<int> in) -> caf::behavior {
      on_receive(self, std::move(in), [](int) {});
      return {[](int) {}};
    },
    std::move(rx));
  until_receivers_wait(tx, 1);
  const auto before = rt.system().registry().running();
  tx = {};
  until([&] { return rt.system().registry().running() == before - 1; });
}

TEST_CASE("a runtime that stops tells its actors, and they end") {
  const texts how;
  const texts other;
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 2);
  caf::actor_system system{config};
  std::vector<sender<int>> kept;
  {
    runtime owner{{.workers = 1}};
    runtime guest{system};
    const auto listen = [](runtime& rt, const texts& to) {
      auto ends = make_channel<int>(rt);
      rt.system().spawn(
        [to](event_based_actor* self, receiver<int> in) {
          on_receive(
            self, std::move(in), [](int) {},
            [to](const levada::close_record& record) {
              to.add(to_string(record.reason));
            });
        },
        std::move(ends.rx));
      until_receivers_wait(ends.tx, 1);
      return ends.tx;
    };
    kept.push_back(listen(owner, how));
    kept.push_back(listen(guest, other));
  }
  system.await_all_actors_done();
  CHECK(how.all()
        == std::vector<std::string>{
          to_string(levada::close_reason::runtime_stopped)});
  CHECK(other.all() == how.all());
}

TEST_CASE(
  "a channel that is destroyed under an actor's hands takes back "
  "nothing that is lost silently") {
  runtime rt{{.workers = 1}};
  std::atomic<int> letters{0};
  auto [tx, rx] = make_channel<int>(
    rt,
    {.capacity = levada::unbounded,
     .on_dead_letter = [&](int, levada::dead_letter_reason) { ++letters; }});
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.try_send(i));
  const gate hold;
  const auto who = held_at_first(
    rt, rx, hold, [](event_based_actor* self, int) { self->quit(); }, 4);
  rt.destroy(tx.id());
  CHECK(letters == 6);
  hold.open();
  end_of(rt.system(), who);
  rx = {};
  tx = {};
  until([&] { return letters == 9; });
}
