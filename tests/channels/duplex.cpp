// duplex: two channels crossed.
#include <levada/channels/duplex.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

task<> serve(levada::duplex_end<std::string, int> end) {
  while (auto asked = co_await end.receive()) {
    std::string answer(static_cast<std::size_t>(*asked), 'x');
    auto sent = co_await end.send(std::move(answer));
    if (!sent)
      break;
  }
}

task<std::size_t> ask(levada::duplex_end<int, std::string> end, int times) {
  std::size_t letters = 0;
  for (int i = 1; i <= times; ++i) {
    auto sent = co_await end.send(i);
    if (!sent)
      break;
    auto answer = co_await end.receive();
    if (!answer)
      break;
    letters += answer->size();
  }
  co_return letters;
}

} // namespace

TEST_CASE("what one side sends the other receives, both ways (F-19)") {
  runtime rt{{.workers = 2}};
  auto [client, service] = levada::make_duplex<int, std::string>(rt);
  auto serving = rt.spawn(serve, std::move(service));
  CHECK(rt.block_on(ask, std::move(client), 10) == 55);
  serving.blocking_join(); // the client went: the service ends
}

TEST_CASE(
  "closing one side lets the other receive the rest and then nothing "
  "(F-19)") {
  runtime rt{{.workers = 1}};
  auto [client, service] = levada::make_duplex<int, std::string>(
    rt, {.name = "talk", .capacity = 2});
  CHECK(client.tx().name() == "talk requests");
  CHECK(service.tx().name() == "talk replies");
  CHECK(client.tx() != service.tx());
  CHECK(service.rx().id() == client.tx().id());
  CHECK(client.rx().id() == service.tx().id());
  REQUIRE(client.try_send(1));
  REQUIRE(client.try_send(2));
  CHECK(client.try_send(3).full());
  CHECK(client.close());
  CHECK(client.is_closed());
  CHECK_FALSE(service.is_closed());
  CHECK(*service.try_receive() == 1);
  CHECK(*service.blocking_receive() == 2);
  CHECK(service.blocking_receive().closed());
  CHECK(service.try_send("nobody").closed());
  CHECK(client.blocking_receive().closed());
  CHECK_FALSE(client.close());
}

TEST_CASE(
  "a duplex is made inside a task too, with a checked capacity (F-19)") {
  runtime rt{{.workers = 1}};
  const auto talk = []() -> task<int> {
    auto both = levada::make_duplex<int, int>({.capacity = 1});
    auto sent = co_await both.service.send(7);
    sent.check();
    auto got = co_await both.client.receive();
    co_return *got;
  };
  CHECK(rt.block_on(talk) == 7);
  CHECK_THROWS_AS((levada::make_duplex<int, int>(rt, {.capacity = -1})),
                  levada::channel_error);
  CHECK_FALSE(levada::duplex_end<int, int>{});
}
