// broadcast: one item on its way into several buffers, whatever each of them is
// doing; and whom a sender waits for while others take, come and go.
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <tuple>

#include <levada/channels/select_set.hpp>
#include <levada/runtime/biased_lock.hpp>

#include "broadcast_support.hpp"

using namespace levada_tests;
using levada::detail::biased_lock;
using levada::detail::broadcast_item;
using levada::detail::cell_slot;
using levada::detail::channel_core;
using levada::detail::handle_access;
using levada::detail::has_process_barrier;
using levada::detail::set_node;
using levada::detail::this_seat;
using levada::detail::wake_list;

namespace {

constexpr levada::subscribe_options taking_part(int capacity, overflow policy) {
  levada::subscribe_options result;
  result.capacity = capacity;
  result.overflow = policy;
  return result;
}

template <class T>
T made_of(int number);
template <>
int made_of(int number) {
  return number;
}
template <>
std::string made_of(int number) {
  return "item " + std::to_string(number);
}

/// Sends by awaiting, which takes the short way where it can.
template <class T>
task<int> send_all(broadcast_sender<T> out, int first, int end) {
  int went = 0;
  for (int i = first; i < end; ++i) {
    T item = made_of<T>(i);
    auto sent = co_await out.send(std::move(item));
    went += sent ? 1 : 0;
  }
  co_return went;
}

template <class T>
std::vector<T> all_made_of(int first, int end) {
  std::vector<T> result;
  for (int i = first; i < end; ++i)
    result.push_back(made_of<T>(i));
  return result;
}

/// The hub knows from now on how much fits: the next item may go the short way.
template <class T>
void prime(runtime& rt, const broadcast_sender<T>& tx, int number) {
  REQUIRE(rt.block_on(send_all<T>(tx, number, number + 1)) == 1);
}

std::uint32_t receivers_that_wait(const runtime& rt) {
  std::uint32_t result = 0;
  for (const auto& each : rt.channels())
    result += each.waiting_receivers;
  return result;
}

/// What one receiver among others that have room is doing.
enum class odd_one { waits, is_full, has_left };

template <class T>
void send_past(odd_one kind, std::size_t place) {
  INFO("kind " << static_cast<int>(kind) << ", place " << place);
  constexpr std::size_t receivers = 4;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<T>(rt, {.capacity = 8});
  rx.close();
  std::vector<broadcast_receiver<T>> all;
  for (std::size_t i = 0; i < receivers; ++i) {
    const bool small = i == place && kind == odd_one::is_full;
    all.push_back(tx.subscribe(taking_part(
      small ? 1 : 8,
      i % 2 == 0 && !small ? overflow::wait : overflow::drop_oldest)));
  }
  prime<T>(rt, tx, 0);
  auto odd = std::move(all[place]);
  all.erase(all.begin() + static_cast<std::ptrdiff_t>(place));
  std::optional<levada::join_handle<std::vector<T>>> waiting;
  if (kind == odd_one::has_left) {
    odd.close();
  } else if (kind == odd_one::waits) {
    REQUIRE(odd.try_receive());
    waiting = rt.spawn(collect_all<T>, std::move(odd));
    until([&] { return receivers_that_wait(rt) == 1; });
  }
  CHECK(rt.block_on(send_all<T>(tx, 1, 5)) == 4);
  for (const auto& each : all) {
    CHECK(each.lagged_total() == 0);
    CHECK(each.drain() == all_made_of<T>(0, 5));
  }
  if (kind == odd_one::is_full) {
    auto last = odd.try_receive();
    REQUIRE(last);
    CHECK(*last == made_of<T>(4));
    CHECK(last.lagged() == 4);
  }
  tx.close();
  if (waiting)
    CHECK(waiting->blocking_join() == all_made_of<T>(1, 5));
}

} // namespace

