// What the tests of killing share: where every item is, by its number.
#pragma once

#include <algorithm>
#include <atomic>
#include <random>
#include <vector>

#include "support.hpp"

namespace levada_tests {

/// Numbers for items, and how often each was received or stayed with its owner.
class ledger {
public:
  explicit ledger(int most) : ends_(static_cast<std::size_t>(most)) {
  }

  /// The next item; when all are used up they are not told apart any more.
  int make() {
    return std::min(made_.fetch_add(1), last());
  }
  void received(int item) {
    ++received_;
    ends_[static_cast<std::size_t>(item)].fetch_add(1);
  }
  /// It was not sent, or was received by somebody who ends with it.
  void kept(int item) {
    ++kept_;
    ends_[static_cast<std::size_t>(item)].fetch_add(1);
  }

  /// Each item made is somewhere, once.
  bool balanced() const {
    const int made = made_;
    if (received_ + kept_ != made)
      return false;
    const auto told_apart = ends_.begin() + std::min(made, last());
    return std::all_of(ends_.begin(), told_apart,
                       [](const auto& times) { return times == 1; });
  }
  int made() const {
    return made_;
  }
  int received() const {
    return received_;
  }
  int kept() const {
    return kept_;
  }

private:
  int last() const {
    return static_cast<int>(ends_.size()) - 1;
  }

  std::vector<std::atomic<int>> ends_;
  std::atomic<int> made_{0};
  std::atomic<int> received_{0};
  std::atomic<int> kept_{0};
};

/// True when the item stayed with the sender.
template <class Result>
bool stayed(ledger& all, Result&& sent) {
  if (sent)
    return false;
  all.kept(sent.take());
  return true;
}

// What a cancelled task awaits goes on while it needs no waiting; so each victim
// looks at its token, too, or those it meets could keep it busy for ever.

inline task<> sends_until(levada::channel<int> at, ledger* all,
                          std::stop_token dead) {
  while (!dead.stop_requested()) {
    auto sent = co_await at.tx().send(all->make());
    if (stayed(*all, sent))
      co_return;
  }
}

inline task<> receives_until(levada::channel<int> at, ledger* all,
                             std::stop_token dead) {
  while (auto got = co_await at.rx().receive()) {
    all->received(*got);
    if (dead.stop_requested())
      co_return;
  }
}

/// Lets some time pass, without giving up the processor, mostly.
inline void let_run(std::mt19937& dice, unsigned most) {
  if (dice() % 8 == 0)
    std::this_thread::yield();
  std::atomic<unsigned> turns{1 + static_cast<unsigned>(dice() % most)};
  while (turns.fetch_sub(1) > 1)
    ;
}

/// Nobody waits at it, and nobody but the test holds an end.
template <class T>
void check_deserted(const sender<T>& tx) {
  const auto info = tx.info();
  CHECK(info.waiting_senders == 0);
  CHECK(info.waiting_receivers == 0);
  CHECK(info.sender_handles == 1);
  CHECK(info.receiver_handles == 1);
  CHECK(conserved(tx.stats()));
  CHECK(tx.stats().leased == 0);
}

/// The same, and what is left there was received by the test.
inline void empty_deserted(const levada::channel<int>& at, ledger& all) {
  check_deserted(at.tx());
  for (const int item : at.rx().drain())
    all.received(item);
  CHECK(at.stats().buffered == 0);
}

} // namespace levada_tests
