// A channel's address, asked by CAF actors: put, get, close, info, subscribe.
#include <mutex>
#include <random>

#include <caf/all.hpp>
#include <caf/default_attachable.hpp>

#include <levada/channels/caf_messages.hpp>
#include <levada/channels/request.hpp>

#include "support.hpp"

using namespace levada_tests;
using namespace levada; // the atoms
using levada_tests::until;

namespace {

/// Asks from a thread, by a request as CAF makes it. An error otherwise.
template <class T, class Handle, class... Ts>
caf::expected<T> ask(caf::scoped_actor& self, const Handle& whom,
                     Ts... values) {
  caf::expected<T> result{caf::sec::runtime_error};
  self->request(whom, 30s, std::move(values)...)
    .receive([&](T& value) { result = std::move(value); },
             [&](caf::error& why) { result = std::move(why); });
  return result;
}
template <class Handle, class... Ts>
caf::error ask_nothing(caf::scoped_actor& self, const Handle& whom,
                       Ts... values) {
  caf::error result;
  self->request(whom, 30s, std::move(values)...)
    .receive([] {}, [&](caf::error& why) { result = std::move(why); });
  return result;
}

/// An actor that asks `whom` once and records how that went.
struct one_request {
  std::atomic<int> value{0};
  std::atomic<bool> answered{false};
  std::atomic<bool> failed{false};
};
template <class Handle, class... Ts>
caf::actor asks_int(runtime& rt, const Handle& whom,
                    std::shared_ptr<one_request> record, Ts... values) {
  return rt.system().spawn([=](caf::event_based_actor* self) {
    self->set_error_handler([=](caf::error&) { record->failed = true; });
    self->request(whom, 600s, values...).then([=](int n) {
      record->value = n;
      record->answered = true;
    });
  });
}

/// Who was subscribed by the messages it gets.
struct record_of_items {
  std::mutex mutex;
  std::vector<int> items;
  std::atomic<std::uint64_t> subscription{0};
  std::atomic<std::size_t> count{0};
  std::atomic<bool> closed{false};
};
using go_on_atom = caf::atom_constant<caf::atom("go_on")>;

/// Acknowledges when it is told to.
caf::behavior subscriber(caf::event_based_actor* self,
                         const caf_channel<int>& whom, std::uint32_t credit,
                         const std::shared_ptr<record_of_items>& record) {
  self->request(whom, 600s, subscribe_atom::value, credit)
    .then([=](std::uint64_t id) { record->subscription = id; });
  return {[=](item_atom, std::uint64_t, int n) {
            std::lock_guard guard{record->mutex};
            record->items.push_back(n);
            ++record->count;
          },
          [=](closed_atom, std::uint64_t, const std::string&) {
            record->closed = true;
          },
          [=](go_on_atom, std::uint32_t n) {
            self->send(whom, ack_atom::value, record->subscription.load(), n);
          },
          [=](unsubscribe_atom) {
            self->send(whom, unsubscribe_atom::value,
                       record->subscription.load());
          }};
}

/// Its copies throw when it is told to.
struct grumpy {
  explicit grumpy(int n = 0) : value(n) {
  }
  grumpy(const grumpy& other) : value(other.value) {
    if (armed)
      throw std::runtime_error{"no copy"};
  }
  grumpy(grumpy&&) noexcept = default;
  grumpy& operator=(const grumpy&) = default;
  grumpy& operator=(grumpy&&) noexcept = default;

