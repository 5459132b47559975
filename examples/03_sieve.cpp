// The prime sieve: one task per prime found, each a filter in a chain that grows
// while it runs. The classic of Hoare's CSP and of Go.

#include <iostream>

#include <levada/levada.hpp>

namespace {

// [sieve]
levada::task<> count_from(int first, levada::sender<int> out) {
  for (int i = first;; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

levada::task<> without_multiples_of(int prime, levada::receiver<int> in,
                                    levada::sender<int> out) {
  while (auto number = co_await in.receive()) {
    if (*number % prime == 0)
      continue;
    auto sent = co_await out.send(*number);
    if (!sent)
      co_return;
  }
}

levada::task<> print_primes(int count) {
  auto [first_tx, numbers] = levada::make_channel<int>();
  levada::spawn(count_from, 2, std::move(first_tx));
  for (int i = 0; i < count; ++i) {
    auto prime = co_await numbers.receive();
    std::cout << prime.value() << '\n';
    auto [tx, rx] = levada::make_channel<int>();
    levada::spawn(without_multiples_of, *prime, std::move(numbers),
                  std::move(tx));
    numbers = std::move(rx);
  }
} // `numbers` goes: the last filter's sends fail, it ends, and so on up the chain
// [/sieve]

} // namespace

int main() {
  levada::runtime rt;
  rt.block_on(print_primes(20));
}
