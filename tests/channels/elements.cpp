// Items of every kind pass through every kind of channel: moved and destroyed as
// often as they must be, and never under a lock.
#include <array>
#include <cstdint>

#include "support.hpp"

using namespace levada_tests;

namespace {

struct without_default {
  explicit without_default(int v) : value(v) {
  }
  int value;
};

struct copy_only {
  explicit copy_only(int v) : value(v) {
  }
  copy_only(const copy_only&) = default;
  copy_only& operator=(const copy_only&) = default;
  int value;
};

template <std::size_t Alignment>
struct alignas(Alignment) aligned {
  explicit aligned(int v) : value(v) {
  }
  int value;
  bool in_place() const {
    return reinterpret_cast<std::uintptr_t>(this) % Alignment == 0;
  }
};

template <std::size_t Size>
struct large {
  explicit large(int v) : value(v) {
    rest.fill(static_cast<char>(v));
  }
  int value;
  std::array<char, Size - sizeof(int)> rest;
};

// A sanitizer's frames would hold several of these on a stack of 8 MiB.
#ifdef LEVADA_SANITIZED
constexpr std::size_t huge = 128 * 1024;
#else
constexpr std::size_t huge = 1024 * 1024;
#endif

struct empty_item {
  explicit empty_item(int v) : value(v) {
  }
  [[no_unique_address]] levada::unit nothing;
  int value;
};

/// Sends items 0 … 19 through one channel, as a task and as a thread.
template <class T>
void pass_through(const flavour& kind) {
  INFO(kind);
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<T>(rt, kind.options<T>());
  auto sending = rt.spawn(
    [](sender<T> out) -> task<int> {
      int went = 0;
      for (int i = 0; i < 10; ++i) {
        auto sent = co_await out.emplace(i);
        went += sent ? 1 : 0;
      }
      co_return went;
    },
    tx);
  for (int i = 0; i < 10; ++i)
    CHECK(rx.blocking_receive().value().value == i);
  CHECK(sending.blocking_join() == 10);
  auto receiving = rt.spawn(
    [](receiver<T> in) -> task<int> {
      int sum = 0;
      while (auto v = co_await in.receive())
        sum += v->value;
      co_return sum;
    },
    rx);
  for (int i = 0; i < 10; ++i)
    CHECK(tx.blocking_send(T(i)));
  tx.close();
  CHECK(receiving.blocking_join() == 45);
  CHECK(tx.try_send(T(7)).take().value == 7);
}

/// Counts its objects.
struct counted {
  explicit counted(std::atomic<int>& counter, int v = 0)
      : alive(&counter),
        value(v) {
    ++*alive;
  }
  counted(counted&& other) noexcept : alive(other.alive), value(other.value) {
    ++*alive;
  }
  ~counted() {
    --*alive;
  }
  std::atomic<int>* alive;
  int value;
};

} // namespace

TEMPLATE_TEST_CASE("items of every kind pass, buffered and not", "",
                   without_default, copy_only, empty_item, aligned<32>,
                   aligned<64>, aligned<4096>, large<100>, large<32 * 1024>,
                   large<huge>) {
  for (const auto& kind : waiting_flavours())
    pass_through<TestType>(kind);
}

TEMPLATE_TEST_CASE("an over-aligned item is aligned wherever it is", "",
                   aligned<32>, aligned<64>, aligned<4096>) {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<TestType>(rt, {.capacity = 4});
  for (int i = 0; i < 3; ++i)
    REQUIRE(tx.try_send(TestType(i)));
  for (int i = 0; i < 2; ++i) {
    auto got = rx.try_receive();
    CHECK(got.value().in_place());
    CHECK(got->value == i);
  }
  rt.block_on([&rx = rx]() -> task<> {
    auto got = co_await rx.receive();
    CHECK(got.value().in_place());
  });
  tx.close();
  CHECK(tx.try_send(TestType(1)).value().in_place());
}

TEST_CASE("an empty item is a signal, its count is kept (G-13)") {
  const auto kind = GENERATE(from_range(waiting_flavours()));
  INFO(kind);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<levada::unit>(rt, kind.options<levada::unit>());
  auto sending = rt.spawn(
    [](sender<levada::unit> out) -> task<> {
      for (int i = 0; i < 100; ++i) {
        auto sent = co_await out.send(levada::unit());
        (void)sent;
      }
    },
    std::move(tx));
  int count = 0;
  for (auto& each : rx.blocking())
    count += each == levada::unit() ? 1 : 0;
  CHECK(count == 100);
  sending.blocking_join();
}

TEST_CASE(
  "every object that is made is destroyed once, whatever becomes of "
  "it") {
  std::atomic<int> alive{0};
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<counted>(rt, {.capacity = 3});
    for (int i = 0; i < 3; ++i)
      REQUIRE(tx.try_send(counted(alive, i)));
    CHECK(tx.try_send(counted(alive)).full());
    CHECK(alive == 3);
    CHECK(rx.try_receive().value().value == 0);
    CHECK(alive == 2);
    CHECK(tx.force_send(counted(alive, 3)) == std::nullopt);
    CHECK(tx.force_send(counted(alive, 4))->value == 1);
    CHECK(alive == 3);
    CHECK(rx.drain().size() == 3);
    CHECK(alive == 0);
    std::stop_source stop;
    REQUIRE(tx.try_send(counted(alive, 1)));
    auto waiting = rt.spawn(
      [](sender<counted> out, std::atomic<int>* counter,
         std::stop_token token) -> task<> {
        auto sent = co_await out.send_and_wait(counted(*counter, 5), token);
        CHECK(sent.value().value == 5);
      },
      tx, &alive, stop.get_token());
    until([&] { return tx.size() == 2; });
    stop.request_stop();
    waiting.blocking_join();
    CHECK(alive == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("what is left in a channel is destroyed with it, also unbounded") {
  std::atomic<int> alive{0};
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<counted>(rt, {.capacity = levada::unbounded});
    for (int i = 0; i < 100; ++i)
      REQUIRE(tx.try_send(counted(alive, i)));
    CHECK(alive == 100);
  }
  CHECK(alive == 0);
}
