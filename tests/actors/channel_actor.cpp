// A channel as CAF sees it: address, monitor, link, exit, bounce.
#include "support.hpp"

using namespace levada_tests;

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
