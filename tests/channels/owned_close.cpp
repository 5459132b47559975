// Who uses an owned channel, letting go of it, and the closing by the last one.
#include "owned_support.hpp"

using namespace levada_tests;

using ids = std::vector<std::uint64_t>;

TEST_CASE("the first use of an end associates an owner with it (I-28)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  const auto here = owner::of(rt).id();
  owner other{"other"};
  const auto their_tx = tx.owned_by(other);
  const auto their_rx = rx.owned_by(other);
  CHECK(users(tx, channel_end::send).empty()); // binding is no use
  CHECK(users(tx, channel_end::receive).empty());
  REQUIRE(tx.try_send(1));
  CHECK(users(tx, channel_end::send) == ids{here});
  CHECK(users(rx, channel_end::receive).empty());
  REQUIRE(their_rx.try_receive());
  CHECK(users(tx, channel_end::send) == ids{here});
  CHECK(users(tx, channel_end::receive) == ids{other.id()});
  REQUIRE(their_tx.try_send(2));
  REQUIRE(their_tx.try_send(3));
  auto both = users(tx, channel_end::send);
  std::sort(both.begin(), both.end());
  CHECK(both == ids{here, other.id()});
  CHECK(rt.channels().owners(tx.id(), channel_end::send).size() == 2);
  CHECK(thrown([&] { static_cast<void>(tx.owners(channel_end::both)); })
        == errc::invalid_argument);
}

TEST_CASE(
  "owners that released an end, or died, are not listed, and a closed end "
  "has no owners to list (I-28)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner staying{"staying"};
  owner leaving{"leaving"};
  REQUIRE(tx.owned_by(staying).try_send(1));
  {
    owner dying{"dying"};
    REQUIRE(tx.owned_by(dying).try_send(2));
    CHECK(users(tx, channel_end::send).size() == 2);
  }
  REQUIRE(tx.owned_by(leaving).try_send(3));
  tx.release(leaving, channel_end::send);
  CHECK(users(tx, channel_end::send) == ids{staying.id()});
  tx.close();
  CHECK(thrown([&] { static_cast<void>(tx.owners(channel_end::send)); })
        == errc::closed);
  CHECK(tx.owners(channel_end::receive).empty()); // it is still draining
  CHECK(words(rx).size() == 3);
  CHECK(thrown([&] { static_cast<void>(rx.owners(channel_end::receive)); })
        == errc::closed);
}

TEST_CASE("associations tell what every owner did at each end (I-08, I-28)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner a{"a"};
  REQUIRE(tx.owned_by(a).try_send(1));
  tx.release(a, channel_end::receive);
  const auto bound = rx.owned_by(owner::of(rt));
  const auto all = tx.associations();
  REQUIRE(all.size() == 2);
  CHECK(all[0].name == "a");
  CHECK(all[0].owner == a.id());
  CHECK(all[0].send == end_use::open);
  CHECK(all[0].receive == end_use::released);
  CHECK(all[1].name == "runtime");
  CHECK(all[1].send == end_use::unused);
  CHECK(all[1].receive == end_use::unused);
}

TEST_CASE("a use that is refused associates nobody (I-28)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner late{"late"};
  REQUIRE(tx.try_send(1));
  tx.close();
  CHECK(tx.owned_by(late).try_send(2).closed());
  for (const auto& each : tx.associations())
    CHECK((each.owner != late.id() || each.send == end_use::unused));
}

TEST_CASE(
  "an owner that released an end cannot use it, others can "
  "(I-24, I-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner leaving{"leaving"};
  const auto theirs = tx.owned_by(leaving);
  REQUIRE(tx.try_send(0));
  REQUIRE(theirs.try_send(1));
  tx.release(leaving);
  CHECK(words(rx) == list{"0", "1"}); // what it sent stays
  CHECK(tx.try_send(3));
  auto sent = theirs.try_send(2);
  CHECK_FALSE(sent);
  CHECK(sent.error() == errc::owner_released);
  CHECK(sent.take() == 2);
  CHECK(rx.owned_by(leaving).try_receive().error() == errc::owner_released);
  CHECK(rx.owned_by(leaving).try_receive().closed());
}

