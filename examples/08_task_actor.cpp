// An actor whose body is a coroutine, a channel that actors message, and requests
// awaited: a kitchen. Guests are plain CAF actors; the cook takes orders from a
// channel and questions from its mailbox, until there are no more orders.

#include <iostream>
#include <string>

#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <levada/channels/caf_messages.hpp>
#include <levada/channels/request.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/task_actor.hpp>

using namespace std::chrono_literals;

namespace {

using how_many_atom = caf::atom_constant<caf::atom("how_many")>;
using taste_atom = caf::atom_constant<caf::atom("taste")>;

// [cook]
levada::task<> cook(levada::task_actor self,
                    levada::receiver<std::string> orders) {
  int cooked = 0;
  for (;;) {
    auto stop = self.stop_token();
    auto chosen = co_await levada::select(self.mailbox(), orders, stop);
    if (auto* message = chosen.from(self.mailbox()); message && *message)
      (*message)->handle([&](how_many_atom) { return cooked; });
    else if (auto* order = chosen.from(orders); order && *order)
      ++cooked;
    else
      break; // told to go home, or no more orders
  }
  std::cout << "the cook goes home after " << cooked << " dishes\n";
}
// [/cook]

// [taster]
// receive() takes what its handlers know; all else stays for a later receive().
levada::task<> taster(levada::task_actor self) {
  std::string dish;
  auto got = co_await self.receive([&](std::string served) { dish = served; });
  while (got)
    got = co_await self.receive(
      [&](taste_atom) { return dish + ", and it is good"; });
}
// [/taster]

// [guest]
// A guest is any CAF actor: it puts into the channel by a request, which is
// answered when the channel has taken the order.
void guest(caf::event_based_actor* self,
           levada::caf_channel<std::string> orders) {
  self->request(orders, 30s, levada::put_atom::value, std::string{"soup"})
    .then([=] {
      self->request(orders, 30s, levada::put_atom::value, std::string{"cake"})
        .then([] {});
    });
}
// [/guest]

// [host]
// Lets the guests in and waits until they have left. The last sender goes with it,
// so the channel of orders closes by itself.
levada::task<> host(levada::task_actor self,
                    levada::sender<std::string> orders) {
  auto address = levada::speak_caf(orders);
  for (int i = 0; i < 3; ++i)
    self.monitor(self.system().spawn(guest, address));
  for (int left = 0; left < 3; ++left) {
    auto got = co_await self.receive([](const caf::down_msg&) {});
    if (!got)
      co_return; // told to end
  }
}
// [/host]

// [ask]
levada::task<> ask(caf::actor whom) {
  auto count = co_await levada::request<int>(whom, 30s, how_many_atom::value);
  if (count)
    std::cout << "dishes so far: " << *count << '\n';
  else
    std::cout << "no answer: " << levada::to_text(count.error()) << '\n';
}
// [/ask]

} // namespace

int main() {
  levada::runtime rt;
  caf::scoped_actor self{rt.system()};
  // [spawn]
  auto [tx, rx]
    = levada::make_channel<std::string>(rt, {.name = "orders", .capacity = 1});
  caf::actor chef = levada::spawn_actor(rt, cook, std::move(rx));
  // [/spawn]
  rt.block_on(ask(chef));
  levada::spawn_actor(rt, host, std::move(tx));
  self->wait_for(chef);
  rt.block_on(ask(chef));

  caf::actor critic = levada::spawn_actor(rt, taster);
  caf::anon_send(critic, std::string{"soup"});
  auto said
    = rt.block_on(levada::request<std::string>(critic, 30s, taste_atom::value));
  std::cout << *said << '\n';
  caf::anon_send_exit(critic, caf::exit_reason::user_shutdown);
  self->wait_for(critic);
}
