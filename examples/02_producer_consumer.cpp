// Producer and consumer, as Go programmers write it: arrows, and an exit channel
// that says when both are done.
//
// On one worker the lines come in the order in which Go prints them on one
// processor: whoever is woken runs when the one who woke it waits.
// covers: J-01, J-08, J-09

#include <iostream>

#include <levada/levada.hpp>

namespace {

// [tasks]
levada::task<> producer(levada::channel<int> ch,
                        levada::channel<levada::unit> exit) {
  for (int i = 0; i < 5; ++i) {
    std::cout << "Sending " << i << '\n';
    co_await (ch << i);
    std::cout << "Sent " << i << '\n';
  }
  std::cout << "Finished producing\n";
  ch.close();
  co_await (exit << levada::unit{});
}

levada::task<> consumer(levada::channel<int> ch,
                        levada::channel<levada::unit> exit) {
  while (auto v = co_await ch.receive())
    std::cout << "Received " << *v << '\n';
  std::cout << "Finished consuming\n";
  co_await (exit << levada::unit{});
}
// [/tasks]

// [main]
levada::task<> run() {
  levada::channel<int> ch = levada::make_channel<int>({.capacity = 2});
  levada::channel<levada::unit> exit
    = levada::make_channel<levada::unit>({.capacity = 2});
  levada::spawn(consumer, ch, exit); // first: Go starts the last one first
  levada::spawn(producer, ch, exit);
  std::cout << "Waiting for everything to complete\n";
  levada::unit done;
  co_await (done << exit);
  co_await (done << exit);
  std::cout << "All done, exiting!\n";
}
// [/main]

} // namespace

int main() {
  levada::runtime rt{{.workers = 1}};
  rt.block_on(run());
}
