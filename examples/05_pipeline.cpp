// A pipeline: numbers -> squares (three workers) -> sum. Closing runs down it by
// itself, and an error in one stage arrives at its end.

#include <iostream>
#include <stdexcept>

#include <levada/levada.hpp>

namespace {

// [stages]
levada::task<> numbers(int count, levada::sender<long> out) {
  for (long i = 1; i <= count; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return; // the stage behind has given up, and so do we
  }
}

// Fan-out: several of these share `in`. Fan-in: they share `out`, which closes
// when the last of them has ended.
levada::task<> squares(levada::receiver<long> in, levada::sender<long> out,
                       long broken_at) {
  while (auto n = co_await in.receive()) {
    if (*n == broken_at) {
      out.close("cannot square " + std::to_string(*n));
      co_return;
    }
    auto sent = co_await out.send(*n * *n);
    if (!sent)
      co_return;
  }
}

levada::task<long> sum(levada::receiver<long> in) {
  long total = 0;
  while (auto n = co_await in.receive())
    total += *n;
  auto record = in.close_record();
  if (record.cause)
    std::rethrow_exception(record.cause);
  co_return total;
}
// [/stages]

// [plumbing]
levada::task<long> sum_of_squares(int count, long broken_at) {
  auto [numbers_tx, numbers_rx]
    = levada::make_channel<long>({.name = "numbers", .capacity = 16});
  auto [squares_tx, squares_rx]
    = levada::make_channel<long>({.name = "squares", .capacity = 16});
  levada::spawn(numbers, count, std::move(numbers_tx));
  for (int worker = 0; worker < 3; ++worker)
    levada::spawn(squares, numbers_rx, squares_tx, broken_at);
  // The workers have their own handles; ours would keep the channels open.
  numbers_rx = {};
  squares_tx = {};
  co_return co_await sum(std::move(squares_rx));
}
// [/plumbing]

} // namespace

int main() {
  levada::runtime rt;
  std::cout << "sum of the first 1000 squares: "
            << rt.block_on(sum_of_squares(1000, 0)) << '\n';
  try {
    rt.block_on(sum_of_squares(1000, 13));
  } catch (const std::exception& error) {
    std::cout << "error: " << error.what() << '\n';
  }
}