TEST_CASE(
  "an item reaches everybody once, when one of them waits, is full or has "
  "left, wherever that one stands (F-07, B-10)") {
  const auto kind
    = GENERATE(odd_one::waits, odd_one::is_full, odd_one::has_left);
  for (std::size_t place = 0; place < 4; ++place) {
    send_past<int>(kind, place);
    send_past<std::string>(kind, place);
  }
}

TEST_CASE(
  "who sent to nobody sends to those who come, and the latest item is missed "
  "once (F-07, F-10)") {
  runtime rt{{.workers = 1}};
  std::vector<int> missed;
  const bool told = GENERATE(false, true);
  auto [tx, rx] = make_broadcast<int>(rt, {.resend_latest = true});
  if (told)
    std::tie(tx, rx) = [&] {
      auto made = make_broadcast<int>(
        rt,
        {.resend_latest = true,
         .on_dead_letter = [&missed](int&& item, levada::dead_letter_reason) {
           missed.push_back(item);
         }});
      return std::pair{std::move(made.tx), std::move(made.rx)};
    }();
  prime(rt, tx, 0);
  CHECK(rx.drain() == numbers(0, 1));
  rx.close();
  CHECK(rt.block_on(send_all<int>(tx, 1, 4)) == 3); // to nobody
  CHECK(missed == (told ? numbers(1, 3) : std::vector<int>{}));
  tx.resend_latest(false);
  auto late = tx.subscribe(); // to whom 3 is not resent
  CHECK(rt.block_on(send_all<int>(tx, 4, 7)) == 3);
  CHECK(late.drain() == numbers(4, 7));
  CHECK(missed == (told ? numbers(1, 4) : std::vector<int>{}));
  CHECK(tx.stats().dead_lettered == 3);
  CHECK(conserved(tx.stats()));
}

TEST_CASE(
  "a sender waits until the last of those that are waited for has room, in "
  "whichever order they take or go (B-12, F-11)") {
  std::array<std::size_t, 3> order{0, 1, 2};
  do {
    for (unsigned going = 0; going < 8; ++going) {
      INFO("order " << order[0] << order[1] << order[2] << ", going " << going);
      runtime rt{{.workers = 1}};
      auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 8});
      std::vector<broadcast_receiver<int>> slow;
      for (int i = 0; i < 3; ++i)
        slow.push_back(tx.subscribe(taking_part(1, overflow::wait)));
      prime(rt, tx, 0);
      auto sending = rt.spawn(send_all<int>, tx, 1, 2);
      until_senders_wait(tx, 1);
      for (std::size_t i = 0; i < order.size(); ++i) {
        CHECK(tx.info().waiting_senders == 1);
        auto& one = slow[order[i]];
        if ((going >> order[i] & 1U) != 0)
          one.close();
        else
          CHECK(*one.try_receive() == 0);
      }
      CHECK(sending.blocking_join() == 1);
      CHECK(rx.drain() == numbers(0, 2));
      for (std::size_t i = 0; i < slow.size(); ++i)
        if ((going >> i & 1U) == 0) {
          CHECK(slow[i].drain() == numbers(1, 2));
          CHECK(slow[i].lagged_total() == 0);
        }
    }
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE(
  "a sender that waits for one waits for another, too, that has become full "
  "meanwhile (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.resend_latest = true});
  auto first = tx.subscribe(taking_part(1, overflow::wait));
  auto second = tx.subscribe(taking_part(1, overflow::drop_oldest));
  prime(rt, tx, 0);
  auto sending = rt.spawn(send_all<int>, tx, 1, 2);
  until_senders_wait(tx, 1);
  second.set_overflow(overflow::wait); // full, and now waited for
  auto third = tx.subscribe(taking_part(1, overflow::wait)); // got the latest
  CHECK(*first.try_receive() == 0);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(*third.try_receive() == 0);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(*second.try_receive() == 0);
  CHECK(sending.blocking_join() == 1);
  for (const auto* each : {&first, &second, &third}) {
    CHECK(each->drain() == numbers(1, 2));
    CHECK(each->lagged_total() == 0);
  }
}

