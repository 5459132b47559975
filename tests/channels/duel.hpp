// Two things at the same time, as nearly as two threads can.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace levada_tests {

/// Runs one thing here and another on its own thread at once. Both go to the
/// start line first; then whoever lost lately gets a little head start, which
/// keeps the two as close to each other as the machine allows.
class duel {
public:
  explicit duel(std::function<void()> other)
      : other_(std::move(other)),
        thread_([this] { serve(); }) {
  }
  ~duel() {
    tell(asked_, -1);
  }

  template <class F>
  void run(F&& here) {
    const int round = ++round_;
    tell(asked_, round);
    ready_.wait(round - 1);
    started_ = round;
    idle(head_start_);
    here();
    done_.wait(round - 1);
  }

  /// Who was first this time.
  void won(bool by_here) {
    head_start_ = head_start_ + (by_here ? 16 : -16);
  }

private:
  static void idle(int steps) {
    volatile int count = 0;
    while (count < steps)
      count = count + 1;
  }

  static void tell(std::atomic<int>& whom, int what) {
    whom = what;
    whom.notify_one();
  }

  void serve() {
    for (int last = 0;;) {
      asked_.wait(last);
      const int round = asked_;
      if (round == -1)
        return;
      last = round;
      tell(ready_, round);
      while (started_ != round)
        ; // a moment, with the other side at the line, too
      idle(-head_start_);
      other_();
      tell(done_, round);
    }
  }

  std::function<void()> other_;
  int round_ = 0;
  /// The other side's, when positive; ours, when negative.
  std::atomic<int> head_start_{0};
  std::atomic<int> asked_{0};
  std::atomic<int> ready_{0};
  std::atomic<int> started_{0};
  std::atomic<int> done_{0};
  std::jthread thread_;
};

/// So many rounds of a duel; fewer on a machine that is busy with other things:
/// there each takes some turns of its scheduler, and the two sides are rarely on
/// a processor at once.
class rounds_to_go {
public:
  explicit rounds_to_go(int most) : most_(most) {
  }
  bool next() {
    if (done_ == most_ || (done_ >= enough && clock::now() > late_))
      return false;
    ++done_;
    return true;
  }
  int done() const {
    return done_;
  }
  bool all_done() const {
    return done_ == most_;
  }

private:
  using clock = std::chrono::steady_clock;
  static constexpr int enough = 500;

  const int most_;
  int done_ = 0;
  const clock::time_point late_ = clock::now() + std::chrono::seconds{10};
};

} // namespace levada_tests
