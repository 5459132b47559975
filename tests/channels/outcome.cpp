// What is thrown says which channel, which end of it, and why.
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>

#include "support.hpp"

using namespace levada_tests;
using levada::channel_closed;
using levada::channel_error;
using levada::endpoint;
using levada::receiver_closed;
using levada::sender_closed;

namespace {

struct disk_full : std::runtime_error {
  using runtime_error::runtime_error;
};

std::exception_ptr cause() {
  return std::make_exception_ptr(disk_full{"disk full"});
}

/// Everything an error should say about a channel named "log" that was closed
/// with cause().
template <class Expected, class F>
void tells_all(F&& call, std::uint64_t id, endpoint end) {
  try {
    call();
    FAIL("nothing was thrown");
  } catch (const Expected& error) {
    CHECK(error.code() == errc::closed);
    CHECK(error.channel_id() == id);
    CHECK(error.channel_name() == "log");
    CHECK(error.end() == end);
    REQUIRE(error.closing() != nullptr);
    CHECK(error.closing()->reason == levada::close_reason::failed);
    REQUIRE(error.cause() != nullptr);
    CHECK_THROWS_AS(std::rethrow_exception(error.cause()), disk_full);
    const std::string what = error.what();
    INFO(what);
    CHECK(what.find("channel " + std::to_string(id) + " \"log\"")
          != std::string::npos);
    CHECK(what.find("disk full") != std::string::npos);
    CHECK(what.find("the channel is closed") != std::string::npos);
    CHECK(what.find(end == endpoint::sender ? "send" : "receive")
          != std::string::npos);
  }
}

/// The exception `work` ends with, told apart from none.
template <class F, class... Args>
std::exception_ptr thrown_by(runtime& rt, F work, Args... args) {
  try {
    rt.block_on(work, std::move(args)...);
  } catch (...) { // handed to the test
    return std::current_exception();
  }
  return nullptr;
}

} // namespace

TEST_CASE(
  "a failed send or receive names channel, end and cause "
  "(F-39, F-40, F-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "log", .capacity = 1});
  tx.close(cause());
  const auto id = tx.id();
  const auto sends = [&](auto&& call) {
    tells_all<sender_closed>(call, id, endpoint::sender);
  };
  const auto receives = [&](auto&& call) {
    tells_all<receiver_closed>(call, id, endpoint::receiver);
  };
  receives([&, rx = rx] { (void)rx.try_receive().value(); });
  receives([&, rx = rx] { (void)rx.blocking_receive().value(); });
  receives([&, rx = rx] { (void)rx.blocking_receive_for(1s).value(); });
  receives([&, rx = rx] { (void)rx.consume().value(); });
  receives([&, rx = rx] {
    auto chosen = levada::blocking_select(rx);
    (void)chosen.get<0>().value();
  });
  sends([&, tx = tx] { tx.try_send(1).check(); });
  sends([&, tx = tx] { tx.blocking_send(1).check(); });
  sends([&, tx = tx] { tx.blocking_send_for(1, 1s).check(); });
  sends([&, tx = tx] { tx.blocking_send_and_wait(1).check(); });
  sends([&, tx = tx] { (void)tx.try_reserve().value(); });
  sends([&, tx = tx] { (void)tx.force_send(1); });
  sends([&, tx = tx] {
    auto chosen = levada::blocking_select(levada::sending(tx, 1));
    chosen.get<0>().check();
  });
}

TEST_CASE(
  "arrows and members of a set tell the same, parked or not "
  "(F-39, F-40, G-15)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "log"});
  const auto id = tx.id();
  const auto send = [](sender<int> out) -> task<> { co_await (out << 1); };
  const auto receive = [](receiver<int> in) -> task<> {
    int v = 0;
    co_await (in >> v);
  };
  auto parked = rt.spawn(send, tx);
  until_senders_wait(tx, 1);
  tx.close(cause());
  tells_all<sender_closed>([&] { parked.blocking_join(); }, id,
                           endpoint::sender);
  tells_all<sender_closed>(
    [&, tx = tx] { std::rethrow_exception(thrown_by(rt, send, tx)); }, id,
    endpoint::sender);
  tells_all<receiver_closed>(
    [&, rx = rx] { std::rethrow_exception(thrown_by(rt, receive, rx)); }, id,
    endpoint::receiver);
  const auto in_set = [](receiver<int> in) -> task<> {
    levada::select_set set;
    auto key = set.add(in);
    auto event = co_await set.next();
    if (auto* got = event.from(key))
      (void)got->value();
  };
  tells_all<receiver_closed>(
    [&, rx = rx] { std::rethrow_exception(thrown_by(rt, in_set, rx)); }, id,
    endpoint::receiver);
}

TEST_CASE(
  "a closing without a cause has none to tell, but its reason "
  "(F-40)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  tx = {};
  try {
    (void)rx.try_receive().value();
    FAIL("nothing was thrown");
  } catch (const channel_error& error) {
    CHECK(error.cause() == nullptr);
    CHECK(error.channel_name().empty());
    CHECK(error.channel_id() == rx.id());
    REQUIRE(error.closing() != nullptr);
    CHECK(error.closing()->reason == levada::close_reason::finished);
    CHECK(std::string{error.what()}.find("the last sender went")
          != std::string::npos);
  }
}

