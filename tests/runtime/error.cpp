#include <catch.hpp>

#include <set>
#include <string>

#include <levada/runtime/error.hpp>

using levada::errc;

namespace {

constexpr errc all_codes[] = {
  errc::closed,
  errc::empty,
  errc::full,
  errc::timed_out,
  errc::cancelled,
  errc::not_empty,
  errc::not_found,
  errc::invalid_argument,
  errc::nil_channel,
  errc::not_ready,
  errc::runtime_stopped,
  errc::wrong_thread,
  errc::sender_closed,
  errc::dropped,
  errc::too_many_restarts,
};

template <class Expected>
void throws_as(errc code) {
  try {
    levada::throw_error(code, "while testing");
    FAIL("nothing was thrown");
  } catch (const Expected& error) {
    CHECK(error.code() == code);
    const std::string what = error.what();
    CHECK(what.find("while testing") != std::string::npos);
    CHECK(what.find(levada::to_string(code)) != std::string::npos);
  }
}

} // namespace

TEST_CASE("every error code has a message of its own") {
  std::set<std::string> messages;
  for (const auto code : all_codes) {
    const auto message = levada::make_error_code(code).message();
    CHECK(message.find("unknown") == std::string::npos);
    CHECK(message == levada::to_string(code));
    messages.insert(message);
  }
  CHECK(messages.size() == std::size(all_codes));
}

TEST_CASE("an unknown code is described, not undefined") {
  CHECK(levada::category().message(4711) == "unknown levada error 4711");
}

TEST_CASE("error codes convert, compare and name their category") {
  const std::error_code code = errc::closed;
  CHECK(code);
  CHECK(code == errc::closed);
  CHECK(code != errc::empty);
  CHECK(std::string{code.category().name()} == "levada");
  CHECK(&levada::category() == &code.category());
}

TEST_CASE("codes that the standard knows equal its conditions") {
  CHECK(levada::make_error_code(errc::timed_out) == std::errc::timed_out);
  CHECK(levada::make_error_code(errc::cancelled)
        == std::errc::operation_canceled);
  CHECK(levada::make_error_code(errc::runtime_stopped)
        == std::errc::operation_canceled);
  CHECK(levada::make_error_code(errc::invalid_argument)
        == std::errc::invalid_argument);
  CHECK(levada::make_error_code(errc::closed) != std::errc::broken_pipe);
}

TEST_CASE("throw_error throws the exception that belongs to the code") {
  throws_as<levada::channel_closed>(errc::closed);
  throws_as<levada::channel_empty>(errc::empty);
  throws_as<levada::channel_not_empty>(errc::not_empty);
  throws_as<levada::channel_not_found>(errc::not_found);
  throws_as<levada::operation_timed_out>(errc::timed_out);
  throws_as<levada::operation_cancelled>(errc::cancelled);
  throws_as<levada::operation_cancelled>(errc::runtime_stopped);
  throws_as<levada::channel_error>(errc::full);
  throws_as<levada::channel_error>(errc::wrong_thread);
}

TEST_CASE("every code is caught as channel_error and as std::system_error") {
  for (const auto code : all_codes) {
    CHECK_THROWS_AS(levada::throw_error(code), levada::channel_error);
    CHECK_THROWS_AS(levada::throw_error(code), std::system_error);
  }
}

TEST_CASE("throw_error passes on codes of other categories") {
  const auto foreign = std::make_error_code(std::errc::no_such_process);
  try {
    levada::throw_error(foreign, "elsewhere");
    FAIL("nothing was thrown");
  } catch (const levada::channel_error& error) {
    CHECK(error.code() == foreign);
  }
}
