// Regions of docs/guide.md: any_receiver, map, filter, merge, timers, events.

#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [any]
// Takes whatever gives strings: a channel, a filter of one, a merge of several.
levada::task<> print_all(levada::any_receiver<std::string> in) {
  while (auto line = co_await in.receive())
    std::cout << *line << '\n';
}

levada::any_receiver<std::string>
only_errors(levada::receiver<std::string> log) {
  return levada::filter(std::move(log), [](const std::string& line) {
    return line.starts_with("error");
  });
}
// [/any]

// [combine]
levada::task<> report(levada::receiver<int> celsius,
                      levada::receiver<std::string> notes) {
  auto changes = levada::filter(
    std::move(celsius),
    levada::with_previous([](int now, int before) { return now != before; }));
  auto degrees = levada::map(
    std::move(changes), [](int c) { return std::to_string(c) + " degrees"; });
  co_await print_all(levada::merge(std::move(degrees), std::move(notes)));
}
// [/combine]

// [timer]
// Asks again and again, ever less often, until told that it is enough.
levada::task<int> ask_until(levada::event enough) {
  int questions = 0;
  levada::timer every{1s, levada::missed_tick::skip_and_drift};
  for (;;) {
    auto chosen = co_await levada::select(every, enough);
    if (chosen.from(every) == nullptr)
      co_return questions;
    ++questions;
    every.reset_to(every.interval() * 2);
  }
}
// [/timer]

// [deadline]
// What came before half a second passed without anything.
levada::task<std::vector<int>> burst(levada::receiver<int> in) {
  std::vector<int> got;
  levada::one_shot_timer silence{500ms};
  for (;;) {
    auto chosen = co_await levada::select(in, silence);
    auto* item = chosen.from(in);
    if (item == nullptr || !*item)
      co_return got; // silent, closed, or cancelled
    got.push_back(**item);
    silence.reset(500ms);
  }
}
// [/deadline]

// [event]
// However often it is told meanwhile, it does the work once more.
levada::task<int> rebuild_when_told(levada::event changed) {
  int builds = 0;
  while (auto told = co_await changed.receive())
    ++builds;
  co_return builds; // stopped
}
// [/event]

/// Moves the time while something waits for it.
template <class Handle>
void let_time_pass(levada::manual_clock& time, Handle& until_done) {
  while (!until_done.done())
    if (time.armed() != 0)
      time.advance(100ms);
    else
      std::this_thread::yield();
}

void receivers(levada::runtime& rt) {
  auto [log_tx, log] = levada::make_channel<std::string>(rt, {.capacity = 4});
  for (const char* line : {"start", "error: no disk", "error: no net", "end"})
    (void)log_tx.blocking_send(line);
  log_tx = {};
  rt.block_on(print_all(only_errors(std::move(log))));

  auto [celsius_tx, celsius] = levada::make_channel<int>(rt, {.capacity = 8});
  auto [notes_tx, notes] = levada::make_channel<std::string>(rt);
  for (const int c : {20, 20, 21, 21, 20})
    (void)celsius_tx.blocking_send(c);
  celsius_tx = {};
  notes_tx = {};
  rt.block_on(report(std::move(celsius), std::move(notes)));
}

void timers_and_events(levada::runtime& rt, levada::manual_clock& time) {
  levada::event enough{rt, "enough"};
  auto asking = rt.spawn(ask_until, enough);
  for (const auto length : {1s, 2s, 4s}) {
    while (time.armed() == 0)
      std::this_thread::yield();
    time.advance(length);
  }
  while (time.armed() == 0)
    std::this_thread::yield();
  enough.set();
  std::cout << asking.blocking_join() << " questions\n";

  auto [tx, rx] = levada::make_channel<int>(rt, {.capacity = 4});
  for (const int n : {1, 2, 3})
    (void)tx.blocking_send(n);
  auto bursting = rt.spawn(burst, std::move(rx));
  let_time_pass(time, bursting);
  std::cout << bursting.blocking_join().size() << " in the burst\n";

  levada::event changed{rt, "changed"};
  for (int i = 0; i < 3; ++i)
    changed.set();
  changed.stop();
  std::cout << rt.block_on(rebuild_when_told(changed)) << " rebuild\n";
}

} // namespace

int main() {
  levada::manual_clock time;
  levada::runtime rt{{.time = &time}};
  receivers(rt);
  timers_and_events(rt, time);
}
