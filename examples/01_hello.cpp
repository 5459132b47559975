// The program of the README: a producer, a consumer, a channel between them.

// [hello]
#include <iostream>

#include <levada/levada.hpp>

levada::task<> produce(levada::sender<int> out) {
  for (int i = 0; i < 5; ++i) {
    auto sent = co_await out.send(i); // waits while the channel is full
    if (!sent)
      co_return; // closed: nobody wants more
  }
} // the last sender goes: the channel closes by itself

levada::task<int> consume(levada::receiver<int> in) {
  int sum = 0;
  while (auto v = co_await in.receive()) // ends when closed and drained
    sum += *v;
  co_return sum;
}

int main() {
  levada::runtime rt;
  auto [tx, rx]
    = levada::make_channel<int>(rt, {.name = "numbers", .capacity = 2});
  rt.spawn(produce, std::move(tx));
  std::cout << "sum: " << rt.block_on(consume(std::move(rx))) << '\n';
}
// [/hello]
