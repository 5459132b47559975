// broadcast: items whose copying, moving and destroying is somebody's code.
#include <memory>

#include "broadcast_support.hpp"

using namespace levada_tests;

namespace {

/// Counts what is done to it.
struct counted {
  struct counts {
    int copies = 0;
    int moves = 0;
    int alive = 0;
  };

  explicit counted(counts& in) : in(&in) {
    ++in.alive;
  }
  counted(const counted& other) : in(other.in) {
    ++in->copies;
    ++in->alive;
  }
  counted(counted&& other) noexcept : in(other.in) {
    ++in->moves;
    ++in->alive;
  }
  ~counted() {
    --in->alive;
  }

  counts* in;
};

/// Its copies throw when told to.
struct fragile {
  explicit fragile(int value, bool* throws) : value(value), throws(throws) {
  }
  fragile(const fragile& other) : value(other.value), throws(other.throws) {
    if (*throws)
      throw std::runtime_error{"not to be copied"};
  }
  fragile(fragile&&) noexcept = default;

  int value;
  bool* throws;
};

/// Uses the broadcast it travels in when it is destroyed.
struct talkative {
  explicit talkative(broadcast_sender<talkative>* to, int* heard)
      : to(to),
        heard(heard) {
  }
  talkative(const talkative&) = default;
  ~talkative() {
    if (to == nullptr)
      return;
    ++*heard;
    to->receiver_count();
    auto sent = to->try_send(talkative{nullptr, heard});
    if (!sent && !sent.closed())
      *heard = -1000;
  }

  broadcast_sender<talkative>* to;
  int* heard;
};

struct alignas(64) aligned {
  int value;
};

struct fat {
  int values[4096];
};

} // namespace

TEST_CASE("one object serves all receivers, the last one moves it (X-10)") {
  counted::counts counts;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_broadcast<counted>(rt);
    auto second = tx.subscribe();
    auto third = tx.subscribe();
    auto sent = rt.block_on(
      [](broadcast_sender<counted> out, counted::counts* in) -> task<bool> {
        auto went = co_await out.emplace(*in);
        co_return static_cast<bool>(went);
      },
      tx, &counts);
    REQUIRE(sent);
    CHECK(counts.copies == 0);
    CHECK(counts.moves == 0);
    CHECK(counts.alive == 1);
    REQUIRE(rx.try_receive());
    REQUIRE(second.try_receive());
    CHECK(counts.copies == 2);
    tx.close(); // the latest is no more remembered: one reference is left
    CHECK(counts.copies == 2);
    auto last = third.try_receive();
    REQUIRE(last);
    CHECK(counts.copies == 2);
    CHECK(counts.moves > 0);
    CHECK(counts.alive == 1);
  }
  CHECK(counts.alive == 0);
}

TEST_CASE(
  "a copy that throws is thrown to the receiver that makes it, and only "
  "there (F-07)") {
  runtime rt{{.workers = 1}};
  bool throws = false;
  auto [tx, rx] = make_broadcast<fragile>(rt);
  auto second = tx.subscribe();
  REQUIRE(tx.try_send(fragile{1, &throws}));
  REQUIRE(tx.try_send(fragile{2, &throws}));
  throws = true;
  CHECK_THROWS_AS(rx.try_receive(), std::runtime_error);
  throws = false;
  CHECK(rx.try_receive()->value == 2); // the first one counts as received
  CHECK(second.try_receive()->value == 1);
  CHECK(second.try_receive()->value == 2);
  CHECK(rx.stats().received == 2);
  CHECK(conserved(rx.stats()));
}

TEST_CASE(
  "destructors of dropped items may use the broadcast: no lock is held "
  "(F-09)") {
  runtime rt{{.workers = 1}};
  int heard = 0;
  {
    auto [tx, rx] = make_broadcast<talkative>(rt, {.capacity = 1});
    auto second = tx.subscribe({.capacity = 2});
    heard = 0;
    for (int i = 0; i < 3; ++i)
      REQUIRE(tx.try_send(talkative{&tx, &heard}));
    CHECK(heard > 0);
    second.close();
    rx.close();
    tx.close();
  }
  CHECK(heard > 0);
}

TEST_CASE(
  "items dropped for a sender that waited are destroyed by that sender "
  "(F-09, B-12)") {
  runtime rt{{.workers = 1}};
  levada::broadcast_options<std::string> options;
  std::thread::id where{};
  options.on_dead_letter = [&where](std::string&&, levada::dead_letter_reason) {
    where = std::this_thread::get_id();
  };
  auto [tx, rx] = make_broadcast<std::string>(rt, options);
  auto hasty = tx.subscribe({.capacity = 1});
  rx.close();
  auto slow = tx.subscribe({.capacity = 1, .overflow = overflow::wait});
  REQUIRE(tx.try_send("one"));
  auto parked = rt.spawn(
    [](broadcast_sender<std::string> out) -> task<std::thread::id> {
      auto sent = co_await out.send("two");
      co_return sent ? std::this_thread::get_id() : std::thread::id{};
    },
    tx);
  until_senders_wait(tx, 1);
  REQUIRE(
    slow.try_receive()); // on this thread: makes room, drops hasty's "one"
  const auto task_thread = parked.blocking_join();
  CHECK(task_thread != std::this_thread::get_id());
  CHECK(where == task_thread);
  CHECK(hasty.try_receive().lagged() == 1);
}

TEST_CASE("large and over-aligned items travel, aligned") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<aligned>(rt);
  auto second = tx.subscribe();
  REQUIRE(tx.try_send(aligned{7}));
  auto one = rx.try_receive();
  auto two = second.try_receive();
  REQUIRE(one);
  REQUIRE(two);
  CHECK(reinterpret_cast<std::uintptr_t>(&*one) % 64 == 0);
  CHECK(one->value == 7);
  CHECK(two->value == 7);
  auto wide = make_broadcast<fat>(rt);
  auto item = std::make_unique<fat>();
  item->values[4095] = 9;
  REQUIRE(wide.tx.try_send(*item));
  CHECK(wide.rx.try_receive()->values[4095] == 9);
}

TEST_CASE(
  "a shared_ptr, a string and a vector reach all receivers unharmed "
  "(F-13)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<std::vector<std::string>>(rt);
  auto second = tx.subscribe();
  const std::vector<std::string> item{"a long enough string to be allocated",
                                      ""};
  REQUIRE(tx.try_send(item));
  CHECK(rx.try_receive().value() == item);
  CHECK(second.try_receive().value() == item);
}

TEST_CASE("a value that cannot be sent comes back whole (B-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<std::string>(
    rt, {.capacity = 1, .overflow = overflow::wait});
  REQUIRE(tx.try_send("one"));
  auto full = tx.try_send("a long enough string to be allocated");
  CHECK(full.full());
  CHECK(full.take() == "a long enough string to be allocated");
  tx.close();
  CHECK(tx.try_send("two").take() == "two");
}
