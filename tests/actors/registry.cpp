// The registry: every live channel by id, and CPython's verbs for closing.
#include "../channels/support.hpp"

using namespace levada_tests;
using levada::close_request;

namespace {

errc code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const levada::channel_error& error) {
    return static_cast<errc>(error.code().value());
  }
  return errc{};
}

constexpr close_request both{};
constexpr close_request send_end{.end = close_request::which::send};
constexpr close_request receive_end{.end = close_request::which::receive};
constexpr close_request forced(close_request request) {
  request.force = true;
  return request;
}

} // namespace

TEST_CASE(
  "ids are sequential from 1 in each runtime, and never reused "
  "(I-01)") {
  runtime rt{{.workers = 1}};
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    auto [tx, rx] = make_channel<int>(rt);
    CHECK(tx.id() == last + 1);
    CHECK(rx.id() == tx.id());
    last = tx.id();
  }
  runtime other{{.workers = 1}};
  CHECK(make_channel<int>(other).tx.id() == 1);
}

TEST_CASE(
  "the list holds every live channel, oldest first, also the closed "
  "(I-02, S-03)") {
  runtime rt{{.workers = 1}};
  CHECK(rt.channels().empty());
  auto a = make_channel<int>(rt, {.name = "a"});
  auto b = make_channel<std::string>(rt, {.name = "b", .capacity = 3});
  REQUIRE(b.tx.try_send("x"));
  a.tx.close();
  const auto list = rt.channels();
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "a");
  CHECK(list[0].state == levada::channel_state::closed);
  CHECK(list[1].name == "b");
  CHECK(list[1].capacity == 3);
  CHECK(list[1].size == 1);
  CHECK(list[1].id == b.tx.id());
}

TEST_CASE("a channel without handles is gone from the list (I-27)") {
  runtime rt{{.workers = 1}};
  std::uint64_t id = 0;
  {
    auto [tx, rx] = make_channel<int>(rt);
    id = tx.id();
    CHECK(rt.find(id).id == id);
  }
  CHECK(rt.channels().empty());
  CHECK(code_of([&] { rt.find(id); }) == errc::not_found);
  CHECK(code_of([&] { rt.close(id); }) == errc::not_found);
  CHECK(code_of([&] { rt.destroy(id); }) == errc::not_found);
  CHECK(code_of([&] { rt.find(0); }) == errc::not_found);
  CHECK(code_of([&] { rt.close(UINT64_MAX); }) == errc::not_found);
}

TEST_CASE("find tells handles, waiters and state (I-08)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "n", .capacity = 1});
  const auto copy = tx;
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(send_numbers, tx, 2, 3);
  until_senders_wait(tx, 1);
  const auto info = rt.find(tx.id());
  CHECK(info.name == "n");
  CHECK(info.sender_handles == 3);
  CHECK(info.receiver_handles == 1);
  CHECK(info.waiting_senders == 1);
  CHECK(info.stats.sent == 2);
  CHECK(info.state == levada::channel_state::open);
  CHECK(rx.drain().size() == 2);
  parked.blocking_join();
}

TEST_CASE(
  "closing an empty channel closes both ends, whatever was asked for "
  "(I-19, I-20, I-21, S-02)") {
  const auto request
    = GENERATE(values<close_request>({both, send_end, receive_end, forced(both),
                                      forced(send_end), forced(receive_end)}));
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const bool used = GENERATE(false, true);
  if (used) {
    REQUIRE(tx.try_send(1));
    REQUIRE(rx.try_receive());
  }
  rt.close(tx.id(), request);
  CHECK(tx.is_closed());
  CHECK(rx.is_closed());
  CHECK(tx.try_send(1).closed());
  CHECK(rx.try_receive().closed());
  CHECK(rt.find(tx.id()).state == levada::channel_state::closed);
}

TEST_CASE(
  "closing the receiving end of a non-empty channel, or both, changes "
  "nothing without force (I-19, I-21, S-02)") {
  const auto request = GENERATE(both, receive_end);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  CHECK(code_of([&] { rt.close(tx.id(), request); }) == errc::not_empty);
  CHECK(rt.find(tx.id()).state == levada::channel_state::open);
  CHECK(tx.try_send(2));
  CHECK(rx.drain() == numbers(1, 3));
  rt.close(tx.id(), request);
  CHECK(rx.is_closed());
}

TEST_CASE(
  "closing the sending end of a non-empty channel lets it drain "
  "(I-20, I-21)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  REQUIRE(tx.try_send(1));
  REQUIRE(tx.try_send(2));
  rt.close(tx.id(), send_end);
  CHECK(tx.is_closed());
  CHECK_FALSE(rx.is_closed());
  CHECK(rt.find(tx.id()).state == levada::channel_state::closing);
  CHECK(tx.try_send(3).closed());
  CHECK(rx.drain() == numbers(1, 3));
  CHECK(rx.is_closed());
}

