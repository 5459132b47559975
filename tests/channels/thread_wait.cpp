// A thread that waits at a channel, held at each point of the wait in turn while
// somebody else comes, or two do.
#include <algorithm>
#include <optional>
#include <stop_token>

#include <levada/runtime/thread_waiter.hpp>

#include "support.hpp"

using namespace levada_tests;

namespace {

using levada::detail::thread_waiter;
using levada::detail::wait_point;

/// What somebody else does.
enum class event { partner, stop, close };

using events = std::vector<event>;

std::vector<events> one_or_two_events() {
  const events all{event::partner, event::stop, event::close};
  std::vector<events> result;
  for (const auto first : all) {
    result.push_back({first});
    for (const auto second : all)
      if (second != first)
        result.push_back({first, second});
  }
  return result;
}

std::string name_of(const events& given) {
  std::string result;
  for (const auto each : given)
    result += each == event::partner ? " partner"
              : each == event::stop  ? " stop"
                                     : " close";
  return result;
}

/// Lets another thread do something while this one's wait is at a point, once.
class meddler final : public levada::detail::wait_onlooker {
public:
  meddler(wait_point where, std::function<void()> what)
      : where_(where),
        what_(std::move(what)) {
    thread_waiter::mine().onlooker = this;
  }
  ~meddler() {
    thread_waiter::mine().onlooker = nullptr;
  }

  void at(wait_point where) noexcept override {
    if (where != where_ || came_)
      return;
    came_ = true;
    std::thread{what_}.join();
  }

  bool came() const noexcept {
    return came_;
  }

private:
  wait_point where_;
  std::function<void()> what_;
  bool came_ = false;
};

enum class ending { done, cancelled, closed, timed_out, other };

template <class Result>
ending ending_of(const Result& result) {
  if (result)
    return ending::done;
  if (result.error() == errc::cancelled)
    return ending::cancelled;
  if (result.error() == errc::closed)
    return ending::closed;
  return result.error() == errc::timed_out ? ending::timed_out : ending::other;
}

bool before(wait_point where, wait_point other) {
  return static_cast<int>(where) < static_cast<int>(other);
}

/// Who comes first decides. But a stop that comes before its callback is armed is
/// seen when that is done; and one who is not enlisted yet finds what is left then.
ending expected(events given, wait_point where, bool sends) {
  const auto stop = std::find(given.begin(), given.end(), event::stop);
  if (before(where, wait_point::limited) && stop != given.end())
    std::rotate(stop, stop + 1, given.end());
  const bool closes
    = std::find(given.begin(), given.end(), event::close) != given.end();
  if (sends && closes && before(where, wait_point::enlisted))
    return ending::closed;
  switch (given.front()) {
    case event::partner:
      return ending::done;
    case event::stop:
      return ending::cancelled;
    case event::close:
      return ending::closed;
  }
  return ending::other;
}

/// The points that a wait passes whom nobody disturbs.
std::vector<wait_point> points_of(std::uint32_t capacity, bool limited) {
  std::vector<wait_point> result{wait_point::enlisted, wait_point::limited,
                                 wait_point::looking,  wait_point::yielding,
                                 wait_point::drowsy,   wait_point::asleep};
  if (capacity >= levada::detail::smallest_patient)
    result.insert(result.begin(), {wait_point::resting, wait_point::tired});
  if (limited)
    result.insert(result.end(), {wait_point::woken, wait_point::timed_out});
  return result;
}

struct one_wait {
  runtime rt{{.workers = 1}};
  sender<std::string> tx;
  receiver<std::string> rx;
  std::stop_source stop;
  std::optional<std::string> taken;
  bool came = false;
  ending how = ending::other;

  explicit one_wait(std::uint32_t capacity) {
    auto ends = make_channel<std::string>(rt, {.capacity = capacity});
    tx = std::move(ends.tx);
    rx = std::move(ends.rx);
  }

