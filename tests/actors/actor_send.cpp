// Actors that send to channels.
#include <memory>

#include <levada/channels/actor_send.hpp>

#include "actor_support.hpp"

using namespace levada_tests;

namespace {

using caf::event_based_actor;
using caf::exit_reason;

} // namespace

TEST_CASE(
  "an actor's send answers like a request, after the handler it was made "
  "in") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 10});
  const texts seen;
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, sender<int> out) {
      levada::send(self, out, 1).then([seen] { seen.add("sent 1"); });
      levada::send(self, out, 2).then([seen](send_status how) {
        seen.add(how == send_status::queued ? "queued 2" : "?");
      });
      levada::send(self, out, 3);
      seen.add("goes on");
    },
    tx);
  CHECK(end_of(rt.system(), who) == "none"); // when all is known
  CHECK(seen.all()
        == std::vector<std::string>{"goes on", "sent 1", "queued 2"});
  CHECK(rest_of(rx) == numbers(1, 4));
  CHECK(tx.info().sender_handles == 1);
}

TEST_CASE(
  "a send that finds no room parks, the actor goes on, and the order "
  "stays") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const ints sent;
  const auto who = rt.system().spawn(
    [sent](event_based_actor* self, sender<int> out) -> caf::behavior {
      for (int i = 0; i < 5; ++i)
        levada::send(self, out, i).then([sent, i] { sent.add(i); });
      return {[](caf::ok_atom) { return caf::ok_atom::value; }};
    },
    tx);
  passed(rt.system(), who);
  CHECK(tx.info().waiting_senders == 4);
  until([&] { return sent.size() == 1; });
  for (int i = 0; i < 5; ++i)
    CHECK(rx.blocking_receive().value() == i);
  until([&] { return sent.size() == 5; });
  CHECK(sent.all() == numbers(0, 5));
  CHECK(conserved(tx.stats()));
}

TEST_CASE("an item that cannot be sent comes back, with the reason") {
  runtime rt{{.workers = 1}};
  const texts seen;
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 1});
  auto full
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::reject});
  REQUIRE(full.tx.try_send(0));
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, sender<std::unique_ptr<int>> out,
           sender<int> rejecting) {
      levada::send(self, rejecting, 4)
        .then([] {},
              [seen](std::error_code why) {
                seen.add(why == errc::full ? "full" : "?");
              });
      for (int i = 0; i < 3; ++i)
        levada::send(self, out, std::make_unique<int>(i))
          .then([seen] { seen.add("sent"); },
                [seen](std::error_code why, std::unique_ptr<int> back) {
                  seen.add(why.message() + std::to_string(*back));
                });
    },
    tx, full.tx);
  until_senders_wait(tx, 2);
  tx.close();
  CHECK(end_of(rt.system(), who) == "none");
  const auto closed = make_error_code(errc::closed).message();
  CHECK(
    seen.all()
    == std::vector<std::string>{"full", "sent", closed + "1", closed + "2"});
  CHECK(tx.stats().handed_back == 2);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "without on_error an actor's error handler has it, which ends it by "
  "default") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  tx.close();
  const auto how = GENERATE(0, 1);
  const auto who = rt.system().spawn(
    [how](event_based_actor* self, sender<int> out) -> caf::behavior {
      if (how == 0)
        levada::send(self, out, 1).then([] {});
      else
        levada::send(self, out, 1);
      return {[](int) {}};
    },
    tx);
  CHECK(end_of(rt.system(), who).find("runtime_error") != std::string::npos);
}

TEST_CASE("an actor that dies takes back what it had parked (U-25)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::shared_ptr<int>>(rt, {.capacity = 1});
  const auto item = std::make_shared<int>(7);
  const auto who = rt.system().spawn(
    [](event_based_actor* self, sender<std::shared_ptr<int>> out,
       std::shared_ptr<int> what) {
      for (int i = 0; i < 4; ++i)
        levada::send(self, out, what);
    },
    tx, item);
  until_senders_wait(tx, 3);
  caf::anon_send_exit(who, exit_reason::kill);
  end_of(rt.system(), who);
  until_senders_wait(tx, 0);
  const auto stats = tx.stats();
  CHECK(stats.handed_back == 3);
  CHECK(stats.buffered == 1);
  CHECK(conserved(stats));
  CHECK(tx.info().sender_handles == 1);
  CHECK(rx.try_receive());
  CHECK(rx.try_receive().error() == errc::empty);
}

TEST_CASE("await holds up what an actor would do meanwhile") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const texts seen;
  const auto who = rt.system().spawn(
    [seen](event_based_actor* self, sender<int> out) -> caf::behavior {
      levada::send(self, out, 1).await([seen] { seen.add("sent"); });
      return {[seen](int) { seen.add("message"); }};
    },
    tx);
  until_senders_wait(tx, 1);
  caf::anon_send(who, 1);
  CHECK(rx.blocking_receive().value() == 1);
  until([&] { return seen.size() == 2; });
  CHECK(seen.all() == std::vector<std::string>{"sent", "message"});
}

TEST_CASE("an actor's parked send shows in dump()") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "results"});
  const auto who
    = rt.system().spawn([](event_based_actor* self,
                           sender<int> out) { levada::send(self, out, 1); },
                        tx);
  until_senders_wait(tx, 1);
  const auto line
    = "sends to channel " + std::to_string(tx.id()) + " \"results\", waits";
  until([&] {
    std::ostringstream out;
    rt.dump(out);
    return out.str().find(line) != std::string::npos;
  });
  CHECK(rx.blocking_receive());
  end_of(rt.system(), who);
}

TEST_CASE(
  "an actor between two channels passes everything on, at the pace of "
  "the slower one (U-25)") {
  runtime rt{{.workers = 2}};
  auto in = make_channel<int>(rt, {.capacity = 4});
  auto out = make_channel<int>(rt, {.capacity = 4});
  rt.system().spawn(
    [](event_based_actor* self, receiver<int> from, sender<int> to) {
      on_receive(self, std::move(from),
                 [=](int n) { levada::send(self, to, 2 * n).await([] {}); }, {},
                 {.credit = 4});
    },
    std::move(in.rx), std::move(out.tx));
  auto sending = rt.spawn(send_numbers, std::move(in.tx), 0, 1000);
  auto all = rt.block_on(collect(std::move(out.rx)));
  CHECK(sending.blocking_join() == 1000);
  REQUIRE(all.size() == 1000);
  CHECK(all[999] == 1998);
}