TEST_CASE(
  "closing by force drops everything, and wakes parked senders "
  "(I-21)") {
  const auto request
    = GENERATE(forced(both), forced(send_end), forced(receive_end));
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  auto parked = rt.spawn(
    [](sender<int> out) -> task<int> {
      auto sent = co_await out.send(2);
      co_return sent.closed() ? sent.take() : 0;
    },
    tx);
  until_senders_wait(tx, 1);
  rt.close(tx.id(), request);
  CHECK(parked.blocking_join() == 2);
  CHECK(rx.try_receive().closed());
  CHECK(tx.stats().dead_lettered == 1);
  CHECK(tx.stats().handed_back == 1);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a second close through the registry says so (I-22, X-02)") {
  const auto again = GENERATE(
    values<close_request>({both, send_end, receive_end, forced(both)}));
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  rt.close(tx.id());
  CHECK(code_of([&] { rt.close(tx.id(), again); }) == errc::closed);
  auto other = make_channel<int>(rt);
  other.tx.close();
  CHECK(code_of([&] { rt.close(other.tx.id(), again); }) == errc::closed);
}

TEST_CASE(
  "a close while it drains says closed, by force it drops the rest "
  "(I-21, I-22)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  REQUIRE(tx.try_send(1));
  rt.close(tx.id(), send_end);
  CHECK(code_of([&] { rt.close(tx.id(), send_end); }) == errc::closed);
  CHECK(rx.size() == 1);
  rt.close(tx.id(), forced(both));
  CHECK(rx.try_receive().closed());
  CHECK(code_of([&] { rt.close(tx.id(), forced(both)); }) == errc::closed);
}

TEST_CASE(
  "a destroyed channel is not found, and its handles say closed "
  "(I-26, S-03)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.name = "d", .capacity = 2});
  REQUIRE(tx.try_send(1));
  rt.destroy(tx.id());
  CHECK(code_of([&] { rt.find(tx.id()); }) == errc::not_found);
  CHECK(code_of([&] { rt.destroy(tx.id()); }) == errc::not_found);
  CHECK(code_of([&] { rt.close(tx.id()); }) == errc::not_found);
  CHECK(rt.channels().empty());
  CHECK(tx.try_send(2).closed());
  CHECK(rx.try_receive().closed());
  CHECK(tx.close_record().reason == levada::close_reason::killed);
  CHECK(rx.name() == "d");
}

TEST_CASE("destroying a channel wakes whoever is parked at it (I-26)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  auto receiving = rt.spawn(collect<int>, rx);
  until_receivers_wait(rx, 1);
  rt.destroy(tx.id());
  CHECK(receiving.blocking_join().empty());
  auto full = make_channel<int>(rt);
  auto sending = rt.spawn(send_numbers, full.tx, 0, 1);
  until_senders_wait(full.tx, 1);
  rt.destroy(full.tx.id());
  CHECK(sending.blocking_join() == 0);
}

TEST_CASE("a picture of the channels offers the same verbs (I-02)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto list = rt.channels();
  CHECK(list.find(tx.id()).id == tx.id());
  list.close(tx.id(), {});
  CHECK(tx.is_closed());
  list.destroy(tx.id());
  CHECK(list.size() == 1);
  CHECK(rt.channels().empty());
}

TEST_CASE("channels may be made, found, listed and dropped at once (I-02)") {
  runtime rt{{.workers = 2}};
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> makers;
    for (int t = 0; t < 3; ++t)
      makers.emplace_back([&rt, &wrong, t] {
        std::vector<levada::channel_ends<int>> kept;
        for (int i = 0; i < 3000; ++i) {
          kept.push_back(make_channel<int>(rt, {.name = "x", .capacity = 1}));
          const auto id = kept.back().tx.id();
          wrong += rt.find(id).id == id ? 0 : 1;
          if (i % 7 == t)
            rt.destroy(id);
          if (kept.size() > 20)
            kept.erase(kept.begin(), kept.begin() + 10);
        }
      });
    std::jthread looking{[&] {
      while (!stop) {
        const auto list = rt.channels();
        for (std::size_t i = 1; i < list.size(); ++i)
          wrong += list[i - 1].id < list[i].id ? 0 : 1;
      }
    }};
    makers.clear();
    stop = true;
  }
  CHECK(wrong == 0);
  CHECK(rt.channels().empty());
}

TEST_CASE("channels made while the runtime stops are closed (I-02)") {
  auto rt = std::make_unique<runtime>(levada::runtime_options{.workers = 1});
  rt->stop();
  auto [tx, rx] = make_channel<int>(*rt, {.capacity = 1});
  CHECK(tx.try_send(1).closed());
  CHECK(rx.try_receive().closed());
  rt.reset();
  CHECK(tx.close_record().reason == levada::close_reason::runtime_stopped);
}