TEST_CASE(
  "a sender that waits for one looks again at those it had seen room with, "
  "when they change or another takes their place (B-12)") {
  const bool changes = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  rx.close();
  // Seen first: it needs no room. Then the sender waits at `full`.
  auto first = tx.subscribe(taking_part(1, overflow::drop_oldest));
  auto full = tx.subscribe(taking_part(1, overflow::wait));
  auto last = tx.subscribe(taking_part(changes ? 8 : 1, overflow::wait));
  prime(rt, tx, 0);
  auto sending = rt.spawn(send_all<int>, tx, 1, 2);
  until_senders_wait(tx, 1);
  if (changes)
    first.set_overflow(overflow::wait); // and has no room
  else
    first.close(); // `last`, which has none, stands there now
  CHECK(*full.try_receive() == 0);
  CHECK(tx.info().waiting_senders == 1);
  CHECK(*(changes ? first : last).try_receive() == 0);
  CHECK(sending.blocking_join() == 1);
  CHECK(full.drain() == numbers(1, 2));
  CHECK(last.drain() == numbers(changes ? 0 : 1, 2));
}

TEST_CASE(
  "a receiver that comes, or is waited for from now on, holds no more than "
  "fits (B-12)") {
  const bool changes = GENERATE(false, true);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt);
  rx.close();
  auto big = tx.subscribe(taking_part(8, overflow::wait));
  broadcast_receiver<int> small;
  if (changes)
    small = tx.subscribe(taking_part(1, overflow::drop_oldest));
  prime(rt, tx, 0);
  if (changes)
    small.set_overflow(overflow::wait);
  else
    small = tx.subscribe(taking_part(1, overflow::wait));
  auto sending = rt.spawn(send_all<int>, tx, 1, 4);
  until_senders_wait(tx, 1);
  CHECK(small.size() == 1);
  CHECK(*small.try_receive() == (changes ? 0 : 1));
  small.close();
  CHECK(sending.blocking_join() == 3);
  CHECK(big.drain() == numbers(0, 4));
}

namespace {

/// Stands behind a set's member in a channel, and sees whose lock the thread's seat
/// names after the set was told.
struct spy : set_node {
  explicit spy(channel_core& where) noexcept
      : set_node(&spy::told),
        where(where) {
  }
  static bool told(set_node& self, wake_list&) noexcept {
    auto& mine = static_cast<spy&>(self);
    mine.named = this_seat().inner.load() == &mine.where.lock;
    return false;
  }
  channel_core& where;
  bool named = false;
};

task<bool> tell_a_set() {
  auto [tx, rx] = make_broadcast<int>({.capacity = 4});
  levada::select_set set;
  auto key = set.add(rx);
  // Until this worker's locks are its own.
  constexpr int rounds
    = biased_lock::grant_after + biased_lock::refusals_after_end + 10;
  for (int i = 0; i < rounds; ++i) {
    auto sent = co_await tx.send(i);
    auto event = co_await set.next();
    if (!sent || !event.is(key))
      co_return false;
  }
  auto nothing = co_await set.next_for(0s); // its member waits in the channel
  if (nothing)
    co_return false;
  auto& core = *handle_access::core(handle_access::inner(rx));
  spy last{core};
  {
    levada::detail::spin_guard guard{core.lock};
    core.receivers.push_back(last);
  }
  auto sent = co_await tx.send(rounds);
  co_return last.named;
}

} // namespace

TEST_CASE(
  "a set told by a broadcast takes a third lock, and the receiver's stays "
  "held") {
  runtime rt{{.workers = 1}};
  CHECK(rt.block_on(tell_a_set()) == has_process_barrier());
}

