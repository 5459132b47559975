// Items that throw, send or close while they are moved or destroyed: it happens
// in the hands of the party that called, and never under a lock.
#include "support.hpp"

using namespace levada_tests;

namespace {

/// Throws when it is moved for the nth time.
struct fragile {
  explicit fragile(int moves, int v = 0) : moves_left(moves), value(v) {
  }
  fragile(fragile&& other) : moves_left(other.moves_left), value(other.value) {
    if (moves_left-- == 0)
      throw std::runtime_error("moved once too often");
  }
  int moves_left;
  int value;
};

} // namespace

TEST_CASE(
  "a move that throws hits the party that moves, the channel stays "
  "whole") {
  const auto kind = GENERATE(from_range(bounded_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<fragile>(rt, kind.options<fragile>());
  int went = 0;
  int received = 0;
  for (int moves = 0; moves < 12; ++moves) {
    try {
      auto sent = tx.try_send(fragile(moves, moves));
      went += sent ? 1 : 0;
    } catch (const std::runtime_error&) {
      CHECK(tx.stats().sent == static_cast<std::uint64_t>(went));
    }
    try {
      auto got = rx.try_receive();
      if (got) {
        CHECK(got->value == moves);
        ++received;
      }
    } catch (const std::runtime_error&) {
      ++received; // it counts as received
    }
    CHECK(tx.size() == 0);
    CHECK(conserved(tx.stats()));
    CHECK(tx.stats().received == static_cast<std::uint64_t>(received));
  }
  CHECK(went > 0);
  CHECK(went < 12);
}

TEST_CASE(
  "a move that throws in a task reaches the task, its partner is not "
  "stuck") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<fragile>(rt);
  auto receiving = rt.spawn(
    [](receiver<fragile> in) -> task<int> {
      int caught = 0;
      for (;;) {
        try {
          auto got = co_await in.receive();
          if (!got)
            break;
        } catch (const std::runtime_error&) {
          ++caught;
        }
      }
      co_return caught;
    },
    rx);
  auto sending = rt.spawn(
    [](sender<fragile> out) -> task<int> {
      int went = 0;
      for (int moves = 0; moves < 12; ++moves) {
        auto sent = co_await out.emplace(moves);
        went += sent ? 1 : 0;
      }
      co_return went;
    },
    std::move(tx));
  CHECK(sending.blocking_join() == 12);
  const auto caught = receiving.blocking_join();
  CHECK(caught > 0);
  CHECK(caught < 12);
}

namespace {

/// Uses its own channel whenever it is moved.
struct meddler {
  explicit meddler(sender<meddler> to, int depth)
      : out(std::move(to)),
        left(depth) {
  }
  meddler(meddler&& other) : out(other.out), left(0) {
    if (std::exchange(other.left, 0) > 0) {
      static_cast<void>(out.size());
      static_cast<void>(out.try_send(meddler(sender<meddler>{}, 0)));
      static_cast<void>(out.info());
    }
  }
  sender<meddler> out;
  int left;
};

/// Closes its channel when it is destroyed.
struct closer {
  explicit closer(sender<closer> to) : out(std::move(to)) {
  }
  closer(closer&& other) noexcept : out(std::move(other.out)) {
  }
  ~closer() {
    if (out)
      out.close();
  }
  sender<closer> out;
};

} // namespace

TEST_CASE("an item whose move sends on the same channel does not hang it") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<meddler>(rt, kind.options<meddler>());
  for (int i = 0; i < 5; ++i) {
    static_cast<void>(tx.try_send(meddler(tx, 1)));
    static_cast<void>(rx.try_receive());
    static_cast<void>(rx.drain());
  }
  CHECK(conserved(tx.stats()));
  rx = {};
  tx.close();
}

TEST_CASE("an item whose destructor closes its channel does not hang it") {
  const auto policy
    = GENERATE(overflow::wait, overflow::drop_oldest, overflow::drop_incoming,
               overflow::drop_newest_queued);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<closer>(rt, {.capacity = 2, .on_full = policy});
  REQUIRE(tx.try_send(closer(tx)));
  REQUIRE(tx.try_send(closer(tx)));
  CHECK_FALSE(tx.is_closed());
  SECTION("received") {
    static_cast<void>(rx.try_receive());
  }
  SECTION("dropped for another one, or refused") {
    static_cast<void>(tx.try_send(closer(tx)));
  }
  SECTION("drained") {
    CHECK(rx.drain().size() == 2);
  }
  SECTION("with the last receiver") {
    rx = {};
  }
  SECTION("destroyed through the registry") {
    rt.destroy(tx.id());
  }
  CHECK(tx.is_closed());
  CHECK(conserved(tx.stats()));
}
