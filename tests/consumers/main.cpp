// The program of the README, as somebody else's project compiles it.

#include <levada/levada.hpp>

#include <utility>

namespace {

levada::task<> produce(levada::sender<int> out) {
  for (int i = 0; i < 5; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

levada::task<int> consume(levada::receiver<int> in) {
  int sum = 0;
  while (auto v = co_await in.receive())
    sum += *v;
  co_return sum;
}

} // namespace

int main() {
  levada::runtime rt;
  auto [tx, rx]
    = levada::make_channel<int>(rt, {.name = "numbers", .capacity = 2});
  rt.spawn(produce, std::move(tx));
  return rt.block_on(consume(std::move(rx))) == 10 ? 0 : 1;
}
