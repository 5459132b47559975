// Bytes that are sent without being copied.
#include "owned_support.hpp"

#include <levada/channels/shared_buffer.hpp>

using namespace levada_tests;
using levada::shared_buffer;

TEST_CASE("a buffer is sent without a copy, and both ends see writes (I-13)") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<shared_buffer>(rt, {.capacity = 1});
  auto [answer_tx, answer_rx] = make_channel<int>(rt);
  auto worker = rt.spawn(
    [](receiver<shared_buffer> in, sender<int> out) -> task<const void*> {
      auto got = co_await in.receive();
      if (!got)
        co_return nullptr;
      auto bytes = got->bytes();
      const int seen = std::to_integer<int>(bytes[0]);
      bytes[1] = std::byte{42}; // seen at the other end after the answer
      auto sent = co_await out.send(seen);
      co_return sent ? static_cast<const void*>(got->data()) : nullptr;
    },
    rx, answer_tx);
  shared_buffer mine{16};
  mine.bytes()[0] = std::byte{7};
  REQUIRE(tx.blocking_send(mine));
  CHECK(answer_rx.blocking_receive().value() == 7);
  CHECK(mine.bytes()[1] == std::byte{42});
  CHECK(worker.blocking_join() == mine.data());
}

TEST_CASE("a buffer takes over a vector's memory (I-13)") {
  std::vector<double> numbers{1.5, 2.5, 3.5};
  const auto* where = numbers.data();
  const auto buffer = shared_buffer::from(std::move(numbers));
  CHECK(buffer.size() == 3 * sizeof(double));
  auto view = buffer.as<double>();
  CHECK(view.data() == where);
  CHECK(view[2] == 3.5);
  view[0] = 9;
  CHECK(buffer.as<const double>()[0] == 9);
}

TEST_CASE("the memory lives until its last view has gone (I-13)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<shared_buffer>(rt, {.capacity = 2});
  shared_buffer kept;
  {
    shared_buffer buffer{8};
    CHECK(buffer.views() == 1);
    REQUIRE(tx.try_send(buffer));
    REQUIRE(tx.try_send(buffer.slice(4, 4)));
    CHECK(buffer.views() == 3);
    buffer.bytes()[5] = std::byte{5};
    kept = buffer;
  }
  const auto whole = rx.try_receive();
  CHECK(kept.views() == 3);
  auto part = rx.try_receive();
  CHECK(part->size() == 4);
  CHECK(part->bytes()[1] == std::byte{5});
  CHECK(part->shares_memory_with(kept));
  CHECK_FALSE(part->shares_memory_with(shared_buffer{4}));
  rx = {};
  tx = {};
  CHECK(kept.views() == 3);
}

TEST_CASE("a buffer that nobody receives is freed with its channel (I-13)") {
  runtime rt{{.workers = 1}};
  shared_buffer buffer{8};
  {
    auto [tx, rx] = make_channel<shared_buffer>(rt, {.capacity = 2});
    REQUIRE(tx.try_send(buffer));
    CHECK(buffer.views() == 2);
  }
  CHECK(buffer.views() == 1);
}

TEST_CASE("buffers are zero at first, copied from bytes, or empty (I-13)") {
  const shared_buffer zero{100};
  CHECK(std::all_of(zero.bytes().begin(), zero.bytes().end(),
                    [](std::byte each) { return each == std::byte{0}; }));
  CHECK(reinterpret_cast<std::uintptr_t>(zero.data())
          % alignof(std::max_align_t)
        == 0);
  const std::string text = "text";
  const auto copy = shared_buffer::copy_of(std::as_bytes(std::span{text}));
  CHECK(copy.size() == 4);
  CHECK(std::to_integer<char>(copy.bytes()[0]) == 't');
  const shared_buffer none;
  CHECK(none.empty());
  CHECK(none.as<int>().empty());
  CHECK(none.slice(0, 0).empty());
  CHECK(shared_buffer::copy_of({}).empty());
  CHECK(shared_buffer::from(std::vector<int>{}).empty());
}

TEST_CASE("a typed view or a slice that does not fit is refused (I-13)") {
  const shared_buffer buffer{10};
  CHECK(thrown([&] { static_cast<void>(buffer.as<std::uint32_t>()); })
        == errc::invalid_argument);
  CHECK(buffer.slice(0, 8).as<std::uint32_t>().size() == 2);
  CHECK(
    thrown([&] { static_cast<void>(buffer.slice(1, 8).as<std::uint32_t>()); })
    == errc::invalid_argument);
  CHECK(thrown([&] { static_cast<void>(buffer.slice(8, 3)); })
        == errc::invalid_argument);
  CHECK(thrown([&] { static_cast<void>(buffer.slice(11, 0)); })
        == errc::invalid_argument);
  CHECK(thrown([&] { static_cast<void>(buffer.slice(5, SIZE_MAX)); })
        == errc::invalid_argument);
}

TEST_CASE("buffers have owners like any item (I-13, I-30)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_owned_channel<shared_buffer>(
    rt, {.owner_gone = owner_gone::replace});
  shared_buffer buffer{8};
  REQUIRE(tx.try_send(buffer));
  {
    owner dead{"dead"};
    REQUIRE(tx.owned_by(dead).try_send(buffer));
  }
  CHECK(buffer.views() == 2);
  auto got = rx.try_receive();
  CHECK(got->shares_memory_with(buffer));
  CHECK(rx.try_receive().is_unbound());
}
