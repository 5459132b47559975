// any_sender, any_receiver: handles by what one sends or gets (F-14).
#include <levada/channels/any_sender.hpp>

#include <levada/channels/any_receiver.hpp>

#include <memory>

#include "support.hpp"

using namespace levada_tests;
using levada::any_receiver;
using levada::any_sender;

namespace {

struct animal {
  virtual ~animal() = default;
  virtual int legs() const {
    return 4;
  }
};
struct bird : animal {
  int legs() const override {
    return 2;
  }
};

task<> send_bird(any_sender<bird*> out, bird* each) {
  auto sent = co_await out.send(each);
  if (!sent)
    throw levada::channel_closed{};
}

task<int> count_legs(any_receiver<const animal*> in) {
  int legs = 0;
  while (auto v = co_await in.receive())
    legs += (*v)->legs();
  co_return legs;
}

static_assert(std::is_convertible_v<sender<animal*>, any_sender<bird*>>);
static_assert(!std::is_convertible_v<sender<bird*>, any_sender<animal*>>);
static_assert(
  std::is_convertible_v<receiver<bird*>, any_receiver<const animal*>>);
static_assert(!std::is_convertible_v<receiver<animal*>, any_receiver<bird*>>);

} // namespace

TEST_CASE(
  "a sender of the broad takes the narrow, a receiver of the narrow "
  "gives the broad (F-14)") {
  runtime rt{{.workers = 1}};
  bird one;
  auto [tx, rx] = make_channel<animal*>(rt, {.capacity = 2});
  auto sending = rt.spawn(send_bird, any_sender<bird*>{tx}, &one);
  auto again = rt.spawn(send_bird, any_sender<bird*>{std::move(tx)}, &one);
  CHECK(rt.block_on(count_legs, any_receiver<const animal*>{std::move(rx)})
        == 4);
  sending.blocking_join();
  again.blocking_join();
}

TEST_CASE("a converted value that could not be sent comes back (F-14, B-08)") {
  runtime rt{{.workers = 1}};
  bird one;
  auto [tx, rx] = make_channel<animal*>(rt, {.capacity = 1});
  const any_sender<bird*> narrow{tx};
  REQUIRE(narrow.try_send(&one));
  auto full = narrow.try_send(&one);
  CHECK(full.full());
  CHECK(full.value() == &one);
  CHECK(narrow.close());
  auto closed = narrow.blocking_send(&one);
  CHECK(closed.closed());
  CHECK(closed.take() == &one);
  CHECK(*rx.try_receive() == &one);
}

TEST_CASE("move-only values convert on their way (F-14)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<std::unique_ptr<bird>>(rt, {.capacity = 1});
  any_receiver<std::unique_ptr<animal>> broad{std::move(rx)};
  REQUIRE(tx.try_send(std::make_unique<bird>()));
  auto got = broad.try_receive();
  REQUIRE(got);
  CHECK((*got)->legs() == 2);
  CHECK(broad.try_receive().empty());
  tx.close();
  CHECK(broad.blocking_receive().closed());
}

TEST_CASE("converting handles count as handles (F-14, B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<long>(rt, {.capacity = 1});
  {
    const any_sender<int> first{std::move(tx)};
    const auto second = first;
    CHECK(rx.info().sender_handles == 2);
    REQUIRE(second.try_send(7));
  }
  CHECK(*rx.try_receive() == 7L);
  CHECK(rx.close_record().reason == levada::close_reason::finished);
}