  void happen(event what, bool sends) {
    if (what == event::stop)
      stop.request_stop();
    else if (what == event::close)
      tx.close();
    else if (!sends)
      (void)tx.try_send("theirs").has_value();
    else if (auto got = rx.try_receive())
      taken = *std::move(got);
  }

  /// Waits on a thread that has learnt nothing yet.
  template <class Wait>
  void run(wait_point where, const events& given, bool sends, Wait wait) {
    std::thread{[&] {
      meddler between{where, [&] {
                        for (const auto each : given)
                          happen(each, sends);
                      }};
      how = wait();
      came = between.came();
    }}.join();
  }
};

} // namespace

TEST_CASE(
  "a thread's receive ends as the first of those says who come at any "
  "point of its wait (B-23, X-06)") {
  const auto capacity = GENERATE(0U, 1U, 16U);
  const bool limited = GENERATE(false, true);
  for (const auto where : points_of(capacity, limited))
    for (const auto& given : one_or_two_events()) {
      INFO("at " << static_cast<int>(where) << name_of(given));
      one_wait test{capacity};
      std::string got;
      test.run(where, given, false, [&] {
        const auto token = test.stop.get_token();
        const auto seen = [&](const auto& result) {
          got = result ? *result : "";
          return ending_of(result);
        };
        return limited ? seen(test.rx.blocking_receive_for(1ms, token))
                       : seen(test.rx.blocking_receive(token));
      });
      CHECK(test.came);
      const auto should = expected(given, where, false);
      CHECK(test.how == should);
      CHECK(got == (should == ending::done ? "theirs" : ""));
      CHECK(test.rx.info().waiting_receivers == 0);
      CHECK(conserved(test.rx.stats()));
      // What the partner sent is here, or there, or was not sent.
      const auto stats = test.rx.stats();
      CHECK(stats.sent == (got.empty() ? 0U : 1U) + test.rx.drain().size());
    }
}

TEST_CASE(
  "a thread's send ends as the first of those says who come at any "
  "point of its wait, and its value is in one place (B-23, X-07)") {
  const auto capacity = GENERATE(0U, 1U, 16U);
  const bool limited = GENERATE(false, true);
  for (const auto where : points_of(capacity, limited))
    for (const auto& given : one_or_two_events()) {
      INFO("at " << static_cast<int>(where) << name_of(given));
      one_wait test{capacity};
      while (test.tx.try_send("before"))
        ;
      std::string back;
      test.run(where, given, true, [&] {
        const auto token = test.stop.get_token();
        const auto seen = [&](auto result) {
          back = result ? "" : std::move(result).value();
          return ending_of(result);
        };
        return limited ? seen(test.tx.blocking_send_for("mine", 1ms, token))
                       : seen(test.tx.blocking_send("mine", token));
      });
      CHECK(test.came);
      const auto should = expected(given, where, true);
      CHECK(test.how == should);
      CHECK(back == (should == ending::done ? "" : "mine"));
      CHECK(test.tx.info().waiting_senders == 0);
      CHECK(conserved(test.rx.stats()));
      auto rest = test.rx.drain();
      if (test.taken)
        rest.insert(rest.begin(), *std::move(test.taken));
      std::vector<std::string> all(capacity, "before");
      if (should == ending::done)
        all.emplace_back("mine");
      CHECK(rest == all);
    }
}

TEST_CASE(
  "a wait that nobody disturbs passes each of its points, and times out "
  "(B-06, B-23)") {
  const auto capacity = GENERATE(0U, 1U, 16U);
  for (const auto where : points_of(capacity, true)) {
    INFO("at " << static_cast<int>(where));
    one_wait test{capacity};
    test.run(where, {}, false,
             [&] { return ending_of(test.rx.blocking_receive_for(1ms)); });
    CHECK(test.came);
    CHECK(test.how == ending::timed_out);
    CHECK(test.rx.info().waiting_receivers == 0);
  }
}
