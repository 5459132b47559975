// Regions of docs/guide.md: tasks, handles, scopes, time.

#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [task]
levada::task<int> square(int n) {
  co_return n* n;
}

levada::task<int> sum_of_squares(int a, int b) {
  auto first = levada::spawn(square, a); // runs from now on, beside this task
  auto second = co_await square(b);      // runs as part of this task
  auto joined = co_await first.join();
  co_return joined + second;
}
// [/task]

// [scope]
levada::task<> fetch(std::string what, levada::sender<std::string> out) {
  if (what.empty())
    throw std::invalid_argument{"nothing to fetch"};
  auto sent = co_await out.send("fetched " + what);
  if (!sent)
    std::cout << "nobody wants " << sent.value() << '\n';
}

levada::task<> fetch_all(levada::sender<std::string> out) {
  levada::scope children;
  children.spawn(fetch, "a", out);
  children.spawn(fetch, "b", out);
  children.spawn(fetch, "", out);
  co_await children.join(); // all have ended; throws the first error
}
// [/scope]

// [time]
levada::task<> heartbeat(int beats) {
  auto ticks = levada::tick(1s);
  for (int i = 0; i < beats; ++i) {
    auto tick = co_await ticks.receive();
    if (!tick)
      co_return; // cancelled
    std::cout << "beat\n";
  }
}
// [/time]

// [blocking]
std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream{path}, line);
  return line;
}

levada::task<std::string> title_of(std::string path) {
  // Called here, it would hold up a worker and every task queued there.
  auto line = co_await levada::blocking([&path] { return first_line(path); });
  co_return line;
}
// [/blocking]

// [manual_clock]
// Tests of timed code need not wait: they move the clock.
void beat_without_waiting() {
  levada::manual_clock time;
  levada::runtime rt{{.time = &time}};
  auto beating = rt.spawn(heartbeat, 3);
  while (!beating.done())
    if (time.armed() != 0) // it sleeps
      time.advance(1s);
    else
      std::this_thread::yield();
  beating.blocking_join();
}
// [/manual_clock]

} // namespace

int main() {
  {
    levada::runtime rt;
    std::cout << rt.block_on(sum_of_squares(3, 4)) << '\n';
    auto [tx, rx] = levada::make_channel<std::string>(rt, {.capacity = 8});
    try {
      rt.block_on(fetch_all(std::move(tx)));
    } catch (const std::invalid_argument& error) {
      std::cout << error.what() << '\n';
    }
    std::cout << rt.block_on(title_of("/proc/self/comm")) << '\n';
  }
  beat_without_waiting();
}