namespace {

channel_core& buffer_of(const broadcast_receiver<int>& rx) {
  return *handle_access::core(handle_access::inner(rx));
}

/// One item out of a receiver's buffer, which somebody has in hand: an actor, say, that
/// ends without having looked at it.
class in_hand {
public:
  explicit in_hand(channel_core& from) : from_(from) {
    wake_list wakes;
    levada::detail::spin_guard guard{from.lock};
    took_ = levada::detail::take(from, cell_.storage(), mover{}, wakes);
  }
  in_hand(const in_hand&) = delete;
  in_hand& operator=(const in_hand&) = delete;

  bool took() const noexcept {
    return took_;
  }
  void put_back() noexcept {
    from_.put_back(cell_.storage());
  }

private:
  using item_cell = levada::detail::cell<broadcast_item<int>>;
  using mover = levada::detail::typed_mover<item_cell>;

  channel_core& from_;
  cell_slot<broadcast_item<int>> cell_;
  bool took_ = false;
};

/// Waits at one receiver, so that a publisher comes by in the middle of giving its item
/// to all; there it puts items back into the buffers of others.
struct returner : set_node {
  explicit returner(std::vector<std::unique_ptr<in_hand>>& items) noexcept
      : set_node(&returner::told),
        items(items) {
  }
  static bool told(set_node& self, wake_list&) noexcept {
    auto& items = static_cast<returner&>(self).items;
    while (!items.empty()) {
      items.back()->put_back();
      items.pop_back();
    }
    return false;
  }
  std::vector<std::unique_ptr<in_hand>>& items;
};

std::unique_ptr<in_hand> take_in_hand(const broadcast_receiver<int>& rx) {
  auto result = std::make_unique<in_hand>(buffer_of(rx));
  REQUIRE(result->took());
  return result;
}

} // namespace

TEST_CASE(
  "a receiver that is waited for holds no more than fits, as long as "
  "nothing comes back (B-12)") {
  const auto capacity = GENERATE(1, 3, 8);
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.capacity = 100});
  auto slow = tx.subscribe(taking_part(capacity, overflow::wait));
  prime(rt, tx, 0);
  auto sending = rt.spawn(send_all<int>, tx, 1, 50);
  for (int next = 0; next < 40;) {
    until_senders_wait(tx, 1);
    CHECK(slow.size() == static_cast<std::size_t>(capacity));
    // all of it, so that the next items go the short way; or one
    for (int i = next % 3 == 0 ? capacity : 1; i > 0; --i)
      CHECK(*slow.blocking_receive() == next++);
  }
  CHECK(slow.lagged_total() == 0);
  slow.close();
  CHECK(sending.blocking_join() == 49);
  CHECK(rx.drain() == numbers(0, 50));
}

TEST_CASE(
  "an item that comes back to a full receiver costs nobody an item, "
  "however much fitted before it came (B-12)") {
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.overflow = overflow::wait});
  rx.close();
  auto slow = tx.subscribe(taking_part(4, overflow::wait));
  for (int i = 0; i < 4; ++i)
    prime(rt, tx, i);
  std::vector<std::unique_ptr<in_hand>> taken;
  for (int i = 0; i < 4; ++i)
    taken.push_back(take_in_hand(slow));
  prime(rt, tx, 4); // the hub knows now that three more fit
  for (; !taken.empty(); taken.pop_back())
    taken.back()->put_back();
  CHECK(slow.size() == 5);
  // One may be on its way by what was known; whoever comes then waits.
  auto sending = rt.spawn(send_all<int>, tx, 5, 12);
  until_senders_wait(tx, 1);
  CHECK(slow.lagged_total() == 0);
  CHECK(slow.size() <= 6);
  for (int i = 0; i < 12; ++i) {
    auto got = slow.blocking_receive_for(30s);
    REQUIRE(got);
    CHECK(*got == i);
    CHECK(got.lagged() == 0);
  }
  CHECK(sending.blocking_join() == 7);
  CHECK(slow.lagged_total() == 0);
  CHECK(conserved(tx.stats()));
  CHECK(conserved(slow.stats()));
}

