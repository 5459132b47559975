// Capacities: what they may be, and what waits when.
#include <atomic>
#include <limits>

#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "a buffered send waits if and only if the buffer is full (G-04, "
  "J-09)") {
  const auto capacity = GENERATE(1, 2, 16);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  auto filling = rt.spawn(send_numbers, tx, 0, capacity);
  CHECK(filling.blocking_join() == capacity);
  CHECK(tx.size() == static_cast<std::size_t>(capacity));
  auto one_more = rt.spawn(send_numbers, tx, capacity, capacity + 1);
  until_senders_wait(tx, 1);
  CHECK_FALSE(one_more.done());
  CHECK(rx.try_receive().value() == 0);
  CHECK(one_more.blocking_join() == 1);
}

TEST_CASE("a receive waits if and only if nothing is there (G-04)") {
  const auto kind = GENERATE(from_range(all_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  CHECK(rx.try_receive().empty());
  auto receiving = rt.spawn(
    [](receiver<int> in) -> task<int> {
      auto got = co_await in.receive();
      co_return got.value();
    },
    rx);
  until_receivers_wait(rx, 1);
  REQUIRE(tx.try_send(3));
  CHECK(receiving.blocking_join() == 3);
  CHECK(rx.try_receive().empty());
}

TEST_CASE("size counts what is buffered, not who waits (G-10, F-12, I-09)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  CHECK(tx.size() == 0);
  CHECK(rx.capacity() == 2);
  REQUIRE(tx.try_send(1));
  CHECK(rx.size() == 1);
  REQUIRE(tx.try_send(2));
  auto parked = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 1);
  CHECK(tx.size() == 2);
  CHECK(rx.size() == 2);
  CHECK(tx.stats().waiting == 1);
  CHECK(rx.drain() == numbers(1, 4));
  CHECK(parked.blocking_join() == 1);
}

TEST_CASE(
  "a capacity that makes no sense is refused where it is made "
  "(G-01)") {
  runtime rt{{.workers = 1}};
  const auto refuses = [&](levada::channel_capacity capacity) {
    try {
      make_channel<int>(rt, {.capacity = capacity});
    } catch (const levada::channel_error& error) {
      return error.code() == errc::invalid_argument;
    }
    return false;
  };
  CHECK(refuses(-1));
  CHECK(refuses(std::numeric_limits<int>::min()));
  CHECK(refuses(std::numeric_limits<std::int64_t>::min()));
  CHECK(refuses(std::int64_t{1} << 40));
  CHECK(refuses(std::numeric_limits<std::uint64_t>::max()));
  CHECK(refuses((std::uint64_t{1} << 31) + 1));
  CHECK_FALSE(refuses(std::uint64_t{1} << 31));
  CHECK(rt.channels().empty());
}

TEST_CASE("a huge capacity costs nothing until it is used (G-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 1U << 31});
  CHECK(tx.capacity() == std::size_t{1} << 31);
  REQUIRE(tx.try_send("a"));
  CHECK(rx.try_receive().value() == "a");
}

TEST_CASE("an unbounded channel never makes a sender wait (I-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = levada::unbounded});
  CHECK(tx.capacity() == SIZE_MAX);
  for (int i = 0; i < 100'000; ++i)
    if (!tx.try_send(i))
      FAIL("an unbounded channel refused item " << i);
  CHECK(rx.size() == 100'000);
  CHECK(rx.drain() == numbers(0, 100'000));
}

TEST_CASE(
  "the buffer keeps its order while it grows, wraps and shrinks "
  "(G-05)") {
  const auto kind = GENERATE(flavour{"unbounded", levada::unbounded},
                             flavour{"capacity 20000", 20'000});
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, kind.options<int>());
  int next_in = 0;
  int next_out = 0;
  for (int round = 1; round < 14; ++round) {
    // Sizes around every power of two, with the head somewhere in the middle.
    for (int i = 0; i < (1 << round) + round; ++i)
      if (!tx.try_send(next_in++))
        FAIL("no room");
    const bool all = round % 4 == 0;
    for (int i = 0; i < (1 << round) - round; ++i)
      if (rx.try_receive().value() != next_out++)
        FAIL("out of order at " << next_out - 1);
    while (all && next_out < next_in)
      if (rx.try_receive().value() != next_out++)
        FAIL("out of order at " << next_out - 1);
  }
  while (next_out < next_in)
    if (rx.try_receive().value() != next_out++)
      FAIL("out of order at " << next_out - 1);
  CHECK(rx.try_receive().empty());
  CHECK(conserved(rx.stats()));
}

TEST_CASE("capacity is exact, not rounded (G-01)") {
  const auto capacity = GENERATE(1, 3, 5, 7, 9, 100);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
  int fits = 0;
  while (tx.try_send(fits))
    ++fits;
  CHECK(fits == capacity);
  CHECK(tx.try_send(0).full());
  CHECK(rx.try_receive().value() == 0);
  CHECK(tx.try_send(fits));
  CHECK(tx.try_send(0).full());
}

TEST_CASE("no crowd gets more into a channel than it holds (S-23)") {
  constexpr int capacity = 7;
  runtime rt{{.workers = 1}};
  for (int round = 0; round < 200; ++round) {
    auto [tx, rx] = make_channel<int>(rt, {.capacity = capacity});
    std::atomic<int> went{0};
    {
      std::vector<std::jthread> crowd;
      for (int i = 0; i < 4; ++i)
        crowd.emplace_back([&went, out = tx] {
          for (int n = 0; n < capacity; ++n)
            if (out.try_send(n))
              ++went;
        });
    }
    REQUIRE(went == capacity);
    REQUIRE(rx.size() == capacity);
    REQUIRE(rx.drain().size() == capacity);
  }
}

TEST_CASE("name, id, capacity and state are told in words (F-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "numbers", .capacity = 10});
  REQUIRE(tx.try_send(1));
  CHECK(tx.name() == "numbers");
  CHECK(rx.name() == "numbers");
  const auto text = to_string(rx.info());
  CHECK(text.find("\"numbers\"") != std::string::npos);
  CHECK(text.find("open") != std::string::npos);
  CHECK(text.find("1/10 buffered") != std::string::npos);
  tx.close();
  CHECK(to_string(rx.info()).find("closing") != std::string::npos);
  CHECK(rx.try_receive());
  CHECK(to_string(rx.info()).find(": closed") != std::string::npos);
}
