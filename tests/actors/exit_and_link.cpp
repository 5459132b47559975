// Exit messages and links: how an actor system ends a channel, and a channel
// those who are linked to it.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "an exit message closes, what is buffered stays receivable unless it "
  "kills") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  const auto actor = tx.as_actor();
  self->monitor(actor);
  SECTION("kill") {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    CHECK(down(self) == caf::exit_reason::kill);
    CHECK(rx.try_receive().closed());
    CHECK(tx.stats().dead_lettered == 1);
  }
  SECTION("another reason") {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    until([&] { return tx.is_closed(); });
    CHECK(downs(self, 0ms).empty());
    CHECK(rx.try_receive().value() == 1);
    down(self);
    CHECK(rx.try_receive().closed());
  }
  CHECK(tx.try_send(2).closed());
  CHECK(tx.close_record().reason == levada::close_reason::killed);
}

TEST_CASE("an exit message wakes whoever is parked") {
  runtime rt{{.workers = 1}};
  const auto reason
    = GENERATE(caf::exit_reason::kill, caf::exit_reason::user_shutdown);
  auto full = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(full.tx.try_send(1));
  auto sending = rt.spawn(
    [](sender<int> out) -> task<int> {
      auto sent = co_await out.send(2);
      co_return sent.closed() ? sent.take() : 0;
    },
    full.tx);
  until_senders_wait(full.tx, 1);
  caf::anon_send_exit(full.tx.as_actor(), reason);
  CHECK(sending.blocking_join() == 2);
  auto empty = make_channel<int>(rt);
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<bool> {
      auto got = co_await in.receive();
      co_return got.closed();
    },
    empty.rx);
  until_receivers_wait(empty.rx, 1);
  caf::anon_send_exit(empty.tx.as_actor(), reason);
  CHECK(receiving.blocking_join());
}

TEST_CASE(
  "a linked actor that fails closes the channel, one that ends well "
  "does not") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto channel = tx.as_actor();
  const auto spawn_linked = [&](caf::exit_reason how) {
    return rt.system().spawn([channel, how](caf::event_based_actor* self) {
      self->link_to(channel);
      self->quit(how);
    });
  };
  {
    caf::scoped_actor self{rt.system()};
    const auto well = spawn_linked(caf::exit_reason::normal);
    self->wait_for(well);
    CHECK_FALSE(tx.is_closed());
  }
  spawn_linked(caf::exit_reason::unhandled_exception);
  until([&] { return tx.is_closed(); });
  CHECK(rx.close_record().reason == levada::close_reason::killed);
}

TEST_CASE("a channel that ends tells the actors linked to it") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  caf::scoped_actor self{rt.system()};
  self->link_to(tx.as_actor());
  tx.close("broken");
  bool told = false;
  self->receive(
    [&](caf::exit_msg& exit) {
      told = exit.reason == caf::exit_reason::unhandled_exception;
    },
    caf::after(30s) >> [] { FAIL("no exit_msg came"); });
  CHECK(told);
}

TEST_CASE("linking to a channel that has ended does not hang") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto channel = tx.as_actor();
  tx.close();
  for (int i = 0; i < 20; ++i) {
    caf::scoped_actor self{rt.system()};
    const auto linked = rt.system().spawn(
      [channel](caf::event_based_actor* me) {
        me->set_exit_handler([me](caf::exit_msg&) { me->quit(); });
        me->link_to(channel);
        me->delayed_send(me, std::chrono::milliseconds(0), caf::ok_atom::value);
        return caf::behavior{[me](caf::ok_atom) { me->quit(); }};
      });
    self->wait_for(linked);
  }
  SUCCEED();
}

TEST_CASE("two that end a channel at once tell of the same reason") {
  // Who receives the last item ends it, and so does the job that the exit message
  // leaves to a worker.
  runtime rt{{.workers = 1}};
  int others = 0;
  for (int i = 0; i < 2000; ++i) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    if (!tx.try_send(1))
      ++others;
    caf::scoped_actor self{rt.system()};
    self->monitor(tx.as_actor());
    caf::anon_send_exit(tx.as_actor(), caf::exit_reason::user_shutdown);
    if (!rx.try_receive())
      ++others;
    if (down(self) != caf::exit_reason::user_shutdown)
      ++others;
  }
  CHECK(others == 0);
}

