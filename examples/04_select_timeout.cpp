// select: the first of several things. Here answers, a time limit, and a try.

#include <iostream>
#include <string>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [timeout]
levada::task<std::string> answer_within(levada::receiver<std::string> answers,
                                        levada::duration limit) {
  auto chosen = co_await levada::select(answers, levada::after(limit));
  switch (chosen.index()) {
    case 0:
      co_return std::move(chosen.get<0>()).value_or("the channel is closed");
    case 1:
      co_return "no answer in time";
    default:
      co_return "cancelled";
  }
}
// [/timeout]

// [fan_in]
// Takes from whoever has something, until both are closed: a nil handle is never
// ready, so it switches its case off.
levada::task<int> sum_of_both(levada::receiver<int> a,
                              levada::receiver<int> b) {
  int sum = 0;
  while (a || b) {
    auto chosen = co_await levada::select(a, b);
    auto& from = chosen.index() == 0 ? a : b;
    auto* got = chosen.from(from);
    if (got == nullptr)
      break; // cancelled
    if (*got)
      sum += **got;
    else
      from = {};
  }
  co_return sum;
}
// [/fan_in]

// [either_way]
// Sends as well as receives may stand in one select; `otherwise` makes it a try.
levada::task<> try_both(levada::channel<int> ch) {
  for (int i = 0; i < 3; ++i) {
    auto chosen
      = co_await levada::select(levada::sending(ch, i), levada::otherwise);
    std::cout << (chosen.index() == 0 ? "sent " : "no room for ") << i << '\n';
  }
}
// [/either_way]

levada::task<> send_all(levada::sender<int> out, int from, int to) {
  for (int i = from; i < to; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

levada::task<> run() {
  auto [tx, rx] = levada::make_channel<std::string>({.capacity = 1});
  auto late = co_await answer_within(rx, 20ms);
  std::cout << late << '\n';

  auto sent = co_await tx.send("an answer");
  auto in_time = co_await answer_within(rx, 1h);
  std::cout << (sent ? in_time : "not sent") << '\n';

  tx.close();
  auto closed = co_await answer_within(rx, 1h);
  std::cout << closed << '\n';

  auto [a_tx, a_rx] = levada::make_channel<int>();
  auto [b_tx, b_rx] = levada::make_channel<int>({.capacity = 8});
  levada::spawn(send_all, std::move(a_tx), 0, 50);
  levada::spawn(send_all, std::move(b_tx), 50, 101);
  auto sum = co_await sum_of_both(std::move(a_rx), std::move(b_rx));
  std::cout << "sum: " << sum << '\n';

  levada::channel<int> narrow = levada::make_channel<int>({.capacity = 2});
  co_await try_both(narrow);
}

} // namespace

int main() {
  levada::runtime rt;
  rt.block_on(run());
}
