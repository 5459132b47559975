// Regions of docs/guide.md: seeing where a program hangs, and stopping it.

#include <iostream>
#include <thread>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [hang]
levada::task<> wait_for_work(levada::receiver<int> work) {
  while (auto item = co_await work.receive())
    std::cout << "never printed\n";
  std::cout << "no more work: " << to_string(work.close_record().reason)
            << '\n';
}

void see_where_it_hangs(levada::runtime& rt) {
  auto [tx, rx] = levada::make_channel<int>(rt, {.name = "work"});
  rt.spawn({.name = "worker"}, wait_for_work, rx);
  while (rx.info().waiting_receivers == 0)
    std::this_thread::yield();

  rt.dump(std::cerr); // for people
  for (const auto& task : rt.tasks())
    std::cout << task.name << " waits in " << to_string(task.reason)
              << " on channel \"" << rt.find(task.channel).name << "\"\n";

  // Closes every channel and ends every wait; says who did not end in time.
  auto report = rt.stop(10s);
  std::cout << (report.clean ? "all have ended" : "some are stuck") << '\n';
}
// [/hang]

} // namespace

int main() {
  levada::runtime rt;
  see_where_it_hangs(rt);
}
