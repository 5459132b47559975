// Random operations on a channel and on a sequential model of it: what they
// return, and what is left, must agree after every step.
#include <deque>
#include <map>
#include <optional>
#include <random>

#include "support.hpp"

using namespace levada_tests;

namespace {

/// A channel, said as simply as possible. Parked senders and receivers are
/// queues of numbers; whoever is done has a line in `done`.
class model {
public:
  model(std::size_t capacity, overflow policy)
      : capacity_(capacity),
        policy_(policy) {
  }

  struct sent {
    send_status status = send_status::failed;
    std::optional<int> displaced;
  };

  /// Without waiting.
  sent try_send(int item) {
    if (closed_)
      return {};
    if (!receivers_.empty()) {
      finish_receiver(item);
      return {send_status::delivered, {}};
    }
    if (items_.size() < capacity_) {
      items_.push_back({item, false});
      return {send_status::queued, {}};
    }
    if (policy_ == overflow::wait || policy_ == overflow::reject)
      return {};
    if (policy_ == overflow::drop_incoming) {
      dead.push_back(item);
      return {send_status::dropped, {}};
    }
    const auto victim = policy_ == overflow::drop_oldest
                          ? items_.begin()
                          : std::prev(items_.end());
    dead.push_back(victim->value);
    if (victim->receipt)
      done[victim->value] = "dropped";
    items_.erase(victim);
    items_.push_back({item, false});
    return {send_status::replaced, {}};
  }

  sent force_send(int item) {
    auto result = try_send_as_wait(item);
    if (result.status != send_status::failed || closed_)
      return result;
    result = {send_status::queued, items_.front().value};
    if (items_.front().receipt)
      done[items_.front().value] = "dropped";
    items_.pop_front();
    items_.push_back({item, false});
    return result;
  }

  /// A task that sends item and parks where it must.
  void send(int item) {
    const auto now = try_send(item);
    if (now.status != send_status::failed)
      done[item] = "sent";
    else if (closed_ || policy_ == overflow::reject)
      done[item] = "back";
    else
      senders_.push_back({item, false});
  }

  void send_and_wait(int item) {
    if (closed_)
      done[item] = "back";
    else if (!receivers_.empty()) {
      finish_receiver(item);
      done[item] = "sent";
    } else if (items_.size() < capacity_)
      items_.push_back({item, true});
    else
      senders_.push_back({item, true});
  }

  /// A task that receives and parks where it must; `who` is not an item.
  void receive(int who) {
    if (const auto item = try_receive())
      done[who] = std::to_string(*item);
    else if (closed_)
      done[who] = "closed";
    else
      receivers_.push_back(who);
  }

  std::optional<int> try_receive() {
    if (items_.empty() && senders_.empty())
      return {};
    refill(1);
    const auto first = items_.front();
    items_.pop_front();
    if (first.receipt)
      done[first.value] = "sent";
    refill(0);
    return first.value;
  }

  bool close() {
    if (std::exchange(closed_, true))
      return false;
    for (const auto& each : senders_)
      done[each.value] = "back";
    senders_.clear();
    for (const auto who : receivers_)
      done[who] = "closed";
    receivers_.clear();
    return true;
  }

  std::size_t size() const {
    return items_.size();
  }
  std::size_t waiting_senders() const {
    return senders_.size();
  }
  std::size_t waiting_receivers() const {
    return receivers_.size();
  }

  std::map<int, std::string> done;
  std::vector<int> dead;

private:
  struct item {
    int value;
    bool receipt;
  };

  sent try_send_as_wait(int item) {
    const auto policy = std::exchange(policy_, overflow::wait);
    const auto result = try_send(item);
    policy_ = policy;
    return result;
  }

  void finish_receiver(int item) {
    done[receivers_.front()] = std::to_string(item);
    receivers_.pop_front();
  }

  /// Lets parked senders in while there is room, or `extra` more.
  void refill(std::size_t extra) {
    while (!senders_.empty()
           && (items_.size() < capacity_ || (items_.empty() && extra != 0))) {
      const auto first = senders_.front();
      senders_.pop_front();
      if (!first.receipt)
        done[first.value] = "sent";
      items_.push_back(first);
    }
  }

