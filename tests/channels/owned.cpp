// What becomes of queued items when their owner dies.
#include "owned_support.hpp"

using namespace levada_tests;

TEST_CASE(
  "items whose owner dies are kept where nothing else was said "
  "(I-01, I-33, N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner dead{"dead"};
  const auto theirs = tx.owned_by(dead);
  REQUIRE(theirs.try_send(1));
  REQUIRE(tx.try_send(2));
  REQUIRE(dead.end());
  CHECK(rx.size() == 2);
  CHECK(words(rx) == list{"1", "2"});
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "a dead owner's item is replaced in place: order and count stay "
  "(I-09, I-30, S-05, N-04)") {
  std::vector<int> letters;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.owner_gone = owner_gone::replace,
         .on_dead_letter = [&](int&& item, dead_letter_reason why) {
           if (why == dead_letter_reason::owner_gone)
             letters.push_back(item);
         }});
  owner dead{"dead"};
  const auto theirs = tx.owned_by(dead);
  REQUIRE(tx.try_send(1));
  REQUIRE(theirs.try_send(2));
  REQUIRE(tx.try_send(3));
  REQUIRE(theirs.try_send(4));
  dead.end();
  CHECK(rx.size() == 4);
  CHECK(rt.channels().count(rx.id()) == 4);
  CHECK(letters == std::vector<int>{2, 4});
  CHECK(words(rx) == list{"1", "unbound", "3", "unbound"});
  CHECK(rx.stats().dead_lettered == 2);
  CHECK(rx.stats().sent == 6); // the two unbound ones are items, too
  CHECK(rx.stats().received == 4);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "an unbound item is no value, no error and no end of the channel "
  "(I-30, N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::replace});
  REQUIRE(tx.try_send(0)); // (the runtime's: else no owner would be left)
  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(1));
  }
  REQUIRE(tx.try_send(2));
  tx.close();
  auto seen = rt.spawn(
    [](owned_receiver<int> in) -> task<list> {
      list result;
      while (auto got = co_await in.receive())
        result.push_back(word(got));
      co_return result;
    },
    rx);
  CHECK(seen.blocking_join() == list{"0", "unbound", "2"});

  auto other = make_owned_channel<int>(rt, {.owner_gone = owner_gone::replace});
  REQUIRE(other.tx.try_send(0));
  {
    owner dead{"dead"};
    REQUIRE(other.tx.owned_by(dead).try_send(1));
  }
  REQUIRE(other.rx.try_receive());
  auto got = other.rx.try_receive();
  CHECK(got);
  CHECK_FALSE(got.has_value());
  CHECK_FALSE(got.closed());
  CHECK_FALSE(got.empty());
  CHECK_FALSE(got.error());
  CHECK(got.value_or(7) == 7);
  CHECK_THROWS_AS(*got, levada::item_owner_gone);
  CHECK_THROWS_AS(got.value(), levada::item_owner_gone);
}

