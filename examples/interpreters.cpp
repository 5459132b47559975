// The program a user of CPython's interpreters.channels would write: a second
// runtime stands for the second interpreter. See docs/interpreters.md.
// covers: I-13, I-20, I-30, I-31, I-32, I-36

#include <iostream>
#include <memory>
#include <string>

#include <levada/levada.hpp>

namespace {

// [worker]
levada::task<> worker(levada::owned_receiver<std::string> in,
                      levada::owned_sender<std::string> out) {
  while (auto got = co_await in.receive()) { // rch.recv()
    auto sent = co_await out.send("echo " + *got);
    if (!sent)
      break;
  }
}
// [/worker]

// [buffer]
levada::task<> fill(levada::receiver<levada::shared_buffer> in,
                    levada::sender<levada::unit> done) {
  auto got = co_await in.receive();
  if (!got)
    co_return;
  for (auto& each : got->as<int>())
    each *= 2; // in the sender's memory
  auto sent = co_await done.send(levada::unit{});
  if (!sent)
    std::cout << "nobody waits\n";
}
// [/buffer]

levada::task<> leave_some(levada::owned_sender<std::string> out) {
  using levada::owner_gone;
  auto a = co_await out.send("kept", owner_gone::keep);
  auto b = co_await out.send("replaced", owner_gone::replace);
  auto c = co_await out.send("an error", owner_gone::error);
  auto d = co_await out.send("removed", owner_gone::remove);
  if (!(a && b && c && d))
    std::cout << "not all were sent\n";
}

void print(const levada::try_owned_result<std::string>& got) {
  // [result]
  if (got.has_value())
    std::cout << *got << '\n';
  else if (got.is_unbound()) // sent with owner_gone::replace
    std::cout << "(unbound)\n";
  else // sent with owner_gone::error, or closed
    std::cout << "(" << got.error().message() << ")\n";
  // [/result]
}

void close_by_id(levada::runtime& rt, std::uint64_t id) {
  // [close]
  try {
    rt.close(id); // both ends: an error while items are queued
  } catch (const levada::channel_not_empty& error) {
    std::cout << error.code().message() << '\n';
  }
  rt.close(id, {.end = levada::close_request::which::send}); // let it drain
  // [/close]
}

} // namespace

int main() {
  levada::runtime rt;

  // [spawn]
  auto interpreter = std::make_unique<levada::runtime>();
  auto [requests, rch] = levada::make_owned_channel<std::string>(rt);
  auto [sch, answers] = levada::make_owned_channel<std::string>(rt);
  auto running = interpreter->spawn(worker, rch, sch);
  // [/spawn]

  auto asked = requests.blocking_send("hello");
  if (asked)
    std::cout << answers.blocking_receive().value() << '\n';
  requests.close();
  running.blocking_join();

  auto [buffers, views] = levada::make_channel<levada::shared_buffer>(rt);
  auto [done, finished] = levada::make_channel<levada::unit>(rt);
  auto filling = interpreter->spawn(fill, views, done);
  auto buffer = levada::shared_buffer::from(std::vector<int>{1, 2, 3});
  auto given = buffers.blocking_send(buffer); // send_buffer: no copy
  if (given && finished.blocking_receive())
    for (int each : buffer.as<int>())
      std::cout << each << ' ';
  std::cout << '\n';
  filling.blocking_join();

  // What an interpreter leaves behind when it is destroyed.
  auto leaving = interpreter->spawn(leave_some, sch);
  leaving.blocking_join();
  auto mine = sch.blocking_send("mine");
  std::cout << answers.size() << " queued\n";
  interpreter.reset();
  std::cout << answers.size() << " queued after its end\n";
  for (int i = 0; i < 3; ++i)
    print(answers.try_receive());

  close_by_id(rt, answers.id());
  if (mine)
    print(answers.try_receive());
  print(answers.try_receive());
}