TEST_CASE("the last association released closes the channel (I-24, S-06)") {
  std::vector<std::pair<int, dead_letter_reason>> letters;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.on_dead_letter = [&](int&& item, dead_letter_reason why) {
      letters.emplace_back(item, why);
    }});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  REQUIRE(rx.try_receive());
  tx.release(); // the runtime's own, at the sending end
  CHECK_FALSE(tx.is_closed());
  CHECK(rx.size() == 1);
  rx.release();
  CHECK(tx.is_closed());
  CHECK(rx.is_closed());
  CHECK(tx.close_record().reason == close_reason::owner_gone);
  REQUIRE(letters.size() == 1);
  CHECK(letters[0].first == 2);
  CHECK(letters[0].second == dead_letter_reason::owner_gone);
  CHECK(tx.try_send(3).closed());
  CHECK(rx.try_receive().error() == errc::closed);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("an owner may release one end and use the other (I-25)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  const auto here = owner::of(rt);
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  CHECK(rx.try_receive().value() == 1);
  tx.release(here, channel_end::send);
  CHECK_FALSE(tx.try_send(3));
  CHECK(rx.try_receive().value() == 2);
  CHECK(rx.try_receive().empty());
}

TEST_CASE(
  "releasing twice is harmless while the channel is open, and an error "
  "when it is closed (I-24)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner a{"a"};
  owner b{"b"};
  REQUIRE(tx.owned_by(a).try_send(1));
  REQUIRE(tx.owned_by(b).try_send(2));
  tx.release(a);
  tx.release(a);
  CHECK(rx.size() == 2);
  tx.release(b);
  CHECK(tx.is_closed());
  CHECK(thrown([&] { tx.release(b); }) == errc::closed);
  CHECK(thrown([&] { tx.release(a, channel_end::receive); }) == errc::closed);
}

TEST_CASE(
  "releasing an end that was never used counts as having used it "
  "(I-24, S-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner stranger{"stranger"};
  rt.channels().release(tx.id(), stranger, channel_end::receive);
  CHECK(tx.is_closed());
  CHECK(tx.close_record().reason == close_reason::owner_gone);

  auto other = make_owned_channel<int>(rt);
  REQUIRE(other.tx.try_send(1));
  other.tx.release(stranger, channel_end::send);
  CHECK_FALSE(other.tx.is_closed()); // the runtime's association is left
  CHECK(other.tx.owned_by(stranger).try_send(2).error()
        == errc::owner_released);
}

TEST_CASE("releases while the channel drains are as when it is open (I-24)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  tx.close();
  tx.release();
  CHECK(rx.is_closed()); // nobody is left to read the rest
  CHECK(tx.close_record().reason == close_reason::closed);
  CHECK(rx.stats().dead_lettered == 2);
}

TEST_CASE(
  "the death of the only owner closes the channel, once its policies are "
  "applied (I-29, S-06)") {
  const auto policy = GENERATE(owner_gone::keep, owner_gone::replace,
                               owner_gone::error, owner_gone::remove);
  const auto unread = GENERATE(unread_items::drop, unread_items::keep);
  INFO(to_string(policy));
  runtime rt{{.workers = 1}};
  int letters = 0;
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.owner_gone = policy,
         .unread = unread,
         .on_dead_letter = [&](int&&, dead_letter_reason) { ++letters; }});
  owner dead{"dead"};
  REQUIRE(tx.owned_by(dead).try_send(1));
  dead.end();
  CHECK(tx.is_closed());
  CHECK(tx.close_record().reason == close_reason::owner_gone);
  const auto left = words(rx);
  CHECK(rx.is_closed());
  CHECK(rx.try_receive().error() == errc::closed);
  CHECK(conserved(rx.stats()));
  if (unread == unread_items::drop || policy == owner_gone::remove) {
    CHECK(left.empty());
    CHECK(letters == 1);
    return;
  }
  CHECK(letters == (policy == owner_gone::keep ? 0 : 1));
  CHECK(left
        == list{policy == owner_gone::keep      ? "1"
                : policy == owner_gone::replace ? "unbound"
                                                : "gone"});
}

