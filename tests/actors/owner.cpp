// Owners: what one can be, and when it dies.
#include "support.hpp"

#include <levada/actors/owner.hpp>
#include <levada/channels/owned.hpp>
#include <levada/runtime/scope.hpp>

using namespace levada_tests;
using levada::channel_end;
using levada::make_owned_channel;
using levada::owned_receiver;
using levada::owned_sender;
using levada::owner;
using levada::owner_gone;

namespace {

errc code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const levada::channel_error& error) {
    return static_cast<errc>(error.code().value());
  }
  return errc{};
}

/// A channel that the test's runtime uses, so that no death closes it.
struct used_channel {
  explicit used_channel(runtime& home)
      : ends(
          make_owned_channel<int>(home, {.owner_gone = owner_gone::remove})) {
    REQUIRE(ends.tx.try_send(0));
    REQUIRE(ends.rx.try_receive());
  }
  bool dies(const owner& who, const std::function<void()>& end) {
    REQUIRE(ends.tx.owned_by(who).try_send(1));
    REQUIRE_FALSE(who.is_gone());
    end();
    return who.is_gone() && ends.rx.size() == 0 && !ends.tx.is_closed();
  }
  levada::owned_channel_ends<int> ends;
};

caf::behavior waiting_actor(caf::event_based_actor*) {
  return {[](int) {}};
}

} // namespace

TEST_CASE(
  "a free-standing owner ends when it is told to, once "
  "(N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  owner o{"o"};
  CHECK(o.name() == "o");
  CHECK(channel.dies(o, [&] { CHECK(o.end()); }));
  CHECK_FALSE(o.end());
  auto late = channel.ends.tx.owned_by(o).try_send(2);
  CHECK(late.error() == errc::owner_released);
  CHECK(late.take() == 2);
}

TEST_CASE(
  "a free-standing owner ends with its last handle, bound ends are none "
  "(N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  owned_sender<int> bound;
  {
    auto first = std::make_unique<owner>("o");
    owner second = *first;
    bound = channel.ends.tx.owned_by(second);
    REQUIRE(bound.try_send(1));
    first.reset();
    CHECK(channel.ends.rx.size() == 1);
    owner third = std::move(second);
    CHECK(third.id() != 0);
    CHECK(second.id() == 0);
    CHECK(second.is_gone());
    second = third;
    CHECK(second == third);
    third = owner{"another"};
    CHECK_FALSE(second == third);
    CHECK(channel.ends.rx.size() == 1);
  }
  CHECK(channel.ends.rx.size() == 0);
  CHECK(bound.try_send(2).error() == errc::owner_released);
  owner moved{"moved"};
  const owner target = std::move(moved);
  CHECK(code_of([&] { moved.end(); }) == errc::invalid_argument);
  CHECK(code_of([&] { static_cast<void>(channel.ends.tx.owned_by(moved)); })
        == errc::invalid_argument);
}

TEST_CASE("owner ids are unique in the process, and never reused (I-01)") {
  std::uint64_t last = owner{"first"}.id();
  for (int i = 0; i < 100; ++i) {
    const owner next{"next"};
    CHECK(next.id() > last);
    last = next.id();
  }
}

TEST_CASE("an actor is an owner, and dies with its end (N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  caf::scoped_actor self{rt.system()};
  auto actor = rt.system().spawn(waiting_actor);
  const auto o = owner::of(actor);
  CHECK(o == owner::of(actor));
  CHECK(code_of([copy = o]() mutable { copy.end(); })
        == errc::invalid_argument);
  self->monitor(actor);
  CHECK(channel.dies(o, [&] {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    until([&] { return o.is_gone() && channel.ends.rx.size() == 0; });
  }));
  static_cast<void>(down(self));
  // One that has ended already is gone from the start.
  CHECK(owner::of(actor).is_gone());
  CHECK(channel.ends.tx.owned_by(owner::of(actor)).try_send(1).error()
        == errc::owner_released);
  CHECK(code_of([] { static_cast<void>(owner::of(caf::actor{})); })
        == errc::invalid_argument);
}

TEST_CASE("a channel is an actor, hence an owner, too (N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  auto [tx, rx] = make_channel<int>(rt);
  const auto o = owner::of(tx.as_actor());
  CHECK(channel.dies(o, [&] { tx.close(); }));
}