TEST_CASE(
  "a wait that ends otherwise names its channel, which is open "
  "(F-39)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "quiet"});
  const auto check = [&](const channel_error& error, errc code, endpoint end) {
    CHECK(error.code() == code);
    CHECK(error.channel_name() == "quiet");
    CHECK(error.end() == end);
    CHECK(error.closing() == nullptr);
    CHECK(error.cause() == nullptr);
  };
  try {
    (void)rx.blocking_receive_for(1ms).value();
    FAIL("nothing was thrown");
  } catch (const levada::operation_timed_out& error) {
    check(error, errc::timed_out, endpoint::receiver);
  }
  std::stop_source stop;
  stop.request_stop();
  try {
    tx.blocking_send(1, stop.get_token()).check();
    FAIL("nothing was thrown");
  } catch (const levada::operation_cancelled& error) {
    check(error, errc::cancelled, endpoint::sender);
  }
}

TEST_CASE("a closed handle says that it, not its channel, was closed (F-39)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto other = rx;
  CHECK(other.close());
  try {
    (void)other.try_receive().value();
    FAIL("nothing was thrown");
  } catch (const receiver_closed& error) {
    CHECK(error.channel_id() == 0);
    CHECK(std::string{error.what()}.find("this handle was closed")
          != std::string::npos);
  }
}

TEST_CASE("an error can be copied, and outlives channel and runtime (F-40)") {
  std::exception_ptr kept;
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<int>(rt, {.name = "gone"});
    tx.close(cause());
    try {
      tx.try_send(1).check();
    } catch (const channel_error& error) {
      const channel_error copy = error;
      kept = std::make_exception_ptr(copy);
    }
  }
  try {
    std::rethrow_exception(kept);
  } catch (const channel_error& error) {
    CHECK(error.channel_name() == "gone");
    CHECK_THROWS_AS(std::rethrow_exception(error.cause()), disk_full);
  }
}

TEST_CASE(
  "a failed result may be copied, moved and kept beyond its runtime "
  "(F-39)") {
  using result = levada::try_receive_result<std::string>;
  result kept{errc::empty};
  {
    runtime rt{{.workers = 1}};
    auto [tx, rx] = make_channel<std::string>(rt, {.name = "kept"});
    tx.close(cause());
    result first = rx.try_receive();
    result copy = first;
    result moved = std::move(first);
    kept = copy;
    copy = moved;
    moved = std::move(copy);
    kept = std::move(moved);
    auto& self = kept;
    kept = self;
    result good{std::in_place, "text"};
    good = kept;
    CHECK(good.closed());
  }
  CHECK(kept.closed());
  try {
    (void)kept.value();
    FAIL("nothing was thrown");
  } catch (const receiver_closed& error) {
    CHECK(error.channel_name() == "kept");
    CHECK_THROWS_AS(std::rethrow_exception(error.cause()), disk_full);
  }
}

TEST_CASE("a failed result keeps no end of its channel open (F-39, B-01)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  tx.close();
  auto failed = rx.try_receive();
  CHECK(failed.closed());
  rx = {};
  tx = {};
  CHECK(rt.channels().at(0).receiver_handles == 0);
  CHECK(rt.channels().at(0).sender_handles == 0);
  failed = rx.try_receive(); // of nil
  CHECK(rt.channels().empty());
}

TEST_CASE("CPython's exceptions all have their like (I-35)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "log", .capacity = 1});
  const auto id = tx.id();
  try {
    (void)rt.find(id + 100);
    FAIL("nothing was thrown");
  } catch (const levada::channel_not_found& error) { // ChannelNotFoundError
    CHECK(error.code() == errc::not_found);
    CHECK(error.channel_id() == id + 100);
  }
  CHECK_THROWS_AS(rx.try_receive().value(), levada::channel_empty);
  REQUIRE(tx.try_send(1));
  try {
    rt.close(id);
    FAIL("nothing was thrown");
  } catch (const levada::channel_not_empty& error) { // ChannelNotEmptyError
    CHECK(error.code() == errc::not_empty);
    CHECK(error.channel_name() == "log");
    CHECK(error.closing() == nullptr);
  }
  rt.close(id, {.force = true});
  try {
    rt.close(id);
    FAIL("nothing was thrown");
  } catch (const channel_closed& error) { // ChannelClosedError
    CHECK(error.code() == errc::closed);
    CHECK(error.channel_name() == "log");
    REQUIRE(error.closing() != nullptr);
    CHECK(error.closing()->reason == levada::close_reason::closed);
  }
  // TimeoutError and ValueError
  auto open = make_channel<int>(rt);
  CHECK_THROWS_AS(open.rx.blocking_receive_for(1ms).value(),
                  levada::operation_timed_out);
  try {
    (void)make_channel<int>(rt, {.capacity = -1});
    FAIL("nothing was thrown");
  } catch (const channel_error& error) {
    CHECK(error.code() == std::errc::invalid_argument);
  }
}

TEST_CASE(
  "every exception of a channel is a channel_error and a system_error "
  "(F-39, I-35)") {
  STATIC_REQUIRE(std::is_base_of_v<std::system_error, channel_error>);
  STATIC_REQUIRE(std::is_base_of_v<channel_closed, sender_closed>);
  STATIC_REQUIRE(std::is_base_of_v<channel_closed, receiver_closed>);
  STATIC_REQUIRE(std::is_base_of_v<channel_error, levada::unhandled_selected>);
  STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<channel_error>);
}

TEST_CASE("a select whose case nobody handles can say so (F-39, F-53)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto chosen
    = levada::blocking_select(levada::biased, levada::never<int>(), rx);
  try {
    chosen.unhandled();
  } catch (const levada::unhandled_selected& error) {
    CHECK(error.index() == 1);
    CHECK(std::string{error.what()}.find("case 1") != std::string::npos);
  }
}