TEST_CASE(
  "an item that comes back while another one is being published costs "
  "nobody an item, wherever that receiver stands (B-12)") {
  const auto place = GENERATE(0U, 1U, 2U, 3U);
  const bool quickly = GENERATE(false, true);
  INFO("place " << place << ", quickly " << quickly);
  constexpr int capacity = 4;
  runtime rt{{.workers = 1}};
  auto [tx, rx] = make_broadcast<int>(rt, {.overflow = overflow::wait});
  rx.close();
  std::vector<broadcast_receiver<int>> all;
  for (int i = 0; i < 4; ++i)
    all.push_back(tx.subscribe(taking_part(capacity, overflow::wait)));
  for (int i = 0; i < capacity; ++i)
    prime(rt, tx, i);
  // At `place` somebody waits. All others have their items in somebody's hands.
  std::vector<std::unique_ptr<in_hand>> taken;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (int n = 0; n < capacity; ++n)
      if (i == place)
        CHECK(*all[i].try_receive() == n);
      else
        taken.push_back(take_in_hand(all[i]));
  if (quickly) // then the hub knows that there is room, and does not look
    prime(rt, tx, capacity);
  const int next = capacity + (quickly ? 1 : 0);
  if (quickly)
    CHECK(*all[place].try_receive() == capacity);
  auto& core = buffer_of(all[place]);
  returner middle{taken};
  {
    levada::detail::spin_guard guard{core.lock};
    core.receivers.push_back(middle);
  }
  REQUIRE(tx.try_send(next));
  CHECK(taken.empty());
  auto sending = rt.spawn(send_all<int>, tx, next + 1, next + 20);
  until_senders_wait(tx, 1);
  for (const auto& each : all) // what lay there, what came back, and one more
    CHECK(each.size() <= 2 + std::size_t{capacity} + 1);
  std::vector<std::vector<int>> got(all.size());
  for (int last = 0; last < next + 19;) // in turns, as room comes
    for (std::size_t i = 0; i < all.size(); ++i)
      if (auto one = all[i].try_receive()) {
        CHECK(one.lagged() == 0);
        got[i].push_back(*one);
        last = got[0].empty() ? 0 : got[0].back();
      }
  CHECK(sending.blocking_join() == 19);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (const int one : all[i].drain())
      got[i].push_back(one);
    CHECK(got[i] == numbers(i == place ? next : 0, next + 20));
    CHECK(all[i].lagged_total() == 0);
    CHECK(conserved(all[i].stats()));
  }
}

namespace {

task<std::uint64_t> add_up(broadcast_receiver<int> in, int count) {
  levada::select_set set;
  auto key = set.add(in);
  std::uint64_t sum = 0;
  for (int i = 0; i < count; ++i) {
    auto event = co_await set.next();
    if (!event)
      break;
    auto& item = *event.from(key);
    if (item)
      sum += static_cast<std::uint64_t>(*item);
  }
  co_return sum;
}

} // namespace

TEST_CASE("sets receive from a broadcast while others look at its receivers",
          "[stress]") {
  const auto workers = GENERATE(1U, 2U);
  constexpr int items = 60'000;
  runtime rt{{.workers = workers}};
  auto [tx, rx]
    = make_broadcast<int>(rt, {.capacity = 8, .overflow = overflow::wait});
  std::vector<levada::join_handle<std::uint64_t>> sums;
  for (int i = 0; i < 3; ++i)
    sums.push_back(rt.spawn(add_up, tx.subscribe(), items));
  rx.close();
  std::atomic<bool> done{false};
  std::jthread looking{[&] {
    // Each look takes the locks from the workers that had them to themselves.
    while (!done) {
      for (const auto& each : rt.channels())
        (void)each;
      std::this_thread::sleep_for(50us);
    }
  }};
  CHECK(rt.block_on(send_all<int>(tx, 0, items)) == items);
  for (auto& each : sums)
    CHECK(each.blocking_join() == std::uint64_t{items} * (items - 1) / 2);
  done = true;
}