  int value;
  static inline std::atomic<bool> armed{false};
};

} // namespace

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(grumpy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(std::shared_ptr<int>)

TEST_CASE("an actor puts and gets by messages to the channel's address") {
  runtime rt{{.workers = 2}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 2});
  const auto ch = speak_caf(tx);
  CHECK(ask_nothing(self, ch, put_atom::value, 1) == caf::error{});
  CHECK(ask_nothing(self, ch, put_atom::value, 2) == caf::error{});
  CHECK(rx.try_receive().value() == 1);
  CHECK(ask<int>(self, ch, get_atom::value) == 2);
  // and by an address without a type
  const auto untyped = rx.as_actor();
  CHECK(ask_nothing(self, untyped, put_atom::value, 3) == caf::error{});
  auto record = std::make_shared<one_request>();
  asks_int(rt, untyped, record, get_atom::value);
  until([&] { return record->answered.load(); });
  CHECK(record->value == 3);
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a put is answered when the channel has taken the item, not before") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto ch = speak_caf(tx);
  auto put = rt.spawn(
    [](caf_channel<int> where) -> task<bool> {
      auto result = co_await request(where, 1h, put_atom::value, 7);
      co_return static_cast<bool>(result);
    },
    ch);
  until_senders_wait(tx, 1);
  CHECK_FALSE(put.done());
  CHECK(tx.info().sender_handles == 2); // it counts as one
  CHECK(rx.try_receive().value() == 7);
  CHECK(put.blocking_join());
  until([&] { return tx.info().sender_handles == 1; });
}

TEST_CASE("puts of one actor keep their order, past a full buffer") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 3});
  const auto ch = speak_caf(tx);
  rt.system().spawn([=](caf::event_based_actor* self) {
    for (int i = 0; i < 500; ++i)
      self->send(ch, put_atom::value, i);
  });
  std::vector<int> seen;
  for (int i = 0; i < 500; ++i)
    seen.push_back(rx.blocking_receive_for(30s).value());
  CHECK(seen == numbers(0, 500));
}

TEST_CASE("gets that wait are served in the order in which they came") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt);
  const auto ch = speak_caf(tx);
  auto [log, seen] = make_channel<std::pair<int, int>>(rt, {.capacity = 64});
  rt.system().spawn([=, log = log](caf::event_based_actor* self) {
    for (int i = 0; i < 50; ++i)
      self->request(ch, 600s, get_atom::value).then([=](int n) {
        (void)log.try_send({i, n});
      });
  });
  until_receivers_wait(rx, 50);
  for (int i = 0; i < 50; ++i)
    REQUIRE(tx.try_send(i));
  for (int i = 0; i < 50; ++i)
    CHECK(seen.blocking_receive_for(30s).value() == std::pair{i, i});
}

TEST_CASE("a closed channel says so, after what was buffered") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.name = "numbers", .capacity = 2});
  const auto ch = speak_caf(tx);
  REQUIRE(tx.try_send(1));
  CHECK(ask<bool>(self, ch, close_atom::value) == true);
  CHECK(ask<bool>(self, ch, close_atom::value) == false);
  CHECK(ask<int>(self, ch, get_atom::value) == 1);
  CHECK(ask<int>(self, ch, get_atom::value) == errc::closed);
  CHECK(ask<int>(self, ch, try_get_atom::value) == errc::closed);
  const auto why = ask_nothing(self, ch, put_atom::value, 2);
  CHECK(why == errc::closed);
  CHECK(to_text(why).find("\"numbers\"") != std::string::npos);
  // the address outlives the last sender, and keeps it not alive
  auto other = make_channel<int>(rt, {.capacity = 1});
  const auto address = speak_caf(other.tx);
  other.tx = {};
  CHECK(ask_nothing(self, address, put_atom::value, 2) == errc::closed);
}