TEST_CASE(
  "a dead owner's item gives its error once, and is popped by that "
  "(I-31, I-35, S-05, N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::error});
  REQUIRE(tx.try_send(1));
  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(2));
  }
  REQUIRE(tx.try_send(3));
  CHECK(rx.size() == 3);
  CHECK(rx.try_receive().value() == 1);
  auto got = rx.try_receive();
  CHECK(got);
  CHECK(got.is_owner_gone());
  CHECK(got.error() == errc::owner_gone);
  CHECK_FALSE(got.is_unbound());
  CHECK(thrown([&] { static_cast<void>(got.value()); }) == errc::owner_gone);
  CHECK(rx.size() == 1);
  CHECK(words(rx) == list{"3"});
  CHECK(rx.try_receive().empty());
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "a dead owner's item is removed at once, the others keep their order "
  "(I-32, S-05, N-04)") {
  std::vector<int> letters;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.owner_gone = owner_gone::remove,
         .on_dead_letter
         = [&](int&& item, dead_letter_reason) { letters.push_back(item); }});
  owner dead{"dead"};
  const auto theirs = tx.owned_by(dead);
  for (int i = 0; i < 12; ++i) // the ring wraps on the way
    REQUIRE((i % 3 == 1 ? theirs : tx).try_send(i));
  CHECK(rx.try_receive().value() == 0);
  dead.end();
  CHECK(letters == std::vector<int>{1, 4, 7, 10});
  CHECK(rx.size() == 7);
  CHECK(words(rx) == list{"2", "3", "5", "6", "8", "9", "11"});
  CHECK(rx.stats().dead_lettered == 4);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "each send may choose its own policy, mixed in one queue "
  "(I-33, S-05, N-04)") {
  // As CPython's test_send_cleared_with_subinterpreter_mixed.
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::replace});
  owner dead{"dead"};
  const auto theirs = tx.owned_by(dead);
  REQUIRE(theirs.try_send(1, {.owner_gone = owner_gone::replace}));
  REQUIRE(theirs.try_send(2, {.owner_gone = owner_gone::error}));
  REQUIRE(theirs.try_send(3)); // as the channel says
  REQUIRE(theirs.try_send(4, {.owner_gone = owner_gone::remove}));
  REQUIRE(tx.try_send(5, {.owner_gone = owner_gone::remove}));
  REQUIRE(theirs.try_send(6, {.owner_gone = owner_gone::keep}));
  CHECK(rx.size() == 6);
  dead.end();
  CHECK(rx.size() == 5);
  CHECK(words(rx) == list{"unbound", "gone", "unbound", "5", "6"});
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "several owners in one queue die one after the other "
  "(I-33, I-34, N-04)") {
  // As CPython's test_send_cleared_with_subinterpreter_multiple.
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  owner first{"first"};
  owner second{"second"};
  const auto a = tx.owned_by(first);
  const auto b = tx.owned_by(second);
  REQUIRE(tx.try_send(1));
  REQUIRE(a.try_send(2, {.owner_gone = owner_gone::replace}));
  REQUIRE(b.try_send(3, {.owner_gone = owner_gone::remove}));
  REQUIRE(b.try_send(4, {.owner_gone = owner_gone::error}));
  REQUIRE(a.try_send(5, {.owner_gone = owner_gone::remove}));
  REQUIRE(tx.try_send(6, {.owner_gone = owner_gone::remove}));
  REQUIRE(a.try_send(7, {.owner_gone = owner_gone::error}));
  REQUIRE(b.try_send(8, {.owner_gone = owner_gone::keep}));
  REQUIRE(a.try_send(9, {.owner_gone = owner_gone::remove}));
  REQUIRE(b.try_send(10, {.owner_gone = owner_gone::replace}));
  first.end();
  CHECK(rx.size() == 8);
  CHECK(word(rx.try_receive()) == "1");
  CHECK(word(rx.try_receive()) == "unbound");
  CHECK(word(rx.try_receive()) == "3");
  second.end();
  CHECK(words(rx) == list{"gone", "6", "gone", "8", "unbound"});
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "the owner is who sent, for as long as that lives, with or without the "
  "handle (I-34)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::remove});
  owner alive{"alive"};
  {
    const auto theirs = tx.owned_by(alive);
    REQUIRE(theirs.try_send(1));
    REQUIRE(theirs.try_send(2));
  }
  CHECK(words(rx).size() == 2); // the handle went, its owner did not
  {
    const auto theirs = tx.owned_by(alive);
    REQUIRE(theirs.try_send(3));
    REQUIRE(tx.try_send(4));
  }
  alive.end();
  CHECK(words(rx) == list{"4"});
}

TEST_CASE("what a dead owner sent and others received is theirs (I-29, I-34)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::remove});
  owner dead{"dead"};
  REQUIRE(tx.owned_by(dead).try_send(1));
  auto got = rx.try_receive();
  dead.end();
  CHECK(got.value() == 1);
  CHECK(rx.stats().dead_lettered == 0);
}

TEST_CASE("after its tail was removed, a queue takes more items (I-37, N-04)") {
  const auto capacity
    = GENERATE(levada::channel_capacity{2}, levada::channel_capacity{8},
               levada::unbounded);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.capacity = capacity, .owner_gone = owner_gone::remove});
  owner living{"living"};
  const auto mine = tx.owned_by(living);
  for (int round = 0; round < 40; ++round) {
    owner dead{"dead"};
    REQUIRE(mine.try_send(3 * round));
    REQUIRE(tx.owned_by(dead).try_send(3 * round + 1));
    dead.end();
    REQUIRE(mine.try_send(3 * round + 2));
    REQUIRE(words(rx)
            == list{std::to_string(3 * round), std::to_string(3 * round + 2)});
    // The only item, head and tail in one.
    owner other{"other"};
    REQUIRE(tx.owned_by(other).try_send(1));
    other.end();
    REQUIRE(rx.try_receive().empty());
    REQUIRE(conserved(rx.stats()));
  }
}

