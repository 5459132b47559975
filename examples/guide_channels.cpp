// Regions of docs/guide.md: channels, their results and their closing.

#include <iostream>
#include <string>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

levada::task<> make_some() {
  // [make]
  auto [hand_to_hand, taker] = levada::make_channel<int>(); // capacity 0
  auto [tx, rx]
    = levada::make_channel<int>({.name = "numbers", .capacity = 16});
  auto [log_tx, log_rx]
    = levada::make_channel<std::string>({.capacity = levada::unbounded});
  auto [news_tx, news_rx] = levada::make_channel<std::string>(
    {.capacity = 1, .on_full = levada::overflow::drop_oldest});
  // [/make]
  auto old = co_await news_tx.send("old news");
  auto fresh = co_await news_tx.send("fresh news");
  auto news = co_await news_rx.receive();
  if (old && fresh)
    std::cout << news.value() << '\n';
}

// [results]
levada::task<> try_and_wait(levada::sender<std::string> tx,
                            levada::receiver<std::string> rx) {
  auto now = rx.try_receive(); // never waits
  if (now.empty())
    std::cout << "nothing there\n";

  auto soon = co_await rx.receive_for(1ms);
  if (soon.timed_out())
    std::cout << "nothing came\n";

  tx.close();
  auto sent = co_await tx.send("too late");
  if (!sent) // nothing is lost: the value comes back
    std::cout << sent.error().message() << ": " << sent.take() << '\n';

  auto received = co_await rx.receive();
  try {
    std::cout << received.value() << '\n';
  } catch (const levada::channel_closed& error) {
    std::cout << "thrown: " << error.code().message() << '\n';
  }
}
// [/results]

// [closing]
levada::task<> close_with_cause(levada::sender<int> tx,
                                levada::receiver<int> rx) {
  auto first = co_await tx.send(1);
  tx.close("the pump is broken");
  // What is buffered is still received; then the channel says closed.
  while (auto v = co_await rx.receive())
    std::cout << "received " << *v << (first ? "\n" : "?\n");
  auto record = rx.close_record();
  std::cout << to_string(record.reason) << '\n';
  try {
    std::rethrow_exception(record.cause);
  } catch (const std::exception& cause) {
    std::cout << cause.what() << '\n';
  }
}
// [/closing]

// [many]
levada::task<int> add_in_batches(levada::receiver<int> in) {
  int sum = 0;
  std::vector<int> batch;
  while (auto got = co_await in.receive_many(batch, 64)) {
    for (auto v : batch)
      sum += v;
    batch.clear();
  }
  co_return sum;
}
// [/many]

levada::task<> run() {
  co_await make_some();
  auto [tx, rx] = levada::make_channel<std::string>();
  co_await try_and_wait(std::move(tx), std::move(rx));
  auto [a, b] = levada::make_channel<int>({.capacity = 1});
  co_await close_with_cause(std::move(a), std::move(b));
  auto [c, d] = levada::make_channel<int>({.capacity = 8});
  auto sum = levada::spawn(add_in_batches, std::move(d));
  std::vector numbers(1000, 2);
  auto all = co_await c.send_many(std::move(numbers));
  c = {};
  auto total = co_await sum.join();
  std::cout << all.sent() << " numbers, sum " << total << '\n';
}

} // namespace

int main() {
  levada::runtime rt;
  rt.block_on(run());
}