TEST_CASE("who waits when the channel closes is told") {
  caf::actor_system_config config;
  config.set("scheduler.max-threads", 1);
  caf::actor_system other{config}; // outlives whoever may touch its actors
  auto rt = std::make_unique<runtime>(runtime_options{.workers = 2});
  auto [tx, rx] = make_channel<int>(*rt);
  auto [full_tx, full_rx] = make_channel<int>(*rt);
  auto got = std::make_shared<std::atomic<int>>(0);
  const auto asks = [&](auto whom, auto... what) {
    other.spawn([=](caf::event_based_actor* self) {
      self->request(whom, 600s, what...)
        .then([](int) {},
              [=](const caf::error& why) {
                *got += why == errc::closed ? 1 : 100;
              });
    });
  };
  asks(rx.as_actor(), get_atom::value);
  asks(full_tx.as_actor(), put_atom::value, 1);
  speak_caf(tx);
  speak_caf(full_tx);
  // (asked before they were taught, perhaps: asks again)
  asks(rx.as_actor(), get_atom::value);
  asks(full_tx.as_actor(), put_atom::value, 1);
  until([&, &rx = rx, &full_tx = full_tx] {
    return rx.info().waiting_receivers != 0
           && full_tx.info().waiting_senders != 0;
  });
  SECTION("by a handle") {
    tx.close();
    full_tx.close();
    until([&] { return *got % 100 >= 2; });
  }
  SECTION("because the runtime stops") {
    CHECK(rt->stop(30s).clean);
    until([&] { return *got % 100 >= 2; });
  }
  SECTION("because the runtime goes") {
    tx = {};
    rx = {};
    full_tx = {};
    full_rx = {};
    rt.reset();
    until([&] { return *got % 100 >= 2; });
  }
}

TEST_CASE(
  "a wrong payload is refused by a sentence with both types, an unknown "
  "message as any actor does") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.name = "numbers", .capacity = 2});
  const auto ch = tx.as_actor();
  const auto mute = ask_nothing(self, ch, put_atom::value, 1);
  CHECK(mute == errc::type_mismatch);
  CHECK(to_text(mute).find("speak_caf") != std::string::npos);
  CHECK(ask<int>(self, ch, get_atom::value) == errc::type_mismatch);
  speak_caf(rx);
  const auto wrong = ask_nothing(self, ch, put_atom::value, std::string{"1"});
  CHECK(wrong == errc::type_mismatch);
  CHECK(to_text(wrong).find("carries int, not std::string")
        != std::string::npos);
  CHECK(ask_nothing(self, ch, std::string{"hello"})
        == caf::sec::unexpected_message);
  CHECK(ask_nothing(self, ch, put_atom::value) == caf::sec::unexpected_message);
  CHECK(tx.stats().sent == 0);
}

TEST_CASE("close and info work on channels of anything") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx]
    = make_channel<std::unique_ptr<int>>(rt, {.name = "owners", .capacity = 4});
  REQUIRE(tx.try_send(std::make_unique<int>(1)));
  const auto ch = tx.as_actor();
  auto info = *ask<channel_summary>(self, ch, info_atom::value);
  CHECK(info.name == "owners");
  CHECK(info.state == "open");
  CHECK(info.size == 1);
  CHECK(info.capacity == 4);
  CHECK(ask<bool>(self, ch, close_atom::value, std::string{"enough"}) == true);
  CHECK(tx.close_record().reason == close_reason::failed);
  info = *ask<channel_summary>(self, ch, info_atom::value);
  CHECK(info.state == "closing");
  CHECK(info.closed.find("enough") != std::string::npos);
}

TEST_CASE("try_get answers at once") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto ch = speak_caf(tx);
  CHECK(ask<int>(self, ch, try_get_atom::value) == errc::empty);
  REQUIRE(tx.try_send(5));
  CHECK(ask<int>(self, ch, try_get_atom::value) == 5);
}

TEST_CASE("a put follows the channel's policy") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto rejecting
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::reject});
  const auto first = speak_caf(rejecting.tx);
  CHECK(ask_nothing(self, first, put_atom::value, 1) == caf::error{});
  CHECK(ask_nothing(self, first, put_atom::value, 2) == errc::full);
  CHECK(rejecting.rx.drain() == numbers(1, 2));
  auto dropping
    = make_channel<int>(rt, {.capacity = 1, .on_full = overflow::drop_oldest});
  const auto second = speak_caf(dropping.tx);
  CHECK(ask_nothing(self, second, put_atom::value, 1) == caf::error{});
  CHECK(ask_nothing(self, second, put_atom::value, 2) == caf::error{});
  CHECK(dropping.rx.drain() == numbers(2, 3));
  CHECK(conserved(dropping.tx.stats()));
}

