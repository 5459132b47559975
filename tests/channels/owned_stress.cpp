// Owned channels while owners die: every item ends exactly once.
#include "duel.hpp"
#include "owned_support.hpp"

#include <optional>

#include <levada/channels/owned.hpp>

using namespace levada_tests;

namespace {

/// As many rounds of a duel as decide: until each side was first a few times.
class contest {
public:
  bool undecided() const {
    return here_ + there_ < 20
           || (std::min(here_, there_) < 5 && here_ + there_ < 1000);
  }
  void won(duel& between, bool by_here) {
    between.won(by_here);
    ++(by_here ? here_ : there_);
  }
  int there() const {
    return there_;
  }
  int rounds() const {
    return here_ + there_;
  }

private:
  int here_ = 0;
  int there_ = 0;
};

/// Where every item went. Each of them is to end in exactly one way.
class ledger {
public:
  explicit ledger(int items) : ends_(static_cast<std::size_t>(items)) {
  }
  void ended(int item) {
    ++ends_[static_cast<std::size_t>(item)];
    ++total_;
  }
  int total() const {
    return total_;
  }
  int wrong() const {
    int result = 0;
    for (const auto& each : ends_)
      result += each == 1 ? 0 : 1;
    return result;
  }

private:
  std::vector<std::atomic<int>> ends_;
  std::atomic<int> total_{0};
};

/// Sends its share, in one of the ways there are; an item that comes back is
/// offered no more. `begun` counts what it has begun to send.
task<> produce(owned_sender<int> out, ledger* book, int first, int count,
               std::atomic<int>* begun) {
  for (int i = 0; i < count; ++i) {
    ++*begun;
    const int item = first + i;
    const auto how = static_cast<owner_gone>(item % 4);
    bool back = false;
    if (item % 5 == 0) {
      const levada::owned_send options{how};
      auto sent = co_await out.send_and_wait_for(item, 200us, options);
      back = sent.has_value();
    } else if (item % 5 == 1) {
      auto offer = levada::sending(out, item, levada::owned_send{how});
      auto never = levada::receiver<int>{};
      auto chosen = co_await levada::select(offer, never);
      back = chosen.index() == 0 && chosen.get<0>().has_value();
    } else {
      auto sent = co_await out.send(item, how);
      back = sent.has_value();
    }
    if (back)
      book->ended(item);
  }
}

/// Receives until the channel is closed and drained; its own owners' deaths do
/// not stop it.
task<int> consume(owned_receiver<int> in, ledger* book) {
  int marks = 0;
  int turn = 0;
  while (true) {
    if (++turn % 4 == 0) {
      // Slower than the senders, so that deaths find something.
      co_await levada::sleep_for(50us);
    } else if (turn % 3 == 0) {
      owner passing{"passing"};
      auto theirs = in.owned_by(passing);
      auto got = co_await theirs.receive_for(100us);
      if (got.has_value())
        book->ended(*got);
      else if (got)
        ++marks;
      continue;
    }
    auto got = co_await in.receive();
    if (!got)
      co_return marks;
    if (got.has_value())
      book->ended(*got);
    else
      ++marks;
  }
}

} // namespace

