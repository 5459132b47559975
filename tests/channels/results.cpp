// What operations return, and what results throw when asked for what is not
// there.
#include <optional>

#include "support.hpp"

using namespace levada_tests;

TEST_CASE("a send says how it was settled (X-12, I-11)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx]
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::drop_oldest});
  CHECK(tx.try_send(1).status() == send_status::queued);
  CHECK(tx.try_send(2).status() == send_status::replaced);
  CHECK(rx.try_receive().value() == 2);
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  CHECK(tx.try_send(3).status() == send_status::delivered);
  tx.close();
  CHECK(tx.try_send(4).status() == send_status::failed);
  CHECK(receiving.blocking_join() == numbers(3, 4));

  auto dropping = make_channel<int>(
    rt, {.capacity = 1, .on_full = overflow::drop_incoming});
  REQUIRE(dropping.tx.try_send(1));
  const auto dropped = dropping.tx.try_send(2);
  CHECK(dropped);
  CHECK(dropped.status() == send_status::dropped);
  CHECK_FALSE(dropped.has_value());
}

TEST_CASE(
  "a send that succeeded holds no value, one that failed holds it "
  "(B-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 1});
  auto went = tx.try_send(std::make_unique<int>(1));
  CHECK(went);
  CHECK_FALSE(went.has_value());
  CHECK_FALSE(went.error());
  auto full = tx.try_send(std::make_unique<int>(2));
  REQUIRE(full.full());
  REQUIRE(full.has_value());
  CHECK(*full.value() == 2);
  auto mine = full.take();
  CHECK(*mine == 2);
  CHECK_FALSE(full.has_value());
  tx.close();
  auto closed = tx.try_send(std::move(mine));
  REQUIRE(closed.closed());
  CHECK(*closed.take() == 2);
}

TEST_CASE("empty, closed and a value are three different things (I-17)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto empty = rx.try_receive();
  CHECK(empty.empty());
  CHECK_FALSE(empty.closed());
  CHECK(empty.error() == errc::empty);
  REQUIRE(tx.try_send(0));
  const auto value = rx.try_receive();
  CHECK(value);
  CHECK(*value == 0);
  CHECK_FALSE(value.error());
  tx.close();
  const auto closed = rx.try_receive();
  CHECK(closed.closed());
  CHECK_FALSE(closed.empty());
}

TEST_CASE("value_or gives the default only when nothing is there (I-17)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::string>(rt, {.capacity = 1});
  CHECK(rx.try_receive().value_or("nothing") == "nothing");
  REQUIRE(tx.try_send(""));
  CHECK(rx.try_receive().value_or("nothing").empty());
}

TEST_CASE("an empty optional, a null pointer and zero are data (F-13, J-05)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::optional<int>>(rt, {.capacity = 3});
  REQUIRE(tx.try_send(std::nullopt));
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(std::nullopt));
  tx.close();
  const auto all = rt.block_on(collect<std::optional<int>>, rx);
  REQUIRE(all.size() == 3);
  CHECK_FALSE(all[0].has_value());
  CHECK(all[1] == 1);
  CHECK_FALSE(all[2].has_value());

  auto pointers = make_channel<int*>(rt, {.capacity = 1});
  REQUIRE(pointers.tx.try_send(nullptr));
  auto null = pointers.rx.try_receive();
  REQUIRE(null);
  CHECK(*null == nullptr);
}

TEST_CASE("value() of a failed result throws the exception of its error") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  CHECK_THROWS_AS(rx.try_receive().value(), levada::channel_empty);
  CHECK_THROWS_AS(rx.blocking_receive_for(0s).value(),
                  levada::operation_timed_out);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(rx.blocking_receive(stop.get_token()).value(),
                  levada::operation_cancelled);
  CHECK_THROWS_AS(tx.try_send(1).check(), levada::channel_error);
  tx.close();
  CHECK_THROWS_AS(rx.try_receive().value(), levada::channel_closed);
  CHECK_THROWS_AS(tx.blocking_send(1).check(), levada::channel_closed);
}

TEST_CASE("everything that is thrown is a std::system_error of one category") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  try {
    static_cast<void>(rx.try_receive().value());
    FAIL("nothing was thrown");
  } catch (const std::system_error& error) {
    CHECK(error.code() == errc::empty);
    CHECK(error.code().category() == levada::category());
    CHECK(std::string{error.what()}.size() > 10);
  }
}

TEST_CASE("a move-only value is moved out of a result, not copied") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<int>>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(std::make_unique<int>(1)));
  REQUIRE(tx.try_send(std::make_unique<int>(2)));
  std::unique_ptr<int> a = *rx.try_receive();
  std::unique_ptr<int> b = rx.try_receive().value();
  CHECK(*a == 1);
  CHECK(*b == 2);
}

namespace {

/// Counts how many of it there are.
struct counted {
  explicit counted(int value, int* living) noexcept
      : value(value),
        living(living) {
    ++*living;
  }
  counted(const counted& other) noexcept
      : value(other.value),
        living(other.living) {
    ++*living;
  }
  counted& operator=(const counted&) = default;
  ~counted() {
    --*living;
  }

  int value;
  int* living;
};

using counted_result = levada::try_receive_result<counted>;

} // namespace

// A word for the error and the channel, and the value.
static_assert(sizeof(levada::receive_result<std::uint64_t>) == 16);

TEST_CASE("a result has its value exactly once, wherever it is put") {
  int living = 0;
  {
    counted_result one{std::in_place, 1, &living};
    counted_result none{levada::errc::empty};
    CHECK(living == 1);
    SECTION("copied") {
      counted_result copy{one};
      CHECK(living == 2);
      CHECK(copy->value == 1);
      counted_result of_none{none};
      CHECK(of_none.empty());
      CHECK(living == 2);
    }
    SECTION("moved") {
      counted_result moved{std::move(one)};
      CHECK(moved->value == 1);
      counted_result of_none{std::move(none)};
      CHECK(of_none.empty());
    }
    SECTION("assigned over none") {
      none = one;
      CHECK(living == 2);
      CHECK(none->value == 1);
    }
    SECTION("none assigned over it") {
      one = none;
      CHECK(living == 0);
      CHECK(one.empty());
      CHECK_FALSE(one.has_value());
    }
    SECTION("assigned over another") {
      counted_result two{std::in_place, 2, &living};
      one = std::move(two);
      CHECK(one->value == 2);
      CHECK(living == 2); // the one moved from is there until it goes
    }
    SECTION("assigned to itself") {
      auto& same = one;
      one = same;
      one = std::move(same);
      CHECK(one->value == 1);
      CHECK(living == 1);
    }
  }
  CHECK(living == 0);
}

TEST_CASE("a failed result that is assigned lets go of its channel") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  tx.close();
  auto failed = rx.blocking_receive();
  auto other = rx.blocking_receive();
  CHECK(failed.closed());
  other = std::move(failed);
  failed = levada::receive_result<int>{std::in_place, 7};
  CHECK(failed.value() == 7);
  CHECK(other.closed());
  CHECK_THROWS_AS(other.value(), levada::receiver_closed);
}
