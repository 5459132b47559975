// Random operations on a channel and on a sequential model of it: what they
// return, and what is left, must agree after every step.
#include <map>
#include <optional>
#include <random>

#include "model.hpp"

using namespace levada_tests;

namespace {

/// The real thing, with what its tasks reported.
class subject {
public:
  explicit subject(const flavour& kind) {
    auto options = kind.options<int>();
    options.on_dead_letter = [this](int&& item, levada::dead_letter_reason) {
      dead.push_back(item);
    };
    ends_ = make_channel<int>(rt_, options);
    kept_ = ends_.tx.downgrade();
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

  /// The tasks use the handles of `ends_`, also when these are given up.
  levada::weak_sender<int> kept_;
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