  std::size_t capacity_;
  overflow policy_;
  bool closed_ = false;
  std::deque<item> items_;
  std::deque<item> senders_;
  std::deque<int> receivers_;
};

/// The real thing, with what its tasks reported.
class subject {
public:
  explicit subject(const flavour& kind) {
    auto options = kind.options<int>();
    options.on_dead_letter = [this](int&& item, levada::dead_letter_reason) {
      dead.push_back(item);
    };
    ends_ = make_channel<int>(rt_, options);
  }

  const sender<int>& tx() const {
    return ends_.tx;
  }
  const receiver<int>& rx() const {
    return ends_.rx;
  }

  void send(int item) {
    run([this, item]() -> task<> {
      auto sent = co_await ends_.tx.send(item);
      done[item] = sent ? "sent" : "back";
    });
  }
  void send_and_wait(int item) {
    run([this, item]() -> task<> {
      auto sent = co_await ends_.tx.send_and_wait(item);
      done[item] = sent.status() == send_status::dropped ? "dropped"
                   : sent                                ? "sent"
                                                         : "back";
    });
  }
  void receive(int who) {
    run([this, who]() -> task<> {
      auto got = co_await ends_.rx.receive();
      done[who] = got ? std::to_string(*got) : "closed";
    });
  }

  /// Runs everything that can run: the one worker takes what was queued before
  /// this task first, and a task it wakes before this one's second turn.
  void settle() {
    rt_.block_on([]() -> task<> {
      for (int i = 0; i < 4; ++i)
        co_await levada::yield();
    });
  }

  void leave() {
    ends_ = {};
    settle();
  }

  std::map<int, std::string> done;
  std::vector<int> dead;

private:
  template <class F>
  void run(F&& work) {
    rt_.spawn(std::forward<F>(work)).detach();
    settle();
  }

  runtime rt_{{.workers = 1}};
  levada::channel_ends<int> ends_;
};

void compare(subject& real, const model& expected) {
  real.settle();
  const auto info = real.tx().info();
  REQUIRE(info.size == expected.size());
  REQUIRE(info.waiting_senders == expected.waiting_senders());
  REQUIRE(info.waiting_receivers == expected.waiting_receivers());
  REQUIRE(real.done == expected.done);
  REQUIRE(real.dead == expected.dead);
  REQUIRE(conserved(info.stats));
}

void step(subject& real, model& expected, int number, unsigned choice) {
  switch (choice) {
    case 0:
    case 1:
      UNSCOPED_INFO("try_send " << number);
      REQUIRE(real.tx().try_send(number).status()
              == expected.try_send(number).status);
      break;
    case 2:
    case 3: {
      UNSCOPED_INFO("try_receive");
      const auto got = real.rx().try_receive();
      REQUIRE((got ? std::optional{*got} : std::nullopt)
              == expected.try_receive());
      break;
    }
    case 4:
    case 5:
      UNSCOPED_INFO("send " << number);
      real.send(number);
      expected.send(number);
      break;
    case 6:
    case 7:
      UNSCOPED_INFO("receive " << -number);
      real.receive(-number);
      expected.receive(-number);
      break;
    case 8:
      UNSCOPED_INFO("send_and_wait " << number);
      real.send_and_wait(number);
      expected.send_and_wait(number);
      break;
    default:
      if (real.tx().capacity() == 0 || real.tx().is_closed())
        break;
      UNSCOPED_INFO("force_send " << number);
      REQUIRE(real.tx().force_send(number)
              == expected.force_send(number).displaced);
  }
}

} // namespace

TEST_CASE("a channel does what a sequential model does, in every flavour") {
  const auto kind = GENERATE(from_range(all_flavours()));
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U);
  INFO(kind << ", seed " << seed);
  std::mt19937 random{seed};
  subject real{kind};
  const auto unbounded = real.tx().capacity() == SIZE_MAX;
  model expected{unbounded ? SIZE_MAX : real.tx().capacity(), kind.on_full};
  // Phases lean to one side, so that both full and empty come about.
  for (int number = 1; number <= 120; ++number) {
    const bool fill = number / 20 % 2 == 0;
    auto choice = random() % 10;
    if (fill && (choice == 3 || choice == 7))
      choice = 4;
    if (!fill && (choice == 1 || choice == 5))
      choice = 2;
    step(real, expected, number, static_cast<unsigned>(choice));
    compare(real, expected);
    if (number == 100)
      REQUIRE(real.tx().close() == expected.close());
  }
  compare(real, expected);
}