TEST_CASE("a get whose asker ends takes nothing") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto ch = speak_caf(tx);
  auto record = std::make_shared<one_request>();
  const auto asker = asks_int(rt, ch, record, get_atom::value);
  until_receivers_wait(rx, 1);
  caf::anon_send_exit(asker, caf::exit_reason::kill);
  until_receivers_wait(rx, 0);
  REQUIRE(tx.try_send(1));
  CHECK(rx.try_receive().value() == 1);
  CHECK_FALSE(record->answered);
}

TEST_CASE("a get with a limit is over by then, and takes nothing after it") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto ch = speak_caf(tx);
  CHECK(ask<int>(self, ch, get_atom::value, caf::timespan{1ms})
        == errc::timed_out);
  CHECK(rx.info().waiting_receivers == 0);
  REQUIRE(tx.try_send(1));
  CHECK(ask<int>(self, ch, get_atom::value, caf::timespan{1h}) == 1);
}

TEST_CASE("a levada::request that gives up withdraws its get") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto ch = speak_caf(tx);
  const auto result = rt.block_on(request(ch, 1ms, get_atom::value));
  CHECK(result.timed_out());
  until_receivers_wait(rx, 0);
  REQUIRE(tx.try_send(1));
  CHECK(rt.block_on(request(ch, 30s, get_atom::value)).value() == 1);
}

TEST_CASE("a get that was served leaves no monitor behind") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 1});
  const auto ch = speak_caf(tx);
  caf::scoped_actor self{rt.system()};
  auto sending = rt.spawn(send_numbers, tx, 0, 20);
  for (int i = 0; i < 20; ++i)
    CHECK(ask<int>(self, ch, get_atom::value) == i);
  CHECK(sending.blocking_join() == 20);
  until_receivers_wait(rx, 0);
  const caf::default_attachable::observe_token watched{
    ch.address(), caf::default_attachable::monitor};
  until([&] { return rx.info().receiver_handles == 1; });
  CHECK(caf::actor_cast<caf::abstract_actor*>(self)->detach(watched) == 0);
}

TEST_CASE("an item whose copy throws is refused, and harms nobody") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<grumpy>(rt, {.capacity = 2});
  const auto ch = speak_caf(tx);
  CHECK(ask_nothing(self, ch, put_atom::value, grumpy{1}) == caf::error{});
  grumpy::armed = true;
  const auto why = ask_nothing(self, ch, put_atom::value, grumpy{2});
  grumpy::armed = false;
  CHECK(why == caf::sec::runtime_error);
  CHECK(to_text(why).find("no copy") != std::string::npos);
  CHECK(tx.info().sender_handles == 1);
  CHECK(ask<grumpy>(self, ch, get_atom::value)->value == 1);
  CHECK(tx.stats().sent == 1);
}

TEST_CASE(
  "a subscriber gets as many items as it has credit for, more for each "
  "acknowledgement, and in the end word of the closing") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 16});
  const auto ch = speak_caf(tx);
  auto record = std::make_shared<record_of_items>();
  const auto listener = rt.system().spawn(subscriber, ch, 3U, record);
  for (int i = 0; i < 8; ++i)
    REQUIRE(tx.try_send(i));
  until([&] { return record->count == 3; });
  CHECK(tx.size() == 5);
  caf::anon_send(listener, go_on_atom::value, std::uint32_t{2});
  until([&] { return record->count == 5; });
  CHECK(tx.size() == 3);
  tx.close();
  caf::anon_send(listener, go_on_atom::value, std::uint32_t{3});
  until([&] { return record->count == 8; });
  caf::anon_send(listener, go_on_atom::value, std::uint32_t{3});
  until([&] { return record->closed.load(); });
  caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
  std::lock_guard guard{record->mutex};
  CHECK(record->items == numbers(0, 8));
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "what a subscriber has not acknowledged goes back to the front when it "
  "ends or leaves") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 16});
  const auto ch = speak_caf(tx);
  auto record = std::make_shared<record_of_items>();
  const auto listener = rt.system().spawn(subscriber, ch, 4U, record);
  for (int i = 0; i < 8; ++i)
    REQUIRE(tx.try_send(i));
  until([&] { return record->count == 4; });
  caf::anon_send(listener, go_on_atom::value, std::uint32_t{1});
  until([&] { return record->count == 5; });
  SECTION("it ends") {
    caf::anon_send_exit(listener, caf::exit_reason::kill);
  }
  SECTION("it leaves") {
    caf::anon_send(listener, unsubscribe_atom::value);
  }
  until([&] { return tx.info().receiver_handles == 1; });
  caf::anon_send_exit(listener, caf::exit_reason::kill);
  CHECK(rx.drain() == numbers(1, 8));
  CHECK(conserved(tx.stats()));
}