TEST_CASE(
  "whatever owners die, every item ends exactly once "
  "(I-30, I-31, I-32, I-33, I-37, N-04)",
  "[stress]") {
  const auto capacity
    = GENERATE(levada::channel_capacity{0}, levada::channel_capacity{1},
               levada::channel_capacity{7}, levada::unbounded);
  constexpr int producers = 4;
  constexpr int each = 3000;
  ledger book{producers * each};
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_owned_channel<int>(
    rt, {.capacity = capacity,
         .on_dead_letter
         = [&](int&& item, dead_letter_reason) { book.ended(item); }});
  // One owner that stays, so that no death closes the channel.
  const auto stays = owner::of(rt);
  REQUIRE(rx.owned_by(stays).try_receive().empty());
  std::vector<levada::join_handle<int>> consuming;
  for (int i = 0; i < 2; ++i)
    consuming.push_back(rt.spawn(consume, rx, &book));
  std::vector<std::jthread> lives;
  for (int p = 0; p < producers; ++p)
    lives.emplace_back([&rt, &tx = tx, &book, p] {
      // A life sends a few items, and dies while it does.
      constexpr int per_life = 30;
      for (int i = 0; i < each; i += per_life) {
        owner life{"life"};
        std::atomic<int> begun{0};
        auto sending = rt.spawn(produce, tx.owned_by(life), &book, p * each + i,
                                per_life, &begun);
        while (begun < 1 + (i / per_life + 7 * p) % per_life)
          std::this_thread::yield();
        life.end();
        sending.blocking_join();
      }
    });
  lives.clear();
  tx.close();
  int marks = 0;
  for (auto& one : consuming)
    marks += one.blocking_join();
  CHECK(book.total() == producers * each);
  CHECK(book.wrong() == 0);
  const auto stats = rx.stats();
  CHECK(conserved(stats));
  CHECK(stats.buffered == 0);
  CHECK(stats.waiting == 0);
  INFO(marks);
  CHECK(tx.associations().size() == 1); // the dead are forgotten
}

TEST_CASE(
  "the last owner's death and a send in another's name meet: the channel "
  "closes or not, nothing is lost (I-29, S-06)",
  "[stress]") {
  runtime rt{{.workers = 1}};
  std::optional<owner> first;
  duel dying{[&first] { first->end(); }};
  contest rounds;
  while (rounds.undecided()) {
    std::atomic<int> letters{0};
    auto [tx, rx] = make_owned_channel<int>(
      rt, {.owner_gone = owner_gone::replace,
           .on_dead_letter = [&](int&&, dead_letter_reason) { ++letters; }});
    first.emplace("first");
    const owner second{"second"};
    REQUIRE(tx.owned_by(*first).try_send(1));
    const auto other = tx.owned_by(second);
    bool sent = false;
    dying.run([&] { sent = static_cast<bool>(other.try_send(2)); });
    rounds.won(dying, sent);
    // Either the send came first and keeps it open, or it met a closed channel.
    REQUIRE(tx.is_closed() == !sent);
    const auto left = words(rx);
    REQUIRE(left == (sent ? list{"unbound", "2"} : list{}));
    REQUIRE(letters == 1);
    REQUIRE(conserved(rx.stats()));
  }
}

TEST_CASE(
  "an owner's death and its own send meet: no item of it is left that is to "
  "be removed (I-32, N-04)",
  "[stress]") {
  runtime rt{{.workers = 1}};
  std::optional<owner> life;
  duel dying{[&life] { life->end(); }};
  contest rounds;
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::remove});
  REQUIRE(rx.try_receive().empty()); // (a use: the channel stays open)
  while (rounds.undecided()) {
    life.emplace("life");
    const auto mine = tx.owned_by(*life);
    bool sent = false;
    bool released = false;
    dying.run([&] {
      auto result = mine.try_send(1);
      sent = static_cast<bool>(result);
      released = result.error() == errc::owner_released;
    });
    rounds.won(dying, sent);
    REQUIRE(sent != released);
    REQUIRE(rx.size() == 0);
  }
  CHECK(rx.stats().dead_lettered
        == static_cast<std::uint64_t>(rounds.rounds() - rounds.there()));
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "binding to an owner and its death meet: the binding is refused or its "
  "items are treated (N-04)",
  "[stress]") {
  runtime rt{{.workers = 1}};
  std::optional<owner> life;
  duel dying{[&life] { life->end(); }};
  contest rounds;
  auto [tx, rx]
    = make_owned_channel<int>(rt, {.owner_gone = owner_gone::remove});
  REQUIRE(rx.try_receive().empty());
  while (rounds.undecided()) {
    life.emplace("life");
    bool sent = false;
    dying.run([&, &tx = tx] {
      const auto mine = tx.owned_by(*life);
      sent = static_cast<bool>(mine.try_send(1));
    });
    rounds.won(dying, sent);
    REQUIRE(rx.size() == 0);
    REQUIRE(tx.associations().size() == 1);
  }
}
