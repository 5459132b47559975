// Regions of docs/cheatsheet.md: the idioms of CPython's interpreters.channels.
// covers: I-36

#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [create]
levada::task<> greet(levada::receiver<std::string> rx) {
  auto name = co_await rx.receive();
  std::cout << "hello, " << name.value() << '\n';
}

void two_runtimes() {
  levada::runtime here;
  levada::runtime there; // schedules its own tasks, like another interpreter
  auto [tx, rx]
    = levada::make_channel<std::string>(here, {.capacity = levada::unbounded});
  auto greeting = there.spawn(greet, std::move(rx));
  (void)tx.try_send("spam"); // send_nowait: there is always room
  greeting.blocking_join();
}
// [/create]

// [nowait]
void look(const levada::receiver<int>& rx) {
  auto item = rx.try_receive();
  if (item.empty())
    std::cout << "nothing there\n";
  std::cout << rx.try_receive().value_or(0) << '\n'; // with a default
}
// [/nowait]

// [send]
levada::task<> send_and_see(levada::sender<int> tx) {
  auto sent = co_await tx.send_and_wait_for(1, 100ms);
  if (sent.timed_out()) // the queue no longer holds it
    std::cout << "nobody took " << sent.take() << '\n';
}
// [/send]

// [registry]
void tidy(levada::runtime& rt) {
  for (const auto& each : rt.channels()) {
    std::cout << each.name << " holds " << each.size << '\n';
    try {
      rt.close(each.id, {.end = levada::close_request::which::receive});
    } catch (const levada::channel_not_empty&) {
      rt.close(each.id, {.force = true}); // what it holds is dropped
    }
  }
}
// [/registry]

// [owner_gone]
void left_behind() {
  levada::runtime here;
  auto there = std::make_unique<levada::runtime>();
  auto [tx, rx] = levada::make_owned_channel<std::string>(
    here, {.owner_gone = levada::owner_gone::replace});
  (void)tx.try_send("ham"); // with this, the channel has another owner, too
  auto sending = there->spawn(
    [](levada::owned_sender<std::string> out) -> levada::task<> {
      auto sent = co_await out.send("spam");
      sent.check();
    },
    tx);
  sending.blocking_join();
  there.reset(); // what it sent and nobody received is replaced
  std::cout << rx.try_receive().value() << '\n';
  auto item = rx.try_receive();
  if (item.is_unbound())
    std::cout << "who sent it has gone\n";
}
// [/owner_gone]

// [attach]
void look_by_id(levada::runtime& rt, std::uint64_t id) {
  auto rx = levada::attach_receiver<int>(rt, id); // checks the type, too
  std::cout << rx.size() << " queued\n";
  try {
    auto none = levada::attach_receiver<int>(rt, id + 1);
  } catch (const levada::channel_not_found&) {
    std::cout << "no such channel\n";
  }
}
// [/attach]

} // namespace

int main() {
  two_runtimes();
  levada::runtime rt;
  auto [tx, rx] = levada::make_channel<int>(
    rt, {.name = "numbers", .capacity = levada::unbounded});
  look(rx);
  rt.block_on(send_and_see, tx);
  (void)tx.try_send(5);
  look_by_id(rt, tx.id());
  tidy(rt);
  std::cout << to_string(rx.close_record().reason) << '\n';
  left_behind();
}
