// Go's verbs: go, close, len, cap, range.
#include <algorithm>

#include <levada/channels/go_style.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::channel;
namespace go_style = levada::go_style;

TEST_CASE("a program written in Go's words runs (J-08, J-01, J-09)") {
  runtime rt{{.workers = 2}};
  using namespace levada::go_style;
  channel<int> numbers = make_channel<int>(rt);
  channel<std::string> exit = make_channel<std::string>(rt, {.capacity = 2});
  std::vector<int> received;
  const auto produce
    = [](channel<int> to, channel<std::string> done) -> task<> {
    for (int i = 0; i < 5; ++i)
      co_await (to << i);
    close(to);
    co_await (done << "Finished producing");
  };
  const auto consume = [](channel<int> from, channel<std::string> done,
                          std::vector<int>& into) -> task<> {
    while (auto v = co_await from.receive())
      into.push_back(*v);
    co_await (done << "Finished consuming");
  };
  const auto all
    = [=, &received](channel<int> ch, channel<std::string> done) -> task<> {
    go(produce, ch, done);
    go(consume, ch, done, std::ref(received));
    co_return;
  };
  go(rt, all, numbers, exit);
  std::vector<std::string> ends;
  for (auto& each : range(exit)) {
    ends.push_back(each);
    if (ends.size() == 2)
      close(exit);
  }
  std::sort(ends.begin(), ends.end());
  CHECK(
    ends
    == std::vector<std::string>{"Finished consuming", "Finished producing"});
  CHECK(received == levada_tests::numbers(0, 5));
}

TEST_CASE(
  "go takes any callable with its arguments, and names its place "
  "(J-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 8});
  rt.block_on(
    [](sender<int> out) -> task<> {
      const auto tell = [](sender<int> to, int a, int b, int c) -> task<> {
        const int sum = a + b + c;
        auto sent = co_await to.send(sum);
        (void)sent;
      };
      go_style::go([out] { (void)out.try_send(1); });
      go_style::go([](sender<int> to) { (void)to.try_send(2); }, out);
      go_style::go([](sender<int> to, int v) { (void)to.try_send(v); }, out, 3);
      go_style::go(tell, out, 1, 1, 2);
      co_return;
    },
    std::move(tx));
  CHECK(rt.block_on(collect<int>, std::move(rx)) == numbers(1, 5));

  auto gate = make_channel<int>(rt);
  rt.block_on(
    [](receiver<int> in) -> task<> {
      const auto wait = [](receiver<int> from) -> task<> {
        auto got = co_await from.receive();
        (void)got;
      };
      go_style::go(wait, in);
      co_return;
    },
    gate.rx);
  until_receivers_wait(gate.rx, 1);
  const std::string file = rt.tasks().at(0).spawned.file_name();
  CHECK(file.find("go_style.cpp") != std::string::npos);
}

TEST_CASE("go outside of a task needs a runtime (J-08)") {
  CHECK_THROWS_AS(go_style::go([] {}), levada::channel_error);
}

TEST_CASE(
  "closing twice is an error in Go's words, and says which channel "
  "(J-07, X-02)") {
  runtime rt{{.workers = 1}};
  channel<int> ch = make_channel<int>(rt, {.name = "numbers"});
  go_style::close(ch);
  for (int i = 0; i < 2; ++i) {
    try {
      i == 0 ? go_style::close(ch) : go_style::close(ch.tx());
      FAIL("nothing was thrown");
    } catch (const levada::channel_closed& error) {
      CHECK(error.channel_id() == ch.id());
      CHECK(error.channel_name() == "numbers");
      CHECK(std::string{error.what()}.find("\"numbers\"") != std::string::npos);
    }
  }
  CHECK_FALSE(ch.close()); // the named operation stays harmless
}

TEST_CASE("closing nil is an error (J-07, G-02)") {
  try {
    go_style::close(sender<int>{});
    FAIL("nothing was thrown");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::nil_channel);
  }
}

TEST_CASE("len and cap are those of Go, 0 and 0 for nil (J-08, G-10)") {
  runtime rt{{.workers = 1}};
  channel<int> ch = make_channel<int>(rt, {.capacity = 3});
  REQUIRE(ch.try_send(1));
  CHECK(go_style::len(ch) == 1);
  CHECK(go_style::len(ch.tx()) == 1);
  CHECK(go_style::len(ch.rx()) == 1);
  CHECK(go_style::cap(ch) == 3);
  CHECK(go_style::cap(ch.rx()) == 3);
  CHECK(go_style::len(sender<int>{}) == 0);
  CHECK(go_style::cap(channel<int>{}) == 0);
}
