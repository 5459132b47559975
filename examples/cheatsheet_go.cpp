// Regions of docs/cheatsheet.md: Go's idioms.

#include <iostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [range]
levada::task<> produce(levada::sender<int> out) {
  for (int i = 1; i <= 3; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return; // nobody receives any more
  }
} // closes: this was the last sender

levada::task<int> sum() {
  auto [tx, rx] = levada::make_channel<int>();
  levada::spawn(produce, std::move(tx));
  int sum = 0;
  while (auto v = co_await rx.receive())
    sum += *v;
  co_return sum;
}
// [/range]

// [comma_ok]
levada::task<> take(levada::receiver<int> rx) {
  auto v = co_await rx.receive();
  if (v)
    std::cout << "got " << *v << '\n';
  else
    std::cout << "closed\n";
}
// [/comma_ok]

// [timeout]
levada::task<> wait_for(levada::receiver<int> rx) {
  auto chosen = co_await levada::select(rx, levada::after(1s));
  if (auto* got = chosen.from(rx))
    std::cout << "got " << got->value() << '\n';
  else
    std::cout << "timed out\n";
}
// [/timeout]

// [default]
levada::task<> offer(levada::sender<int> tx) {
  auto chosen
    = co_await levada::select(levada::sending(tx, 1), levada::otherwise);
  std::cout << (chosen.index() == 0 ? "sent\n" : "no room\n");
}

void offer_it(const levada::sender<int>& tx) { // the same, without select
  auto sent = tx.try_send(1);
  std::cout << (sent ? "sent\n" : "no room\n");
}
// [/default]

// [nil]
levada::task<int> sum_of(levada::receiver<int> a, levada::receiver<int> b) {
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
      from = {}; // nil: never ready again
  }
  co_return sum;
}
// [/nil]

// [wait_group]
levada::task<int> gather() {
  auto [tx, rx] = levada::make_channel<int>();
  for (int worker = 0; worker < 4; ++worker)
    levada::spawn(produce, tx); // each has a sender of its own
  tx = {};                      // ours goes; the last of theirs closes
  int sum = 0;
  while (auto v = co_await rx.receive())
    sum += *v;
  co_return sum;
}
// [/wait_group]

// [errgroup]
levada::task<> fetch(std::string url) {
  if (url.empty())
    throw std::invalid_argument{"no url"};
  co_await levada::sleep_for(1h); // ended when another one fails
}

levada::task<> fetch_all() {
  levada::scope group;
  group.spawn(fetch, "a");
  group.spawn(fetch, "");
  co_await group.join(); // throws the first error, when all have ended
}
// [/errgroup]

// [cancel]
levada::task<> work(levada::receiver<int> jobs, std::stop_token stop) {
  for (;;) {
    auto chosen = co_await levada::select(jobs, stop);
    auto* job = chosen.from(jobs);
    if (job == nullptr || !*job)
      co_return; // told to stop, or no more jobs
    std::cout << "job " << **job << '\n';
  }
}
// [/cancel]

// [ticker]
levada::task<> beat(levada::receiver<levada::unit> done) {
  auto ticks = levada::tick(1s);
  for (;;) {
    auto chosen = co_await levada::select(ticks, done);
    if (chosen.from(ticks) == nullptr)
      co_return;
    std::cout << "beat\n";
  }
}
// [/ticker]

/// On one worker, whoever can go on does so while this yields.
levada::task<> let_pass(levada::manual_clock* time, levada::duration length) {
  constexpr auto step = 500ms;
  for (auto left = length; left > 0s; left -= step) {
    co_await levada::yield();
    time->advance(step);
  }
  co_await levada::yield();
}

levada::task<> channels() {
  auto total = co_await sum();
  auto a = levada::make_channel<int>();
  auto b = levada::make_channel<int>();
  levada::spawn(produce, std::move(a.tx));
  levada::spawn(produce, std::move(b.tx));
  auto both = co_await sum_of(std::move(a.rx), std::move(b.rx));
  auto all = co_await gather();
  std::cout << total << ' ' << both << ' ' << all << '\n';
}

levada::task<> selects(levada::manual_clock* time) {
  auto [tx, rx] = levada::make_channel<int>({.capacity = 1});
  co_await offer(tx);
  offer_it(tx);
  co_await wait_for(rx);
  auto waiting = levada::spawn(wait_for, rx);
  co_await let_pass(time, 1s);
  co_await waiting.join();
  tx.close();
  co_await take(rx);

  auto done = levada::make_channel<levada::unit>();
  auto beating = levada::spawn(beat, std::move(done.rx));
  co_await let_pass(time, 2500ms);
  done.tx.close();
  co_await beating.join();
}

levada::task<> ends() {
  try {
    co_await fetch_all();
  } catch (const std::invalid_argument& error) {
    std::cout << error.what() << '\n';
  }
  std::stop_source stop;
  auto jobs = levada::make_channel<int>();
  auto working = levada::spawn(work, std::move(jobs.rx), stop.get_token());
  auto sent = co_await jobs.tx.send(7);
  sent.check();
  stop.request_stop();
  co_await working.join();
}

levada::task<> run(levada::manual_clock* time) {
  co_await channels();
  co_await selects(time);
  co_await ends();
}

} // namespace

int main() {
  levada::manual_clock time;
  levada::runtime rt{{.workers = 1, .time = &time}};
  rt.block_on(run, &time);
}
