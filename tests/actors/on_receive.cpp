// Actors that receive from channels: what they get, when, and how much of it.
#include <memory>
#include <stdexcept>

#include <levada/channels/broadcast.hpp>
#include <levada/channels/filter.hpp>
#include <levada/channels/timer.hpp>

#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;

struct adder_state {
  int sum = 0;
  const char* name = "adder";
};

caf::behavior adder(caf::stateful_actor<adder_state>* self, receiver<int> in) {
  on_receive(self, std::move(in), [self](int n) { self->state.sum += n; });
  return {[self](int n) { return self->state.sum + n; }};
}

using typed_adder = caf::typed_actor<caf::replies_to<int>::with<int>>;

typed_adder::behavior_type
make_typed_adder(typed_adder::stateful_pointer<adder_state> self,
                 receiver<int> in) {
  on_receive(self, std::move(in), [self](int n) { self->state.sum += n; });
  return {[self](int n) { return self->state.sum + n; }};
}

class adder_class : public event_based_actor {
public:
  adder_class(caf::actor_config& config, receiver<int> in)
      : event_based_actor(config) {
    on_receive(this, std::move(in), [this](int n) { sum_ += n; });
  }
  caf::behavior make_behavior() override {
    return {[this](int n) { return sum_ + n; }};
  }

private:
  int sum_ = 0;
};

class typed_adder_class : public typed_adder::base {
public:
  typed_adder_class(caf::actor_config& config, receiver<int> in)
      : typed_adder::base(config) {
    on_receive(this, std::move(in), [this](int n) { sum_ += n; });
  }
  behavior_type make_behavior() override {
    return {[this](int n) { return sum_ + n; }};
  }

private:
  int sum_ = 0;
};

template <class Actor>
int ask(runtime& rt, const Actor& whom, int what) {
  caf::scoped_actor self{rt.system()};
  int result = -1;
  self->request(whom, std::chrono::seconds(30), what)
    .receive([&](int answer) { result = answer; }, [](const caf::error&) {});
  return result;
}

template <class Actor>
void check_adds(runtime& rt, const sender<int>& tx, const Actor& whom) {
  for (int i = 1; i <= 100; ++i)
    REQUIRE(tx.blocking_send(i));
  until([&] { return ask(rt, whom, 0) == 5050; });
  CHECK(ask(rt, whom, 1) == 5051);
}

/// A listener without a behavior: it records.
void listener(event_based_actor* self, receiver<int> in, ints heard) {
  on_receive(self, std::move(in), [heard](int n) { heard.add(n); });
}

} // namespace

TEST_CASE(
  "an actor of any kind receives from a channel, beside its mailbox "
  "(U-25)") {
  runtime rt{{.workers = 2}};
  for (const int capacity : {0, 1, 64}) {
    const auto make
      = [&] { return make_channel<int>(rt, {.capacity = capacity}); };
    auto a = make();
    check_adds(rt, a.tx, rt.system().spawn(adder, std::move(a.rx)));
    auto b = make();
    check_adds(rt, b.tx, rt.system().spawn(make_typed_adder, std::move(b.rx)));
    auto c = make();
    check_adds(rt, c.tx, rt.system().spawn<adder_class>(std::move(c.rx)));
    auto d = make();
    check_adds(rt, d.tx, rt.system().spawn<typed_adder_class>(std::move(d.rx)));
    auto e = make();
    check_adds(rt, e.tx,
               rt.system().spawn<adder_class, caf::detached>(std::move(e.rx)));
  }
}

TEST_CASE("actors of a borrowed system, on its own scheduler, receive") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 2);
  caf::actor_system system{config};
  runtime rt{system};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const ints heard;
  const auto who = system.spawn(listener, std::move(rx), heard);
  const auto sent = rt.block_on(send_numbers, std::move(tx), 0, 5000);
  CHECK(sent == 5000);
  end_of(system, who);
  CHECK(heard.all() == numbers(0, 5000));
}

