// Ends made from bare ids.
#include "owned_support.hpp"

#include <unordered_set>

#include <levada/channels/attach.hpp>
#include <levada/channels/hash.hpp>

using namespace levada_tests;

TEST_CASE("an end can be made from a bare id (I-03, I-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 2});
  auto other_tx = rt.channels().sender<std::string>(tx.id());
  auto other_rx = levada::attach_receiver<std::string>(rt, tx.id());
  CHECK(other_tx == tx);
  CHECK(other_rx == rx);
  CHECK(tx.info().sender_handles == 2);
  CHECK(tx.info().receiver_handles == 2);
  REQUIRE(other_tx.try_send("x"));
  CHECK(rx.try_receive().value() == "x");
  REQUIRE(tx.try_send("y"));
  CHECK(other_rx.try_receive().value() == "y");
  // It keeps its end open as any copy does.
  tx = {};
  CHECK_FALSE(rx.is_closed());
  other_tx = {};
  CHECK(rx.close_record().reason == close_reason::finished);
}

TEST_CASE("an id that stands for nothing is not found (I-03, I-26, S-03)") {
  runtime rt{{.workers = 1}};
  CHECK(thrown([&] { static_cast<void>(rt.channels().sender<int>(1)); })
        == errc::not_found);
  CHECK(thrown([&] { static_cast<void>(rt.channels().receiver<int>(0)); })
        == errc::not_found);
  auto [tx, rx] = make_channel<int>(rt);
  rt.destroy(tx.id());
  CHECK(thrown([&] { static_cast<void>(rt.channels().receiver<int>(tx.id())); })
        == errc::not_found);
}

TEST_CASE("a number that is never an id is an invalid argument (I-03)") {
  runtime rt{{.workers = 1}};
  CHECK(thrown([&] { static_cast<void>(rt.channels().sender<int>(-1)); })
        == errc::invalid_argument);
  CHECK(thrown([&] {
          static_cast<void>(rt.channels().receiver<int>(std::int64_t{-7}));
        })
        == errc::invalid_argument);
  CHECK(thrown([&] {
          static_cast<void>(
            rt.channels().receiver<int>(std::uint64_t{1} << 63));
        })
        == errc::invalid_argument);
}

template <class Id>
concept makes_an_end = requires(const levada::channel_list& all, Id id) {
  all.template receiver<int>(id);
};

TEST_CASE("an id is a number, and cannot be changed (I-03)") {
  STATIC_REQUIRE(makes_an_end<int>);
  STATIC_REQUIRE_FALSE(makes_an_end<const char*>);
  STATIC_REQUIRE_FALSE(makes_an_end<std::string>);
  STATIC_REQUIRE_FALSE(makes_an_end<double>);
  using id_of = decltype(std::declval<sender<int>&>().id());
  STATIC_REQUIRE(std::is_same_v<id_of, std::uint64_t>); // a copy, no reference
}

TEST_CASE("an end of another type does not attach, and says which (I-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  try {
    static_cast<void>(rt.channels().receiver<std::string>(tx.id()));
    FAIL("it attached");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == errc::type_mismatch);
    CHECK_THAT(error.what(), Catch::Contains("carries int, not std::"));
  }
  CHECK(tx.info().receiver_handles == 1);
  // What did not attach kept nothing alive.
  const auto id = tx.id();
  tx = {};
  rx = {};
  CHECK(thrown([&] { rt.find(id); }) == errc::not_found);
}

TEST_CASE("an end attached after the last one went says closed (I-03, S-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  const auto id = tx.id();
  tx = {};
  {
    auto late = rt.channels().sender<int>(id);
    CHECK(late.try_send(2).closed());
    CHECK(late.id() == id);
    CHECK(late.close_record().reason == close_reason::finished);
    CHECK(rx.info().sender_handles == 0);
  }
  CHECK(rt.channels().receiver<int>(id).try_receive().value() == 1);
  CHECK(rx.is_closed());
}

TEST_CASE("ends of owned channels attach by id, too (I-03, I-06)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  auto other_tx = levada::attach_owned_sender<int>(rt, tx.id());
  auto other_rx = levada::attach_owned_receiver<int>(rt, tx.id());
  CHECK(other_tx == tx);
  CHECK(other_rx == rx);
  REQUIRE(other_tx.try_send(1));
  CHECK(word(other_rx.try_receive()) == "1");
  CHECK(thrown([&] { static_cast<void>(rt.channels().receiver<int>(tx.id())); })
        == errc::type_mismatch);
  CHECK(thrown([&] {
          static_cast<void>(levada::attach_owned_sender<long>(rt, tx.id()));
        })
        == errc::type_mismatch);
}

