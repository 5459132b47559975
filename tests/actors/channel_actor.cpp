// A channel as CAF sees it: address, monitor, link, exit, bounce.
#include <caf/all.hpp>

#include "../channels/support.hpp"

using namespace levada_tests;

namespace {

/// What a monitor was told, or nothing while it was not.
std::vector<caf::error> downs(caf::scoped_actor& self,
                              std::chrono::milliseconds patience) {
  std::vector<caf::error> result;
  bool more = true;
  while (more)
    self->receive([&](caf::down_msg& down) { result.push_back(down.reason); },
                  caf::after(patience) >> [&] { more = false; });
  return result;
}

/// Waits for exactly one down_msg.
caf::error down(caf::scoped_actor& self) {
  caf::error result = caf::sec::runtime_error;
  self->receive([&](caf::down_msg& down) { result = down.reason; },
                caf::after(30s) >> [] { FAIL("no down_msg came"); });
  return result;
}

} // namespace

TEST_CASE("a channel's address is one actor, whichever handle is asked") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "numbers"});
  const auto a = tx.as_actor();
  const auto b = rx.as_actor();
  CHECK(a == b);
  CHECK(a.address() == b.address());
  auto other = make_channel<int>(rt);
  CHECK(other.tx.as_actor() != a);
  CHECK_THROWS_AS(sender<int>{}.as_actor(), levada::channel_error);
}

TEST_CASE("holding the actor keeps no end open") {
  runtime rt{{.workers = 1}};
  caf::actor kept;
  {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    kept = tx.as_actor();
    CHECK(tx.info().sender_handles == 1);
    tx = {};
    CHECK(rx.is_closed());
  }
  CHECK(kept);
}

TEST_CASE(
  "monitors are told when the channel is closed and drained, not "
  "before") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  self->monitor(tx.as_actor());
  tx.close();
  CHECK(downs(self, 0ms).empty());
  CHECK(rx.try_receive().value() == 1);
  CHECK(down(self) == caf::exit_reason::normal);
  CHECK(rx.try_receive().closed());
  CHECK(downs(self, 0ms).empty());
}

TEST_CASE("a monitor is told whichever way the channel drains") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  self->monitor(tx.as_actor());
  SECTION("closed while empty") {
    tx.close();
  }
  SECTION("the last sender goes") {
    tx = {};
  }
  SECTION("the last receiver goes") {
    REQUIRE(tx.try_send(1));
    rx = {};
  }
  SECTION("a task takes the last item") {
    REQUIRE(tx.try_send(1));
    tx.close();
    CHECK(rt.block_on(collect<int>, rx) == numbers(1, 2));
  }
  SECTION("a thread takes the last item") {
    REQUIRE(tx.try_send(1));
    tx.close();
    CHECK(rx.blocking_receive().value() == 1);
  }
  SECTION("drain takes it") {
    REQUIRE(tx.try_send(1));
    tx.close();
    CHECK(rx.drain().size() == 1);
  }
  SECTION("a permit's value is handed over") {
    const auto keeps_counting = tx;
    auto place = tx.try_reserve();
    REQUIRE(place);
    auto receiving = rt.spawn(
      [](receiver<int> in) -> task<int> {
        auto got = co_await in.receive();
        co_return got.value();
      },
      rx);
    until_receivers_wait(rx, 1);
    tx.close();
    CHECK(place->send(1));
    CHECK(receiving.blocking_join() == 1);
    CHECK(down(self) == caf::exit_reason::normal);
    return;
  }
  SECTION("the last permit is dropped") {
    auto place = tx.try_reserve();
    REQUIRE(place);
    tx.close();
    CHECK(downs(self, 0ms).empty());
  }
  SECTION("the last item is un-sent") {
    std::stop_source stop;
    auto waiting = rt.spawn(
      [](sender<int> out, std::stop_token token) -> task<bool> {
        auto sent = co_await out.send_and_wait(1, token);
        co_return sent.cancelled();
      },
      tx, stop.get_token());
    until([&] { return tx.size() == 1; });
    tx.close();
    CHECK(downs(self, 0ms).empty());
    stop.request_stop();
    CHECK(waiting.blocking_join());
  }
  CHECK(down(self) == caf::exit_reason::normal);
}

TEST_CASE("a late monitor is told at once") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt);
  tx.close();
  self->monitor(rx.as_actor());
  CHECK(down(self) == caf::exit_reason::normal);
}

TEST_CASE("monitors learn why: a cause, a kill, a stopped runtime") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  caf::actor_system other{config};
  caf::scoped_actor self{other};
  auto [tx, rx] = make_channel<int>(*rt, {.capacity = 1});
  self->monitor(tx.as_actor());
  SECTION("a cause") {
    tx.close("broken");
    CHECK(down(self) == caf::exit_reason::unhandled_exception);
  }
  SECTION("destroyed, with items in it") {
    REQUIRE(tx.try_send(1));
    rt->destroy(tx.id());
    CHECK(down(self) == caf::exit_reason::kill);
  }
  SECTION("the runtime goes, with items in it") {
    REQUIRE(tx.try_send(1));
    rt.reset();
    CHECK(down(self) == caf::exit_reason::user_shutdown);
  }
}

TEST_CASE(
  "an exit message closes; what is buffered stays receivable unless it "
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
  "a linked actor that fails closes the channel; one that ends well "
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

TEST_CASE("a message to a channel that it does not know bounces") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto channel = tx.as_actor();
  const auto answer = [&] {
    caf::error result;
    self->request(channel, caf::infinite, std::string{"what is it"})
      .receive([&] { FAIL("it answered"); },
               [&](caf::error& error) { result = error; });
    return result;
  };
  CHECK(to_string(answer())
        == to_string(caf::make_error(caf::sec::unexpected_message)));
  CHECK(tx.size() == 0);
  tx.close();
  CHECK(to_string(answer())
        == to_string(caf::make_error(caf::sec::request_receiver_down)));
}

TEST_CASE("a channel lives in CAF's registry under a name") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto& registry = rt.system().registry();
  const auto registered_name = caf::atom("numbers");
  registry.put(registered_name, tx.as_actor());
  const auto found = registry.get<caf::actor>(registered_name);
  CHECK(found == tx.as_actor());
  registry.erase(registered_name);
  CHECK_FALSE(registry.get<caf::actor>(registered_name));
}

TEST_CASE("channels do not keep their actor system waiting") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  caf::actor_system system{config};
  sender<int> outliving;
  {
    runtime rt{system};
    auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
    static_cast<void>(tx.as_actor());
    outliving = tx;
  }
  CHECK(outliving.try_send(1).closed());
  CHECK(system.registry().running() == 0);
}