TEST_CASE("a subscriber that waits for items leaves without a trace") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  const auto ch = speak_caf(tx);
  auto record = std::make_shared<record_of_items>();
  const auto listener = rt.system().spawn(subscriber, ch, 4U, record);
  until_receivers_wait(rx, 1);
  caf::anon_send_exit(listener, caf::exit_reason::kill);
  until([&] { return rx.info().receiver_handles == 1; });
  CHECK(rx.info().waiting_receivers == 0);
  REQUIRE(tx.try_send(1));
  CHECK(rx.try_receive().value() == 1);
}

TEST_CASE("a channel that is linked to ends with the reason of the exit") {
  runtime rt{{.workers = 1}};
  caf::scoped_actor self{rt.system()};
  auto [tx, rx] = make_channel<int>(rt);
  self->monitor(tx.as_actor());
  caf::anon_send_exit(tx.as_actor(), caf::exit_reason::out_of_workers);
  CHECK(down(self) == caf::exit_reason::out_of_workers);
  CHECK(to_string(tx.close_record()).find("out_of_workers")
        != std::string::npos);
}

TEST_CASE(
  "a runtime that goes while messages are on their way leaves nothing "
  "behind") {
  const auto item = std::make_shared<int>(1);
  for (int round = 0; round < 200; ++round) {
    runtime rt{{.workers = 2}};
    auto [tx, rx] = make_channel<std::shared_ptr<int>>(rt, {.capacity = 1});
    const auto ch = speak_caf(tx);
    for (int i = 0; i < 8; ++i)
      caf::anon_send(ch, put_atom::value, item);
    if (round % 2 == 0)
      (void)rx.blocking_receive_for(30s);
  }
  CHECK(item.use_count() == 1);
}

TEST_CASE("killing askers at random loses no item and leaves nobody waiting",
          "[stress]") {
  runtime rt{{.workers = 2}};
  auto [tx, rx] = make_channel<int>(rt, {.capacity = 4});
  const auto ch = speak_caf(tx);
  std::vector<std::shared_ptr<one_request>> records;
  std::minstd_rand random{17};
  constexpr int rounds = 10'000;
  int sent = 0;
  for (int i = 0; i < rounds; ++i) {
    records.push_back(std::make_shared<one_request>());
    const auto asker = asks_int(rt, ch, records.back(), get_atom::value);
    if (random() % 2 == 0 && tx.try_send(sent + 1))
      ++sent;
    if (random() % 2 == 0)
      caf::anon_send_exit(asker, caf::exit_reason::kill);
    else
      caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
  }
  until([&] { return rx.info().waiting_receivers == 0; });
  until([&] { return rx.info().receiver_handles == 1; });
  const auto stats = tx.stats();
  CHECK(conserved(stats));
  CHECK(stats.sent == static_cast<std::uint64_t>(sent));
  // what is left is in order, nothing twice
  auto left = rx.drain();
  CHECK(std::is_sorted(left.begin(), left.end()));
}