TEST_CASE("attaching while the last handle goes gives an end or an error") {
  runtime rt{{.workers = 1}};
  for (int i = 0; i < 1000; ++i) {
    auto ends = make_channel<int>(rt, {.capacity = 1});
    const auto id = ends.tx.id();
    std::atomic<int> wrong{0};
    {
      std::jthread attaching{[&] {
        try {
          auto tx = rt.channels().sender<int>(id);
          wrong += tx.id() == id ? 0 : 1;
          static_cast<void>(tx.try_send(1));
        } catch (const levada::channel_not_found&) { // it was too late
        }
      }};
      ends = {};
    }
    REQUIRE(wrong == 0);
    REQUIRE(rt.channels().empty());
  }
}

template <class A, class B>
concept comparable = requires(const A& a, const B& b) { a == b; };

TEST_CASE("the two ends of a channel are not comparable (I-04)") {
  STATIC_REQUIRE(comparable<sender<int>, sender<int>>);
  STATIC_REQUIRE(comparable<receiver<int>, receiver<int>>);
  STATIC_REQUIRE_FALSE(comparable<sender<int>, receiver<int>>);
  STATIC_REQUIRE_FALSE(
    comparable<levada::weak_sender<int>, levada::weak_receiver<int>>);
  STATIC_REQUIRE_FALSE(comparable<owned_sender<int>, owned_receiver<int>>);
  STATIC_REQUIRE(comparable<owned_sender<int>, owned_sender<int>>);
}

TEST_CASE("equal ends have equal hashes (I-04)") {
  runtime rt{{.workers = 1}};
  auto a = make_channel<int>(rt);
  auto b = make_channel<int>(rt);
  std::unordered_set<sender<int>> senders{a.tx, b.tx, a.tx,
                                          rt.channels().sender<int>(a.tx.id())};
  CHECK(senders.size() == 2);
  CHECK(senders.contains(a.tx));
  std::unordered_set<receiver<int>> receivers{a.rx, a.rx};
  CHECK(receivers.size() == 1);
  CHECK(std::hash<levada::weak_sender<int>>{}(a.tx.downgrade())
        == std::hash<levada::weak_sender<int>>{}(a.tx.downgrade()));
  auto owned = make_owned_channel<int>(rt);
  owner o{"o"};
  std::unordered_set<owned_sender<int>> theirs{owned.tx, owned.tx.owned_by(o)};
  CHECK(theirs.size() == 1);
  std::unordered_set<owned_receiver<int>> readers{owned.rx,
                                                  owned.rx.owned_by(o)};
  CHECK(readers.size() == 1);
}

TEST_CASE("ends of owned channels travel through channels (I-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<int>(rt);
  auto carrier = make_owned_channel<owned_receiver<int>>(rt);
  auto other = make_owned_channel<owned_sender<int>>(rt);
  REQUIRE(carrier.tx.try_send(rx));
  REQUIRE(other.tx.try_send(tx));
  auto got_rx = carrier.rx.try_receive();
  auto got_tx = other.rx.try_receive();
  CHECK(*got_rx == rx);
  CHECK(*got_tx == tx);
  REQUIRE(got_tx->try_send(3));
  CHECK(word(got_rx->try_receive()) == "3");
}

TEST_CASE("what is received is another object than what was sent (I-14)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::vector<int>>(rt, {.capacity = 1});
  std::vector<int> mine{1, 2, 3};
  REQUIRE(tx.try_send(mine));
  auto got = rx.try_receive();
  REQUIRE(got);
  CHECK(*got == mine);
  CHECK(got->data() != mine.data());
  got->at(0) = 9;
  CHECK(mine == std::vector<int>{1, 2, 3});
}

template <class Tx, class... Args>
concept tries = requires(const Tx& tx, Args... args) { tx.try_send(args...); };

TEST_CASE("a send that never waits takes no time limit (I-12)") {
  STATIC_REQUIRE(tries<sender<int>, int>);
  STATIC_REQUIRE_FALSE(tries<sender<int>, int, std::chrono::seconds>);
  STATIC_REQUIRE(tries<owned_sender<int>, int>);
  STATIC_REQUIRE_FALSE(tries<owned_sender<int>, int, std::chrono::seconds>);
}

namespace {

/// Refuses to be moved when it is told to.
struct unwilling {
  bool refuses = false;
  explicit unwilling(bool refuses) : refuses(refuses) {
  }
  unwilling(unwilling&& other) : refuses(other.refuses) {
    if (refuses)
      throw std::length_error{"too large"};
  }
};

} // namespace

TEST_CASE(
  "what cannot be sent is an error at the send, and the queue is as it was "
  "(I-15)") {
  STATIC_REQUIRE_FALSE(tries<sender<int>, std::string>);
  STATIC_REQUIRE_FALSE(tries<owned_sender<int>, std::string>);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<std::unique_ptr<unwilling>>(rt);
  auto direct = make_owned_channel<unwilling>(rt);
  REQUIRE(direct.tx.try_send(unwilling{false}));
  CHECK_THROWS_AS(direct.tx.try_send(unwilling{true}), std::length_error);
  CHECK(direct.rx.size() == 1);
  CHECK(direct.rx.stats().sent == 1);
  CHECK(direct.rx.try_receive().has_value());
  CHECK(conserved(direct.rx.stats()));
}
