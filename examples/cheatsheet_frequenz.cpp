// Regions of docs/cheatsheet.md: the idioms of Frequenz channels.

#include <initializer_list>
#include <iostream>
#include <string>
#include <thread>
#include <utility>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [anycast]
levada::task<> hand_out() {
  auto [tx, rx]
    = levada::make_channel<int>({.name = "numbers", .capacity = 10});
  auto sent = co_await tx.send(1);
  if (!sent)
    std::cout << sent.value() << " came back: " << sent.error().message();
  auto got = co_await rx.receive();
  std::cout << got.value() << '\n'; // throws channel_closed, if it is
}
// [/anycast]

// [iterate]
levada::task<> listen(levada::receiver<int> rx) {
  while (auto v = co_await rx.receive())
    std::cout << *v << '\n';
  auto why = rx.close_record(); // reason, cause, by whom and when
  std::cout << to_string(why.reason) << '\n';
}
// [/iterate]

// [map_filter]
levada::any_receiver<std::string> labels(levada::receiver<int> rx) {
  auto positive = levada::filter(std::move(rx), [](int n) { return n > 0; });
  return levada::map(std::move(positive),
                     [](int n) { return "n=" + std::to_string(n); });
}
// [/map_filter]

// [previous]
levada::any_receiver<int> changes(levada::receiver<int> rx) {
  return levada::filter(
    std::move(rx),
    levada::with_previous([](int now, int before) { return now != before; }));
}
// [/previous]

// [merge]
levada::task<int> sum_of_all(levada::receiver<int> a, levada::receiver<int> b) {
  auto both = levada::merge(std::move(a), std::move(b));
  int sum = 0;
  while (auto v = co_await both.receive()) // ends when both have ended
    sum += *v;
  co_return sum;
}
// [/merge]

// [select]
levada::task<> dispatch(levada::receiver<int> numbers,
                        levada::receiver<std::string> words) {
  levada::select_set set;
  auto number = set.add(std::move(numbers));
  auto word = set.add(std::move(words));
  while (auto event = co_await set.next()) { // until all have stopped
    if (auto* n = event.from(number); n != nullptr && *n)
      std::cout << **n + 1 << '\n';
    else if (auto* w = event.from(word); w != nullptr && *w)
      std::cout << **w << '\n';
    else
      std::cout << "one has stopped\n";
  }
}
// [/select]

// [timer]
levada::task<> measure(levada::duration interval, int times) {
  levada::timer every{interval, levada::missed_tick::skip_and_resync};
  for (int i = 0; i < times; ++i) {
    auto tick = co_await every.receive();
    if (tick)
      std::cout << (tick->drift == 0s ? "in time\n" : "late\n");
  }
  every.reset(); // the next tick comes one interval from now
  every.stop();
}
// [/timer]

// [event]
levada::task<> stop_when_told(levada::receiver<int> rx, levada::event stop) {
  for (;;) {
    auto chosen = co_await levada::select(levada::biased, stop, rx);
    if (chosen.from(stop) != nullptr)
      co_return;
    if (auto* got = chosen.from(rx); got != nullptr && !*got)
      co_return;
  }
}
// [/event]

levada::receiver<int> numbers(std::initializer_list<int> from) {
  auto [tx, rx] = levada::make_channel<int>({.capacity = 8});
  for (const int n : from)
    (void)tx.try_send(n);
  return rx;
}

levada::task<> run() {
  co_await hand_out();
  auto three = numbers({1, 2, 3});
  co_await listen(std::move(three));

  auto mixed = numbers({-1, 2});
  auto labelled = labels(std::move(mixed));
  while (auto v = co_await labelled.receive())
    std::cout << *v << '\n';

  auto steps = numbers({5, 5, 6});
  auto changed = changes(std::move(steps));
  while (auto v = co_await changed.receive())
    std::cout << *v << '\n';

  auto ones = numbers({1, 2});
  auto tens = numbers({10, 20});
  auto sum = co_await sum_of_all(std::move(ones), std::move(tens));
  std::cout << sum << '\n';

  auto few = numbers({41});
  auto [words_tx, words] = levada::make_channel<std::string>({.capacity = 1});
  auto dispatching = levada::spawn(dispatch, std::move(few), std::move(words));
  co_await levada::yield();
  words_tx = {};
  co_await dispatching.join();

  co_await measure(1s, 2);

  levada::event stop;
  auto [tx, rx] = levada::make_channel<int>();
  auto waiting = levada::spawn(stop_when_told, std::move(rx), stop);
  stop.set();
  co_await waiting.join();
  std::cout << "stopped\n";
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