TEST_CASE("what an exit message does to a channel is an option") {
  runtime rt{{.workers = 1}};
  std::atomic<int> dead{0};
  const auto policy
    = GENERATE(levada::exit_policy::close, levada::exit_policy::ignore,
               levada::exit_policy::destroy);
  levada::channel_options<int> options{.capacity = 2};
  options.on_exit = policy;
  options.on_dead_letter = [&](int&&, levada::dead_letter_reason) { ++dead; };
  auto [tx, rx] = make_channel<int>(rt, options);
  REQUIRE(tx.try_send(1));
  caf::scoped_actor self{rt.system()};
  self->monitor(tx.as_actor());
  caf::anon_send_exit(tx.as_actor(), caf::exit_reason::user_shutdown);
  if (policy == levada::exit_policy::ignore) {
    // (served in this thread, so it would be closed by now)
    CHECK_FALSE(tx.is_closed());
    caf::anon_send_exit(tx.as_actor(), caf::exit_reason::kill);
    CHECK(down(self) == caf::exit_reason::kill);
    CHECK(dead == 1);
  } else if (policy == levada::exit_policy::close) {
    CHECK(tx.is_closed());
    CHECK(rx.try_receive().value() == 1);
    CHECK(down(self) == caf::exit_reason::user_shutdown);
    CHECK(dead == 0);
  } else {
    CHECK(down(self) == caf::exit_reason::user_shutdown);
    CHECK(rx.try_receive().closed());
    CHECK(dead == 1);
  }
}

TEST_CASE(
  "a stage that dies closes the channels of a linked pipeline, with its "
  "reason, and the pipeline ends") {
  runtime rt{{.workers = 2}};
  auto first = make_channel<int>(rt, {.name = "first", .capacity = 4});
  auto second = make_channel<int>(rt, {.name = "second", .capacity = 4});
  const auto stage = rt.system().spawn(
    [](caf::event_based_actor* self, caf::actor in, caf::actor out) {
      self->link_to(in);
      self->link_to(out);
      return caf::behavior{[](caf::ok_atom) {}};
    },
    first.tx.as_actor(), second.tx.as_actor());
  caf::scoped_actor self{rt.system()};
  self->request(stage, std::chrono::seconds{30}, caf::ok_atom::value)
    .receive([] {}, [](caf::error&) { FAIL("the stage is not there"); });
  auto producing = rt.spawn(send_numbers, first.tx, 0, 1'000'000'000);
  auto consuming = rt.spawn(collect<int>, second.rx);
  caf::anon_send_exit(stage, caf::exit_reason::out_of_workers);
  CHECK(producing.blocking_join() < 1'000'000'000);
  CHECK(consuming.blocking_join().empty());
  for (const auto& record :
       {first.tx.close_record(), second.tx.close_record()}) {
    CHECK(record.reason == levada::close_reason::killed);
    CHECK(to_string(record).find("out_of_workers") != std::string::npos);
  }
}

TEST_CASE("a link to a channel is undone by unlinking") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  caf::scoped_actor self{rt.system()};
  const auto linked
    = rt.system().spawn([channel = tx.as_actor()](caf::event_based_actor* me) {
        me->link_to(channel);
        me->unlink_from(channel);
        me->quit(caf::exit_reason::out_of_workers);
      });
  self->wait_for(linked);
  CHECK_FALSE(tx.is_closed());
}

TEST_CASE(
  "a channel in CAF's registry, and alive to the end, is no trouble to "
  "its system") {
  caf::actor kept;
  {
    auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
    auto [tx, rx] = make_channel<int>(*rt, {.capacity = 1});
    auto& registry = rt->system().registry();
    kept = tx.as_actor();
    registry.put(kept.id(), caf::actor_cast<caf::strong_actor_ptr>(kept));
    registry.put(caf::atom("numbers"),
                 caf::actor_cast<caf::strong_actor_ptr>(kept));
    REQUIRE(tx.try_send(1));
    SECTION("its handles go first") {
      tx = {};
      rx = {};
      rt.reset();
    }
    SECTION("its runtime goes first") {
      rt.reset();
      CHECK(tx.is_closed());
    }
    SECTION("it has ended before") {
      tx.close();
      CHECK(rx.drain().size() == 1);
      CHECK_FALSE(registry.get(kept.id()));
      rt.reset();
    }
    kept = nullptr;
  }
}