TEST_CASE(
  "at most the credit is in an actor's hands: the channel keeps the "
  "rest (U-25)") {
  runtime rt{{.workers = 1}};
  const auto credit = GENERATE(1U, 2U, 4U, 64U);
  const auto ends = with_numbers(rt, 200);
  const gate hold;
  subscription counts;
  const auto spawned = [&](event_based_actor* self, const gate& at) {
    counts = on_receive(self, ends.rx, [at](int) { at.pass(); }, {},
                        {.credit = credit});
  };
  rt.system().spawn(spawned, hold);
  until([&] { return hold.arrived() == 1; });
  CHECK(ends.rx.size() == 200 - credit);
  for (int handled = 2; handled <= 200; ++handled) {
    hold.open();
    until([&] { return hold.arrived() == handled; });
    const auto stats = ends.tx.stats();
    const auto in_hand = stats.received - counts.received() + 1;
    REQUIRE(in_hand <= credit);
    // half of it is the least, while there is more
    REQUIRE((stats.buffered == 0 || in_hand > credit / 2));
  }
  CHECK(ends.rx.size() == 0);
  hold.open();
}

TEST_CASE("a sender waits while an actor's hands are full (U-25)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const gate hold;
  rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, gate at) {
      on_receive(self, std::move(in), [at](int) { at.pass(); }, {},
                 {.credit = 4});
    },
    rx, hold);
  auto sending = rt.spawn(send_numbers, tx, 0, 100);
  until([&] { return hold.arrived() == 1; });
  until_senders_wait(tx, 1);
  // what is handled, what is in hand, the buffer and the one who waits
  CHECK(tx.stats().sent <= 4 + 2 + 1);
  hold.open(100);
  CHECK(sending.blocking_join() == 100);
  until([&] { return hold.arrived() == 100; });
}

TEST_CASE("an actor waits in the channel's queue like any receiver") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints heard;
  const auto one = [](receiver<int> in) -> task<int> {
    auto got = co_await in.receive();
    co_return *got;
  };
  auto before = rt.spawn(one, rx);
  until_receivers_wait(tx, 1);
  rt.system().spawn(listener, rx, heard);
  until_receivers_wait(tx, 2);
  auto after = rt.spawn(one, rx);
  until_receivers_wait(tx, 3);
  for (int i = 1; i <= 3; ++i)
    REQUIRE(tx.blocking_send(i));
  CHECK(before.blocking_join() == 1);
  CHECK(after.blocking_join() == 3);
  until([&] { return heard.size() == 1; });
  CHECK(heard.all() == std::vector{2});
}

TEST_CASE(
  "no behavior disturbs what an actor receives: become, unbecome, "
  "default handlers, skipping (U-25)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints heard;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, ints to) -> caf::behavior {
      self->set_default_handler(caf::skip);
      on_receive(self, std::move(in), [self, to](int n) {
        to.add(n);
        if (n % 3 == 1)
          self->become(caf::keep_behavior,
                       [](caf::ok_atom) { return caf::ok_atom::value; });
        if (n % 3 == 2)
          self->unbecome();
      });
      return {[](const std::string&) {}};
    },
    std::move(rx), heard);
  for (int i = 0; i < 100; ++i) {
    caf::anon_send(who, i); // is skipped
    REQUIRE(tx.blocking_send(i));
  }
  until([&] { return heard.size() == 100; });
  CHECK(heard.all() == numbers(0, 100));
}

TEST_CASE("messages come in between however much there is to receive") {
  runtime rt{{.workers = 1}};
  const auto ends = with_numbers(rt, 10000);
  const ints at;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in,
       ints positions) -> caf::behavior {
      on_receive(self, std::move(in), [self](int n) {
        if (n % 1000 == 0)
          self->send(self, n);
      });
      return {[positions](int n) { positions.add(n); }};
    },
    ends.rx, at);
  until([&] { return at.size() == 10; });
  // The turn that had 9000 began with 8992, and 64 in hand; this came after it.
  CHECK(ends.rx.size() <= 10000 - (8992 + 64));
}

