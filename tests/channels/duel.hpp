// Two things at the same time, as nearly as two threads can.
#pragma once

#include <atomic>
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
    asked_ = -1;
  }

  template <class F>
  void run(F&& here) {
    const int round = ++round_;
    asked_ = round;
    while (ready_ != round)
      std::this_thread::yield();
    started_ = round;
    idle(head_start_);
    here();
    while (done_ != round)
      std::this_thread::yield();
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

  void serve() {
    for (int last = 0;;) {
      const int round = asked_;
      if (round == -1)
        return;
      if (round == last) {
        std::this_thread::yield();
        continue;
      }
      last = round;
      ready_ = round;
      while (started_ != round)
        ; // a moment, with the other side at the line, too
      idle(-head_start_);
      other_();
      done_ = round;
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

} // namespace levada_tests