TEST_CASE("what removing an item frees lets a waiting sender in (I-32, N-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt, {.capacity = 2});
  owner living{"living"};
  owner dead{"dead"};
  const auto mine = tx.owned_by(living);
  REQUIRE(mine.try_send(1));
  REQUIRE(tx.owned_by(dead).try_send(2, {.owner_gone = owner_gone::remove}));
  auto parked = rt.spawn(
    [](owned_sender<int> out) -> task<bool> {
      auto sent = co_await out.send(3);
      co_return static_cast<bool>(sent);
    },
    mine);
  until_senders_wait(tx, 1);
  dead.end();
  CHECK(parked.blocking_join());
  CHECK(words(rx) == list{"1", "3"});
  CHECK(conserved(rx.stats()));
}

TEST_CASE("a replaced item keeps its place against waiting senders (I-30)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.capacity = 1, .owner_gone = owner_gone::replace});
  owner living{"living"};
  owner dead{"dead"};
  const auto mine = tx.owned_by(living);
  REQUIRE(tx.owned_by(dead).try_send(1));
  auto parked = rt.spawn(
    [](owned_sender<int> out) -> task<bool> {
      auto sent = co_await out.send(2);
      co_return static_cast<bool>(sent);
    },
    mine);
  until_senders_wait(tx, 1);
  dead.end();
  CHECK(tx.info().waiting_senders == 1);
  CHECK(word(rx.try_receive()) == "unbound");
  CHECK(parked.blocking_join());
  CHECK(words(rx) == list{"2"});
}

namespace {

/// Uses its channel when it is moved or destroyed: deadlocks under a lock.
struct nosy {
  owned_receiver<nosy>* channel = nullptr;
  int number = 0;
  std::string text = "a string that is too long to be stored inside";

  nosy(owned_receiver<nosy>* channel, int number)
      : channel(channel),
        number(number) {
  }
  nosy(nosy&& other) noexcept
      : channel(other.channel),
        number(other.number),
        text(std::move(other.text)) {
    look();
  }
  ~nosy() {
    look();
  }
  void look() const {
    if (channel != nullptr)
      static_cast<void>(channel->info());
  }
};

} // namespace

TEST_CASE("no user code runs under a lock when an owner dies (I-30, I-32)") {
  const auto policy
    = GENERATE(owner_gone::replace, owner_gone::error, owner_gone::remove);
  runtime rt{{.workers = 1}};
  int letters = 0;
  owned_receiver<nosy> look;
  auto [tx, rx] = make_owned_channel<nosy>(
    rt, {.owner_gone = policy,
         .on_dead_letter = [&](nosy&& item, dead_letter_reason) {
           item.look();
           ++letters;
         }});
  look = rx;
  owner living{"living"};
  REQUIRE(tx.owned_by(living).try_send(nosy{&look, 0}));
  owner dead{"dead"};
  const auto theirs = tx.owned_by(dead);
  for (int i = 1; i < 6; ++i)
    REQUIRE(theirs.try_send(nosy{&look, i}));
  dead.end();
  CHECK(letters == 5);
  CHECK(rx.size() == (policy == owner_gone::remove ? 1 : 6));
  CHECK(rx.try_receive().value().number == 0);
}

TEST_CASE("elements that are large, aligned or only movable have owners") {
  struct large {
    std::array<char, 250> bytes{};
  };
  struct alignas(64) aligned {
    int number = 0;
  };
  runtime rt{{.workers = 1}};
  const auto check = [&rt](auto&& first, auto&& second, auto same) {
    using item = std::decay_t<decltype(first)>;
    auto [tx, rx]
      = make_owned_channel<item>(rt, {.owner_gone = owner_gone::replace});
    REQUIRE(tx.try_send(std::move(first)));
    {
      owner dead{"dead"};
      REQUIRE(tx.owned_by(dead).try_send(std::move(second)));
    }
    auto got = rx.try_receive();
    CHECK(same(got.value()));
    auto next = rx.try_receive();
    CHECK(next.is_unbound());
  };
  large big;
  big.bytes[249] = 'x';
  check(big, large{}, [](const large& v) { return v.bytes[249] == 'x'; });
  check(aligned{5}, aligned{6}, [](const aligned& v) {
    return v.number == 5 && reinterpret_cast<std::uintptr_t>(&v) % 64 == 0;
  });
  check(std::make_unique<int>(3), std::make_unique<int>(4),
        [](const auto& v) { return *v == 3; });
  check(std::string(1000, 'a'), std::string(1000, 'b'),
        [](const auto& v) { return v == std::string(1000, 'a'); });
}
