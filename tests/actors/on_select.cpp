// Actors that receive from several channels at once.
#include <levada/channels/any_receiver.hpp>
#include <levada/channels/event.hpp>
#include <levada/channels/filter.hpp>

#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;
using caf::exit_reason;

receiver<int> series(runtime& rt, int first, int last) {
  return filled(rt, numbers(first, last));
}

} // namespace

TEST_CASE(
  "receivers that have something take turns, each with its own handler "
  "(U-25)") {
  runtime rt{{.workers = 1}};
  const texts seen;
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, receiver<int> a, receiver<std::string> b) {
      on_select(
        self,
        when(std::move(a), [seen](int n) { seen.add(std::to_string(n)); }),
        when(
          std::move(b), [seen](const std::string& s) { seen.add(s); },
          [seen] { seen.add("no more words"); }));
    },
    series(rt, 0, 5), filled<std::string>(rt, {"a", "b", "c"}));
  CHECK(end_of(rt.system(), who) == "none");
  const std::vector<std::string> expected{
    "0", "a", "1", "b", "2", "c", "3", "4", "no more words"};
  CHECK(seen.all() == expected);
}

TEST_CASE("a filter that lets nothing through keeps nobody else waiting") {
  runtime rt{{.workers = 1}};
  const auto many = with_numbers(rt, 100000);
  const ints left;
  const auto hear
    = [left, many](int) { left.add(static_cast<int>(many.rx.size())); };
  rt.system().spawn(
    [hear](event_based_actor* self, receiver<int> one, receiver<int> two) {
      on_select(self,
                when(levada::filter(std::move(one), [](int) { return false; }),
                     [](int) {}),
                when(std::move(two), hear));
    },
    many.rx, series(rt, 0, 100));
  until([&] { return left.size() == 100; });
  CHECK(left.all().back() > 0);
}

TEST_CASE("several receivers share one credit") {
  runtime rt{{.workers = 1}};
  const auto a = with_numbers(rt, 100);
  const auto b = with_numbers(rt, 100);
  const gate hold;
  const auto spawned
    = [hold](event_based_actor* self, receiver<int> one, receiver<int> two) {
        on_select(self, {.credit = 10},
                  when(std::move(one), [=](int) { hold.pass(); }),
                  when(std::move(two), [=](int) { hold.pass(); }));
      };
  rt.system().spawn(spawned, a.rx, b.rx);
  for (int handled = 1; handled <= 200; ++handled) {
    until([&] { return hold.arrived() == handled; });
    const auto taken = a.tx.stats().received + b.tx.stats().received;
    REQUIRE(taken - static_cast<std::uint64_t>(handled - 1) <= 10);
    hold.open();
  }
}

TEST_CASE(
  "a case waits in each of its channels, and is gone from all when one "
  "gives") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  const ints heard;
  const gate hold;
  rt.system().spawn(
    [=](event_based_actor* self, receiver<int> one, receiver<int> two) {
      const auto hear = [=](int n) {
        heard.add(n);
        hold.pass();
      };
      on_select(self, {.credit = 2}, when(std::move(one), hear),
                when(std::move(two), hear));
    },
    a.rx, b.rx);
  until_receivers_wait(a.tx, 1);
  until_receivers_wait(b.tx, 1);
  REQUIRE(b.tx.blocking_send(1));
  until([&] { return hold.arrived() == 1; });
  CHECK(a.tx.info().waiting_receivers == 0);
  CHECK(a.tx.try_send(2).error() == errc::full);
  hold.open();
  until_receivers_wait(a.tx, 1);
  REQUIRE(a.tx.blocking_send(2));
  hold.open();
  until([&] { return heard.size() == 2; });
  CHECK(heard.all() == std::vector{1, 2});
}

TEST_CASE("one receiver's end leaves the others, and the last one's ends it") {
  runtime rt{{.workers = 2}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  const texts seen;
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, receiver<int> one, receiver<int> two) {
      const auto hear = [seen](int n) { seen.add(std::to_string(n)); };
      on_select(self,
                when(std::move(one), hear, [seen] { seen.add("a ends"); }),
                when(std::move(two), hear, [seen] { seen.add("b ends"); }),
                when(receiver<int>{}, hear, [seen] { seen.add("never"); }));
    },
    std::move(a.rx), std::move(b.rx));
  a.tx.close();
  until([&] { return seen.size() == 1; });
  REQUIRE(b.tx.blocking_send(7));
  b.tx.close();
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(seen.all() == std::vector<std::string>{"a ends", "7", "b ends"});
}

TEST_CASE("cancel, quit and death hand back what every receiver had (U-25)") {
  runtime rt{{.workers = 1}};
  const auto a = with_numbers(rt, 20);
  const auto b = with_numbers(rt, 20);
  const gate hold;
  const int how = GENERATE(0, 1, 2);
  const auto who = rt.system().spawn(
    [=](event_based_actor* self, receiver<int> one, receiver<int> two) {
      auto listening = std::make_shared<subscription>();
      const auto hear = [=](int n) {
        hold.pass();
        if (n == 1 && how == 0)
          listening->cancel();
        if (n == 1 && how == 1)
          self->quit();
      };
      *listening = on_select(self, {.credit = 8}, when(std::move(one), hear),
                             when(std::move(two), hear));
    },
    a.rx, b.rx);
  until([&] { return hold.arrived() == 1; });
  if (how == 2)
    caf::anon_send_exit(who, exit_reason::kill);
  hold.open(how == 2 ? 4 : 100);
  end_of(rt.system(), who);
  // 0 of both, then 1 of a; the one that was killed handled half its credit
  CHECK(rest_of(a.rx) == numbers(2, 20));
  CHECK(rest_of(b.rx) == numbers(how == 2 ? 2 : 1, 20));
  CHECK(conserved(a.tx.stats()));
  CHECK(conserved(b.tx.stats()));
}

TEST_CASE("events, converting receivers and channels are cases alike") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const texts seen;
  levada::event rings{rt, "rings"};
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, levada::event bell, receiver<int> in) {
      on_select(self,
                when(levada::any_receiver<double>{std::move(in)},
                     [seen](double x) { seen.add(std::to_string(x)); }),
                when(bell, [self, seen](levada::unit) {
                  seen.add("rings");
                  self->quit();
                }));
    },
    rings, rx);
  REQUIRE(tx.blocking_send(1));
  until([&] { return seen.size() == 1; });
  rings.set();
  CHECK(end_of(rt.system(), who) == "none");
  CHECK(seen.all() == std::vector<std::string>{"1.000000", "rings"});
}

TEST_CASE("a credit below one for each receiver is refused") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const texts said;
  const auto who = rt.system().spawn(
    [said](event_based_actor* self, receiver<int> in) {
      try {
        on_select(self, {.credit = 1}, when(in, [](int) {}),
                  when(in, [](int) {}));
      } catch (const levada::channel_error& why) {
        said.add(why.what());
      }
    },
    rx);
  end_of(rt.system(), who);
  CHECK(said.size() == 1);
  CHECK(tx.info().receiver_handles == 1);
}
