// event: a signal as something to receive.
#include <levada/channels/event.hpp>

#include <levada/channels/map.hpp>
#include <levada/channels/select.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::event;

TEST_CASE("many signals before a receive are one (F-70, S-17)") {
  runtime rt{{.workers = 1}};
  const event changed{rt, "changed"};
  CHECK_FALSE(changed.is_set());
  CHECK(changed.set());
  CHECK_FALSE(changed.set());
  CHECK_FALSE(changed.set());
  CHECK(changed.is_set());
  CHECK(changed.name() == "changed");
  CHECK(changed.try_receive());
  CHECK_FALSE(changed.is_set());
  CHECK(changed.try_receive().empty());
  CHECK(changed.set());
}

TEST_CASE(
  "a signal that is there when it is stopped is received, then closed "
  "(F-70, S-17)") {
  runtime rt{{.workers = 1}};
  const event changed{rt};
  changed.set();
  CHECK(changed.stop());
  CHECK_FALSE(changed.stop());
  CHECK(changed.is_stopped());
  CHECK_FALSE(changed.set());
  CHECK(rt.block_on(
    [](const event* it) -> task<bool> { co_return co_await it->ready(); },
    &changed));
  CHECK(changed.consume());
  CHECK(changed.consume().closed());
  CHECK_FALSE(rt.block_on(
    [](const event* it) -> task<bool> { co_return co_await it->ready(); },
    &changed));
}

TEST_CASE("consuming an event that is not set says not ready (F-32, F-70)") {
  runtime rt{{.workers = 1}};
  const event changed{rt};
  CHECK(changed.consume().error() == make_error_code(errc::not_ready));
}

TEST_CASE(
  "an event wakes one receiver, in a select too, and a stop all "
  "(F-70)") {
  runtime rt{{.workers = 2}};
  const event changed{rt};
  const auto wait = [](event it) -> task<int> {
    int signals = 0;
    for (;;) {
      auto chosen = co_await levada::select(it, levada::after(1h));
      auto* got = chosen.from(it);
      if (got == nullptr || !*got)
        break;
      ++signals;
    }
    co_return signals;
  };
  auto first = rt.spawn(wait, changed);
  auto second = rt.spawn(wait, changed);
  for (int i = 0; i < 10; ++i) {
    until_receivers_wait(changed, 2);
    REQUIRE(changed.set());
  }
  until_receivers_wait(changed, 2);
  changed.stop();
  CHECK(first.blocking_join() + second.blocking_join() == 10);
}

TEST_CASE("an event is a receiver like any other (F-70, F-36)") {
  runtime rt{{.workers = 1}};
  const event changed{rt};
  auto numbered
    = levada::map(changed, [n = 0](levada::unit) mutable { return ++n; });
  changed.set();
  CHECK(*numbered.try_receive() == 1);
  changed.set();
  CHECK(*numbered.try_receive() == 2);
  CHECK(numbered.try_receive().empty());
}