TEST_CASE("a scope is an owner, and dies with the scope (N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  auto scope = std::make_unique<levada::scope>(rt);
  const auto o = owner::of(*scope);
  CHECK(o == owner::of(*scope));
  CHECK(channel.dies(o, [&] { scope.reset(); }));
  // One that nobody asks for is none.
  const levada::scope other{rt};
}

TEST_CASE(
  "a runtime is an owner: what its tasks sent dies with it "
  "(I-30, I-34, N-04)") {
  runtime rt{{.workers = 1}};
  used_channel channel{rt};
  auto other = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
  const auto o = owner::of(*other);
  CHECK_FALSE(o == owner::of(rt));
  // The default owner: nothing is bound here.
  auto sent = other->spawn(
    [](owned_sender<int> out) -> task<bool> {
      auto result = co_await out.send(5);
      co_return static_cast<bool>(result);
    },
    channel.ends.tx);
  REQUIRE(sent.blocking_join());
  CHECK(channel.ends.rx.size() == 1);
  const auto users = channel.ends.tx.owners(channel_end::send);
  CHECK(std::any_of(users.begin(), users.end(), [&](const auto& each) {
    return each.owner == o.id() && each.name == "runtime";
  }));
  SECTION("stopped") {
    CHECK(other->stop(20s).clean);
  }
  SECTION("destroyed") {
    other.reset();
  }
  CHECK(o.is_gone());
  CHECK(channel.ends.rx.size() == 0);
  CHECK_FALSE(channel.ends.tx.is_closed());
}

TEST_CASE("a stopped runtime asked for its owner says it is gone (N-04)") {
  runtime rt{{.workers = 1}};
  CHECK(rt.stop(20s).clean);
  CHECK(owner::of(rt).is_gone());
}

TEST_CASE(
  "a plain thread acts for the channel's own runtime "
  "(I-34)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  REQUIRE(tx.try_send(1));
  const auto users = tx.owners(channel_end::send);
  REQUIRE(users.size() == 1);
  CHECK(users[0].owner == owner::of(rt).id());
}

TEST_CASE("using a channel of a stopped runtime says closed (I-35)") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
  auto [tx, rx] = make_owned_channel<int>(*rt);
  rt.reset();
  CHECK(tx.try_send(1).error() == errc::closed);
  CHECK(rx.try_receive().error() == errc::closed);
  CHECK(tx.close_record().reason == levada::close_reason::runtime_stopped);
}

TEST_CASE("a runtime that stops wakes its tasks at another's channel (N-04)") {
  runtime rt{{.workers = 1}};
  // Ids are counted in each runtime: this one's first channel is another.
  auto mine = make_channel<int>(rt);
  auto [tx, rx] = make_channel<int>(rt);
  runtime other{{.workers = 1}};
  auto decoy = make_channel<int>(other);
  auto waiting = other.spawn(
    [](receiver<int> in) -> task<bool> {
      auto got = co_await in.receive();
      co_return got.cancelled();
    },
    rx);
  until_receivers_wait(rx, 1);
  CHECK(other.stop(20s).clean);
  CHECK(waiting.blocking_join());
  CHECK_FALSE(rx.is_closed());
  CHECK(rx.info().waiting_receivers == 0);
}

TEST_CASE("an owner may die at many channels at once, also dying ones (N-04)") {
  runtime rt{{.workers = 2}};
  for (int round = 0; round < 200; ++round) {
    auto o = std::make_unique<owner>("o");
    std::vector<levada::owned_channel_ends<int>> channels;
    for (int i = 0; i < 8; ++i) {
      channels.push_back(
        make_owned_channel<int>(rt, {.owner_gone = owner_gone::remove}));
      REQUIRE(channels.back().tx.owned_by(*o).try_send(1));
    }
    std::vector<levada::owned_channel_ends<int>> kept;
    for (int i = 0; i < 8; i += 2)
      kept.push_back(channels[static_cast<std::size_t>(i)]);
    {
      std::jthread dropping{[&] { channels.clear(); }};
      std::jthread ending{[&] { o.reset(); }};
    }
    for (const auto& each : kept) {
      CHECK(each.rx.size() == 0);
      CHECK(each.tx.is_closed()); // it was the only one
      CHECK(conserved(each.rx.stats()));
    }
  }
  CHECK(rt.channels().empty());
}