TEST_CASE(
  "a channel with another owner outlives one's death "
  "(I-29)") {
  // As CPython's test_recv_sending_interp_destroyed.
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner reader{"reader"};
  const auto theirs = rx.owned_by(reader);
  CHECK(theirs.try_receive().empty()); // a use, with nothing to show for it
  owner dead{"dead"};
  REQUIRE(tx.owned_by(dead).try_send(1));
  dead.end();
  CHECK_FALSE(tx.is_closed());
  CHECK(theirs.try_receive().value() == 1);
  CHECK(theirs.try_receive().empty());
}

TEST_CASE("binding alone keeps nothing open, and closes nothing (I-29)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  {
    owner idle{"idle"};
    const auto bound = tx.owned_by(idle);
  }
  CHECK_FALSE(tx.is_closed());
  REQUIRE(tx.try_send(1));
  CHECK(tx.associations().size() == 1); // the dead are forgotten
}

TEST_CASE(
  "the close matrix of the registry holds for owned channels, unbound "
  "items count (I-19, I-20, I-21, S-02)") {
  using which = levada::close_request::which;
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::replace});
  REQUIRE(tx.try_send(0));
  REQUIRE(rx.try_receive());
  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(1));
  }
  CHECK(thrown([&] { rt.close(tx.id()); }) == errc::not_empty);
  CHECK(thrown([&] { rt.close(tx.id(), {.end = which::receive}); })
        == errc::not_empty);
  rt.close(tx.id(), {.end = which::send});
  CHECK(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(words(rx) == list{"unbound"});
  CHECK(rx.is_closed());
  CHECK(thrown([&] { rt.close(tx.id(), {.force = true}); }) == errc::closed);
}

TEST_CASE(
  "anybody may close a channel, also one that nobody used "
  "(I-22, I-23)") {
  runtime rt{{.workers = 1}};
  auto unused = make_owned_channel<int>(rt);
  rt.close(unused.tx.id());
  CHECK(unused.tx.is_closed());
  CHECK(unused.rx.is_closed());
  // A runtime that has no part in it.
  auto used = make_owned_channel<int>(rt);
  owner user{"user"};
  REQUIRE(used.tx.owned_by(user).try_send(1));
  rt.close(used.tx.id(), {.force = true});
  CHECK(used.rx.owned_by(user).try_receive().error() == errc::closed);
  CHECK(used.tx.owned_by(user).try_send(1).error() == errc::closed);
}

TEST_CASE("the dead-letter hook sees values, not the marks of dead ones") {
  std::vector<int> letters;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.owner_gone = owner_gone::error,
         .on_dead_letter
         = [&](int&& item, dead_letter_reason) { letters.push_back(item); }});
  REQUIRE(tx.try_send(0));
  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(1));
  }
  CHECK(letters == std::vector<int>{1});
  rt.destroy(tx.id());
  CHECK(letters == std::vector<int>{1, 0});
  CHECK(conserved(rx.stats()));
}

TEST_CASE("owners are asked for where there are none (I-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  owner a{"a"};
  CHECK(thrown([&] {
          static_cast<void>(rt.channels().owners(tx.id(), channel_end::send));
        })
        == errc::invalid_argument);
  CHECK(thrown([&] { rt.channels().release(tx.id(), a); })
        == errc::invalid_argument);
  CHECK(thrown([&] { rt.channels().release(99, a); }) == errc::not_found);
  CHECK(thrown([&] { static_cast<void>(rt.channels().count(99)); })
        == errc::not_found);
  const owned_sender<int> nil;
  CHECK(thrown([&] { static_cast<void>(nil.owned_by(a)); })
        == errc::nil_channel);
  CHECK(thrown([&] { nil.release(a); }) == errc::nil_channel);
  CHECK_THROWS_AS(make_owned_channel<int>(rt, {.capacity = -1}),
                  levada::channel_error);
}

TEST_CASE("nil and detached ends of owned channels behave as others (I-35)") {
  runtime rt{{.workers = 1}};
  const owned_sender<int> nil_tx;
  const owned_receiver<int> nil_rx;
  CHECK_FALSE(nil_tx.try_send(1));
  CHECK(nil_rx.try_receive().empty());
  auto [tx, rx] = make_owned_channel<int>(rt);
  auto copy = rx;
  CHECK(copy.close());
  CHECK(copy.try_receive().closed());
  REQUIRE(tx.try_send(1));
  rx = {};
  CHECK(tx.close_record().reason == close_reason::no_receivers);
}
