// What one writes with Frequenz channels: streams of measurements that are
// filtered, converted, merged, and selected from together with a timer.
//
// Two meters tell what they measure, a battery's and a solar panel's. The program
// prints what the site takes from the grid when that changes much, and an
// average every three seconds.
//
// The meters play what was recorded, on a clock that they move themselves: so no
// run waits, and all print the same.
// covers: F-36, F-37, F-50, F-59, F-70, F-71, F-74, F-83

#include <array>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <utility>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

using watts = double;

// [streams]
/// The readings that are readings, in kilowatts.
template <class Receiver>
levada::any_receiver<double> kilowatts(Receiver from) {
  auto measured
    = levada::filter(std::move(from), [](watts w) { return !std::isnan(w); });
  return levada::map(std::move(measured), [](watts w) { return w / 1000; });
}

bool differs_much(double now, double before) {
  return std::abs(now - before) >= 0.5;
}
// [/streams]

// [select]
levada::task<> watch(levada::receiver<watts> solar,
                     levada::receiver<watts> battery, levada::event alarm) {
  auto supplied
    = levada::map(kilowatts(std::move(solar)), [](double kw) { return -kw; });
  auto power
    = levada::merge(std::move(supplied), kilowatts(std::move(battery)));
  levada::timer every{3s, levada::missed_tick::skip_and_resync};

  double sum = 0;
  int count = 0;
  for (;;) {
    auto chosen = co_await levada::select(power, every, alarm);
    if (auto* reading = chosen.from(power)) {
      if (!*reading)
        break; // both meters have ended
      sum += **reading;
      ++count;
      std::cout << "  " << **reading << " kW\n";
    } else if (auto* tick = chosen.from(every)) {
      const std::chrono::duration<double> late = (*tick)->drift;
      std::cout << count << " readings, " << (count == 0 ? 0 : sum / count)
                << " kW on average";
      if (late > 0s)
        std::cout << ", told " << late.count() << " s late";
      std::cout << '\n';
      sum = 0;
      count = 0;
    } else if (chosen.from(alarm) != nullptr) {
      std::cout << "the battery is hot\n";
    } else {
      break; // cancelled
    }
  }
  std::cout << "the meters have ended\n";
}
// [/select]

// [previous]
/// A reading is news when it is far from the one before.
levada::task<> tell_news(levada::receiver<double> readings) {
  auto news
    = levada::filter(std::move(readings), levada::with_previous(differs_much));
  while (auto kw = co_await news.receive())
    std::cout << "now at " << *kw << " kW\n";
}
// [/previous]

struct moment {
  levada::duration after; ///< since the moment before
  enum { solar, battery, alarm, asleep } what;
  watts value;
};

constexpr watts fault = std::numeric_limits<watts>::quiet_NaN();

constexpr std::array<moment, 12> recorded{{
  {1s, moment::battery, 1500},
  {500ms, moment::solar, 400},
  {500ms, moment::battery, 1700},
  {500ms, moment::solar, fault},
  {1s, moment::battery, 1900}, // the first three seconds have passed
  {500ms, moment::alarm, 0},
  {1s, moment::solar, 600},
  {500ms, moment::battery, fault},
  {1s, moment::battery, 2300},
  {7s, moment::asleep, 0}, // the machine; two averages are due meanwhile
  {500ms, moment::solar, 200},
  {500ms, moment::battery, 500},
}};

/// On one worker, whoever was woken has its turn while this yields.
levada::task<> play(levada::manual_clock* time, levada::sender<watts> solar,
                    levada::sender<watts> battery, levada::event alarm) {
  co_await levada::yield();
  for (const auto& each : recorded) {
    const auto step = each.what == moment::asleep ? each.after : 500ms;
    for (auto left = each.after; left > 0s; left -= step) {
      time->advance(step);
      co_await levada::yield();
    }
    if (each.what == moment::alarm)
      alarm.set();
    if (each.what == moment::solar || each.what == moment::battery) {
      auto& meter = each.what == moment::solar ? solar : battery;
      auto sent = co_await meter.send(each.value);
      if (!sent)
        co_return;
    }
    co_await levada::yield();
  }
}

levada::task<> run(levada::manual_clock* time) {
  auto [solar_tx, solar] = levada::make_channel<watts>({.name = "solar"});
  auto [battery_tx, battery] = levada::make_channel<watts>({.name = "battery"});
  levada::event alarm{"alarm"};
  auto watching
    = levada::spawn(watch, std::move(solar), std::move(battery), alarm);
  levada::spawn(play, time, std::move(solar_tx), std::move(battery_tx), alarm);
  co_await watching.join();

  auto [tx, rx] = levada::make_channel<double>();
  auto telling = levada::spawn(tell_news, std::move(rx));
  for (const double kw : {1.5, 1.6, 1.9, 2.2, 2.8, 2.7}) {
    auto sent = co_await tx.send(kw);
    if (!sent)
      break;
  }
  tx = {};
  co_await telling.join();
}

} // namespace

int main() {
  levada::manual_clock time;
  levada::runtime rt{{.workers = 1, .time = &time}};
  rt.block_on(run, &time);
}