TEST_CASE("an awaited request holds up what an actor receives") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 100});
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.try_send(i));
  const gate hold;
  const texts seen;
  const auto slow = rt.system().spawn(
    [](event_based_actor*, gate at) -> caf::behavior {
      return {[at](int n) {
        at.pass();
        return n;
      }};
    },
    hold);
  rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, caf::actor whom, texts to) {
      on_receive(self, std::move(in),
                 [self, whom, to](int n) {
                   to.add("item " + std::to_string(n));
                   if (n == 0)
                     self->request(whom, caf::infinite, n).await([to](int) {
                       to.add("answer");
                     });
                 },
                 {}, {.credit = 10});
    },
    rx, slow, seen);
  until([&] { return hold.arrived() == 1; });
  CHECK(seen.all() == std::vector<std::string>{"item 0"});
  hold.open();
  until([&] { return seen.size() == 11; });
  CHECK(seen.all()[1] == "answer");
}

TEST_CASE("a handler is an actor's own code: it requests, and answers come") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints answers;
  const auto doubler = rt.system().spawn(
    [](event_based_actor*, int factor) {
      return caf::behavior{[factor](int n) { return factor * n; }};
    },
    2);
  rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, caf::actor whom, ints to) {
      on_receive(self, std::move(in), [self, whom, to](int n) {
        self->request(whom, caf::infinite, n).then([to](int twice) {
          to.add(twice);
        });
      });
    },
    rx, doubler, answers);
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.blocking_send(i));
  until([&] { return answers.size() == 10; });
  CHECK(answers.all()[9] == 18);
}

namespace {

/// Can only be moved, and its move throws when it is told to.
struct brittle {
  explicit brittle(int number) : number(number) {
  }
  brittle(brittle&& other) : number(other.number), breaks(other.breaks) {
    if (breaks != nullptr && breaks->exchange(false))
      throw std::runtime_error("broken");
  }
  brittle& operator=(brittle&&) = delete;

  int number;
  std::atomic<bool>* breaks = nullptr;
};

} // namespace

TEST_CASE("items that only move, and whose moves throw, are received") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt);
  const ints heard;
  rt.system().spawn(
    [](event_based_actor* self, receiver<std::unique_ptr<int>> in, ints to) {
      on_receive(self, std::move(in),
                 [to](std::unique_ptr<int> p) { to.add(*p); });
    },
    rx, heard);
  for (int i = 0; i < 100; ++i)
    REQUIRE(tx.blocking_send(std::make_unique<int>(i)));
  until([&] { return heard.size() == 100; });

  auto more = make_channel<brittle>(rt, {.capacity = levada::unbounded});
  std::atomic<bool> breaks{false};
  const ints whole;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<brittle> in, ints to) {
      on_receive(self, std::move(in), [to](brittle b) { to.add(b.number); });
    },
    more.rx, whole);
  for (int i = 0; i < 3; ++i) {
    brittle one{i};
    one.breaks = i == 1 ? &breaks : nullptr;
    REQUIRE(more.tx.try_send(std::move(one)));
    until([&] { return whole.size() == std::size_t(i) + 1; });
  }
  CHECK(whole.all() == numbers(0, 3));
  brittle last{3};
  last.breaks = &breaks;
  auto parked = more.tx.try_send(std::move(last));
  REQUIRE(parked);
  until([&] { return whole.size() == 4; });
  CHECK(conserved(more.tx.stats()));
}

