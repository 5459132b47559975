// Regions of docs/cheatsheet.md: broadcasts and oneshots.

#include <iostream>
#include <string>
#include <utility>

#include <levada/levada.hpp>

namespace {

// [broadcast]
levada::task<> tell_everybody() {
  auto [tx, log]
    = levada::make_broadcast<int>({.name = "power", .resend_latest = true});
  auto sent = co_await tx.send(1);
  auto late = tx.subscribe({.name = "display", .capacity = 10});
  sent = co_await tx.send(2);
  tx = {};
  while (auto v = co_await log.receive())
    std::cout << "log " << *v << '\n';
  while (auto v = co_await late.receive()) // the latest first, then the rest
    std::cout << "display " << *v << '\n';
  sent.check();
}
// [/broadcast]

// [lagged]
levada::task<> too_slow() {
  auto [tx, rx] = levada::make_broadcast<int>({.capacity = 2});
  for (int i = 1; i <= 5; ++i) {
    auto sent = co_await tx.send(i); // drops the oldest, for this receiver
    sent.check();
  }
  auto got = co_await rx.receive();
  std::cout << got.lagged() << " were lost before " << *got << '\n';
}
// [/lagged]

// [oneshot]
levada::task<> answer(levada::oneshot_sender<std::string> reply) {
  auto sent = std::move(reply).send("yes"); // never waits, and only once
  if (!sent)
    std::cout << "nobody waits for it\n";
  co_return;
}

levada::task<> ask() {
  auto [tx, rx] = levada::make_oneshot<std::string>();
  levada::spawn(answer, std::move(tx));
  auto got = co_await rx.receive();
  std::cout << (got ? *got : "no answer") << '\n';
}
// [/oneshot]

levada::task<> run() {
  co_await tell_everybody();
  co_await too_slow();
  co_await ask();
}

} // namespace

int main() {
  levada::runtime rt{{.workers = 1}};
  rt.block_on(run);
}
