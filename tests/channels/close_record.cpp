// The close record: reason, cause, who and when, at both ends and for ever.
#include "support.hpp"

using namespace levada_tests;
using levada::close_reason;

namespace {

std::string message_of(const std::exception_ptr& cause) {
  try {
    if (cause != nullptr)
      std::rethrow_exception(cause);
  } catch (const std::exception& known) {
    return known.what();
  }
  return "";
}

task<> closer(sender<int> out) {
  const bool was_open = out.close();
  (void)was_open;
  co_return;
}

} // namespace

TEST_CASE("an open channel has an empty close record") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  CHECK_FALSE(tx.close_record());
  CHECK(rx.close_record().reason == close_reason::open);
  CHECK(rx.close_record().cause == nullptr);
}

TEST_CASE("a cause given to close is read at both ends (F-34)") {
  runtime rt{{.workers = 1}};
  SECTION("as text") {
    auto [tx, rx] = make_channel<int>(rt);
    CHECK(tx.close("the disk is full"));
    CHECK(tx.close_record().reason == close_reason::failed);
    CHECK(message_of(tx.close_record().cause) == "the disk is full");
    CHECK(message_of(rx.close_record().cause) == "the disk is full");
    CHECK(to_string(rx.close_record()).find("the disk is full")
          != std::string::npos);
  }
  SECTION("as an error code") {
    auto [tx, rx] = make_channel<int>(rt);
    CHECK(tx.close(make_error_code(std::errc::io_error)));
    try {
      std::rethrow_exception(rx.close_record().cause);
    } catch (const std::system_error& error) {
      CHECK(error.code() == std::errc::io_error);
    }
  }
  SECTION("as an exception, the very same object") {
    auto [tx, rx] = make_channel<int>(rt);
    const auto cause = std::make_exception_ptr(42);
    CHECK(tx.close(cause));
    CHECK(rx.close_record().cause == cause);
    CHECK(tx.close_record().cause == cause);
  }
}

TEST_CASE("the task that closed is named, a plain thread is not") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  rt.block_on(closer, tx);
  CHECK(rx.close_record().who.find("closer") != std::string::npos);
  auto [tx2, rx2] = make_channel<int>(rt);
  tx2.close();
  CHECK(rx2.close_record().who.empty());
}

TEST_CASE("who closed is known still when what is rare comes later") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  CHECK(tx.try_send(1));
  rt.block_on(closer, tx);
  const auto before = rx.close_record();
  CHECK(before.undelivered == 0);
  rx.close(); // the item is a dead letter: the first thing out of the ordinary
  const auto after = tx.close_record();
  CHECK(after.undelivered == 1);
  CHECK(after.who == before.who);
  CHECK(after.who.find("closer") != std::string::npos);
  CHECK(after.reason == before.reason);
}

TEST_CASE("who closed is known when what is rare was there before") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "has extras"});
  rt.block_on(closer, tx);
  CHECK(rx.close_record().who.find("closer") != std::string::npos);
}

TEST_CASE("the time of closing lies between before and after") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  // The record is kept on the steady clock: allow for the wall clock's steps.
  const auto before = std::chrono::system_clock::now() - 1h;
  tx.close();
  const auto after = std::chrono::system_clock::now() + 1h;
  CHECK(rx.close_record().when > before);
  CHECK(rx.close_record().when < after);
}

TEST_CASE("how many items nobody received is counted (X-01, X-04)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  auto parked = rt.spawn(send_numbers, tx, 3, 4);
  until_senders_wait(tx, 1);
  SECTION("close hands the parked one back, the buffered stay receivable") {
    tx.close();
    CHECK(parked.blocking_join() == 0);
    CHECK(tx.close_record().undelivered == 1);
    CHECK(rx.drain().size() == 2);
    CHECK(tx.close_record().undelivered == 1);
  }
  SECTION("with the last receiver all of them are undelivered") {
    rx = {};
    CHECK(parked.blocking_join() == 0);
    CHECK(tx.close_record().undelivered == 3);
  }
}

TEST_CASE("the first reason stays, whatever goes later") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const auto watch = tx.downgrade();
  REQUIRE(tx.try_send(1));
  tx.close();
  tx = {};
  rx = {};
  CHECK(watch.close_record().reason == close_reason::closed);
  CHECK(watch.close_record().undelivered == 1);
}

TEST_CASE("stopping the runtime closes every channel with its own reason") {
  levada::sender<int> tx;
  levada::receiver<int> rx;
  {
    runtime rt{{.workers = 1}};
    auto ends = make_channel<int>(rt, {.capacity = 1});
    tx = ends.tx;
    rx = ends.rx;
    REQUIRE(tx.try_send(1));
  }
  CHECK(tx.close_record().reason == close_reason::runtime_stopped);
  CHECK(tx.try_send(2).closed());
  CHECK(rx.try_receive().value() == 1);
  CHECK(rx.try_receive().closed());
}

TEST_CASE("every reason has a sentence") {
  for (const auto reason :
       {close_reason::open, close_reason::finished, close_reason::closed,
        close_reason::failed, close_reason::no_receivers, close_reason::killed,
        close_reason::runtime_stopped}) {
    CHECK(std::string{to_string(reason)} != "?");
    CHECK_FALSE(std::string{to_string(reason)}.empty());
  }
}