TEST_CASE("an actor hears a broadcast, and what it has missed") {
  runtime rt{{.workers = 2}};
  auto all = levada::make_broadcast<int>(rt);
  const ints heard;
  const ints lost;
  const gate hold;
  const auto spawned
    = [hold](event_based_actor* self,
             std::shared_ptr<levada::broadcast_receiver<int>> in, ints to,
             ints missed) {
        on_receive(
          self, std::move(*in),
          [=](levada::broadcast_result<int> got) {
            hold.pass();
            to.add(*got);
            if (got.lagged() != 0)
              missed.add(static_cast<int>(got.lagged()));
          },
          [self] { self->quit(); }, {.credit = 1});
      };
  auto mine = std::make_shared<levada::broadcast_receiver<int>>(
    all.tx.subscribe({.capacity = 2}));
  const auto counts = mine->stats();
  CHECK(counts.sent == 0);
  const auto who = rt.system().spawn(spawned, mine, heard, lost);
  REQUIRE(all.tx.try_send(0));
  until([&] { return hold.arrived() == 1; });
  for (int i = 1; i < 6; ++i)
    REQUIRE(all.tx.try_send(i));
  hold.open(100);
  all.tx.close();
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(heard.all() == std::vector{0, 4, 5});
  CHECK(lost.all() == std::vector{3});
}

TEST_CASE(
  "an actor hears what combinators make, and their functions' throws "
  "end it") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const ints heard;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, ints to) {
      on_receive(self,
                 levada::filter(std::move(in),
                                [](int n) {
                                  if (n == 99)
                                    throw std::runtime_error("no");
                                  return n % 2 == 0;
                                }),
                 [to](int n) { to.add(n); });
      self->set_exception_handler([](std::exception_ptr&) -> caf::error {
        return caf::exit_reason::user_shutdown;
      });
    },
    std::move(rx), heard);
  for (int i = 0; i < 10; ++i)
    REQUIRE(tx.blocking_send(i));
  until([&] { return heard.size() == 5; });
  CHECK(heard.all() == std::vector{0, 2, 4, 6, 8});
  static_cast<void>(tx.blocking_send(99));
  CHECK(end_of(rt.system(), who).find("user_shutdown") != std::string::npos);
  CHECK(tx.is_closed());
}

TEST_CASE("an actor hears a timer") {
  runtime rt{{.workers = 2}};
  const ints ticks;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, std::shared_ptr<levada::timer> every, ints to) {
      on_receive(self, std::move(*every), [self, to](levada::timer_tick) {
        to.add(1);
        if (to.size() == 3)
          self->quit();
      });
    },
    std::make_shared<levada::timer>(rt, 1ms,
                                    levada::missed_tick::skip_and_resync),
    ticks);
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(ticks.size() == 3);
}

TEST_CASE("an actor that receives shows in dump(), and where it waits") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "orders"});
  const auto who = rt.system().spawn(adder, std::move(rx));
  until_receivers_wait(tx, 1);
  const auto shown = [&] {
    std::ostringstream out;
    rt.dump(out);
    return out.str();
  };
  const auto line = "actor " + std::to_string(who.id())
                    + " \"adder\": receives from channel "
                    + std::to_string(tx.id()) + " \"orders\"";
  until([&] { return shown().find(line + ", waits") != std::string::npos; });
  caf::anon_send_exit(who, caf::exit_reason::kill);
  end_of(rt.system(), who);
  until([&] { return shown().find("adder") == std::string::npos; });
}

TEST_CASE("from a nil receiver nothing comes, and it keeps no actor alive") {
  runtime rt{{.workers = 1}};
  const ints flags;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, ints to) {
      auto nothing = on_receive(self, std::move(in), [](int) {});
      to.add(nothing.active() ? 1 : 0);
      to.add(nothing.cancel() ? 1 : 0);
    },
    receiver<int>{}, flags);
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(flags.all() == std::vector{0, 0});
}

TEST_CASE("a credit of nothing is refused") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const texts said;
  const auto who = rt.system().spawn(
    [](event_based_actor* self, receiver<int> in, texts to) {
      try {
        on_receive(self, std::move(in), [](int) {}, {}, {.credit = 0});
      } catch (const levada::channel_error& why) {
        to.add(why.what());
      }
    },
    std::move(rx), said);
  end_of(rt.system(), who);
  REQUIRE(said.size() == 1);
  CHECK(said.all()[0].find("64 is the default") != std::string::npos);
  CHECK(tx.is_closed());
}
