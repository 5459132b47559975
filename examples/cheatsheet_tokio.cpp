// Regions of docs/cheatsheet.md: tokio's idioms.

#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [mpsc]
levada::task<> produce(levada::sender<int> tx) {
  auto sent = co_await tx.send(1);
  if (!sent)
    std::cout << "nobody takes " << sent.take() << '\n'; // into_inner()
}

levada::task<> consume() {
  auto [tx, rx] = levada::make_channel<int>({.capacity = 8});
  levada::spawn(produce, tx);            // a copy is a clone
  levada::spawn(produce, std::move(tx)); // the last one gone closes
  while (auto v = co_await rx.receive())
    std::cout << *v << '\n';
}
// [/mpsc]

// [try_send]
void offer(const levada::sender<std::string>& tx) {
  auto sent = tx.try_send("news");
  if (sent.full())
    std::cout << "no room for " << sent.take() << '\n';
  else if (sent.closed())
    std::cout << "nobody wants " << sent.take() << '\n';
}
// [/try_send]

// [reserve]
levada::task<> promise(levada::sender<std::string> tx) {
  auto place = co_await tx.reserve();
  if (!place)
    co_return;                // closed
  std::string costly(3, 'x'); // made only now that there is room for it
  auto sent = place->send(std::move(costly));
  sent.check();
}
// [/reserve]

// [many]
levada::task<std::size_t> in_batches(levada::receiver<int> rx) {
  std::size_t batches = 0;
  std::vector<int> batch;
  while (auto got = co_await rx.receive_many(batch, 100)) {
    ++batches;
    batch.clear();
  }
  co_return batches;
}
// [/many]

// [select]
levada::task<> first_of(levada::receiver<int> urgent,
                        levada::receiver<int> usual) {
  auto chosen
    = co_await levada::select(levada::biased, urgent, usual, levada::after(1s));
  switch (chosen.index()) {
    case 0:
      std::cout << "urgent " << chosen.get<0>().value() << '\n';
      break;
    case 1:
      std::cout << "usual " << chosen.get<1>().value() << '\n';
      break;
    default:
      std::cout << "nothing\n";
  }
}
// [/select]

// [timeout]
levada::task<> soon(levada::receiver<int> rx) {
  auto got = co_await rx.receive_for(1s);
  if (got.timed_out())
    std::cout << "too late\n"; // and nothing was taken
}
// [/timeout]

// [blocking]
levada::task<int> computed(int n) {
  auto result = co_await levada::blocking([&n] { return n * n; });
  co_return result;
}
// [/blocking]

// [closed]
levada::task<> until_unwanted(levada::sender<int> tx) {
  auto closed = co_await tx.closed(); // the last receiver has gone
  std::cout << (closed ? "nobody listens\n" : "cancelled\n");
}
// [/closed]

// [weak]
void log_if_open(const levada::weak_sender<int>& weak) {
  if (auto tx = weak.upgrade())
    std::cout << tx.size() << " queued\n";
  else
    std::cout << "all senders have gone\n";
}
// [/weak]

levada::task<> run() {
  co_await consume();
  auto [tx, rx] = levada::make_channel<std::string>({.capacity = 1});
  offer(tx);
  offer(tx);
  auto first = rx.try_receive();
  co_await promise(tx);
  std::cout << first.value() << ' ' << rx.try_receive().value() << '\n';
  rx.close();
  offer(tx);

  auto numbers = levada::make_channel<int>({.capacity = 8});
  auto weak = numbers.tx.downgrade();
  for (const int n : {1, 2, 3})
    (void)numbers.tx.try_send(n);
  co_await first_of(levada::never<int>(), numbers.rx);
  co_await first_of(levada::never<int>(), levada::never<int>());
  log_if_open(weak);
  numbers.tx = {};
  log_if_open(weak);
  auto batches = co_await in_batches(std::move(numbers.rx));
  std::cout << batches << " batch\n";

  auto empty = levada::make_channel<int>();
  co_await soon(empty.rx);
  empty.rx = {};
  co_await until_unwanted(std::move(empty.tx));
  auto square = co_await computed(7);
  std::cout << square << '\n';
}

} // namespace

int main() {
  levada::manual_clock time;
  levada::runtime rt{{.workers = 1, .time = &time}};
  auto running = rt.spawn(run);
  while (!running.done())
    if (time.armed() != 0)
      time.advance(1s);
    else
      std::this_thread::yield();
  running.blocking_join();
}
