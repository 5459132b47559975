// Regions of docs/cheatsheet.md: the idioms of Kotlin's channels.

#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [overflow]
levada::channel_ends<std::string> newest_only() {
  levada::channel_options<std::string> options;
  options.capacity = 1;
  options.on_full = levada::overflow::drop_oldest;
  options.on_dead_letter = [](std::string&& lost, auto why) {
    std::cout << lost << " is lost: " << to_string(why) << '\n';
  };
  return levada::make_channel<std::string>(options);
}
// [/overflow]

// [produce]
levada::receiver<int> squares(int count) {
  auto [tx, rx] = levada::make_channel<int>();
  levada::spawn(
    [](int count, levada::sender<int> out) -> levada::task<> {
      for (int i = 1; i <= count; ++i) {
        auto sent = co_await out.send(i * i);
        if (!sent)
          co_return; // the receiver has gone
      }
    },
    count, std::move(tx));
  return rx; // closes when the task ends
}
// [/produce]

// [cause]
levada::task<> fail(levada::sender<int> tx, levada::receiver<int> rx) {
  tx.close("the disk is full");
  auto got = co_await rx.receive();
  auto record = rx.close_record();
  try {
    if (!got && record.cause)
      std::rethrow_exception(record.cause);
  } catch (const std::runtime_error& error) {
    std::cout << error.what() << '\n';
  }
}
// [/cause]

// [or_null]
levada::task<int> next_or(levada::receiver<int> rx, int other) {
  auto got = co_await rx.receive_for(10ms);
  co_return std::move(got).value_or(other);
}
// [/or_null]

// [scope]
levada::task<> tell(std::string what) {
  std::cout << what << '\n';
  co_return;
}

levada::task<> tell_both() {
  levada::scope both;
  both.spawn(tell, "one");
  both.spawn(tell, "two");
  co_await both.join();
  std::cout << "both told\n";
}
// [/scope]

levada::task<> run() {
  {
    auto [tx, rx] = newest_only();
    for (const char* news : {"old", "new"}) {
      auto sent = co_await tx.send(news); // never waits
      sent.check();
    }
  } // the last receiver goes, with an item there
  auto rx = squares(3);
  while (auto v = co_await rx.receive())
    std::cout << *v << '\n';
  auto broken = levada::make_channel<int>();
  co_await fail(std::move(broken.tx), std::move(broken.rx));
  auto silent = levada::make_channel<int>();
  auto number = co_await next_or(silent.rx, -1);
  std::cout << number << '\n';
  co_await tell_both();
}

} // namespace

int main() {
  levada::runtime rt{{.workers = 1}};
  rt.block_on(run);
}
