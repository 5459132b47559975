// Regions of docs/cheatsheet.md: the latest value.

#include <iostream>
#include <string>
#include <utility>

#include <levada/levada.hpp>

namespace {

// [watch]
levada::task<> apply(levada::latest_receiver<std::string> settings) {
  while (auto changed = co_await settings.receive()) // the newest, once
    std::cout << "apply " << *changed << '\n';
}

levada::task<> configure() {
  auto [tx, rx] = levada::make_latest<std::string>("initial");
  auto applying = levada::spawn(apply, std::move(rx));
  co_await levada::yield();
  tx.send_replace("draft");
  tx.send_modify([](std::string& text) { text += ", corrected"; });
  std::cout << "now " << *tx.borrow() << '\n';
  {
    const auto last = std::move(tx); // the last sender goes
  }
  co_await applying.join();
}
// [/watch]

// [cache]
levada::task<> show(levada::receiver<int> rx) {
  levada::latest_value_cache latest{std::move(rx)};
  co_await levada::yield(); // (so that it has received what is there)
  if (auto now = latest.get())
    std::cout << "latest " << *now << '\n';
  else
    std::cout << "nothing yet\n";
  latest.stop();
}
// [/cache]

levada::task<> run() {
  co_await configure();
  auto [tx, rx] = levada::make_channel<int>({.capacity = 4});
  for (const int n : {1, 2, 3})
    (void)tx.try_send(n);
  co_await show(std::move(rx));
}

} // namespace

int main() {
  levada::runtime rt{{.workers = 1}};
  rt.block_on(run);
}
