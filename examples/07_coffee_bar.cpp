// An actor application with channels: a coffee bar.
//
// Orders come through a channel, cups go through another one, and everybody is an
// actor: the till, a typed one that is asked for prices; the baristas, who take
// orders from the line, ask the till and put cups on the counter; the keeper, who
// hands the cups out and calls the next barista when one goes home. The orders
// that she has taken and not made yet are first in the line again.
//
// A cup is no message of CAF's: what goes through channels needs no registration
// there, and may be move-only.
// covers: U-25

#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <caf/all.hpp>

#include <levada/channels/actor_send.hpp>
#include <levada/channels/on_receive.hpp>
#include <levada/levada.hpp>

namespace {

struct order {
  int number;
  std::string drink;
};

struct cup {
  order what;
  std::string made_by;
};

// -- the till -----------------------------------------------------------------

using till = caf::typed_actor<caf::replies_to<std::string>::with<int>,
                              caf::replies_to<caf::get_atom>::with<int>>;

struct till_state {
  std::map<std::string, int> prices{
    {"espresso", 180}, {"latte", 320}, {"tea", 250}};
  int takings = 0;
  const char* name = "till";
};

till::behavior_type open_till(till::stateful_pointer<till_state> self) {
  return {[self](const std::string& drink) {
            const int price = self->state.prices.at(drink);
            self->state.takings += price;
            return price;
          },
          [self](caf::get_atom) { return self->state.takings; }};
}

// -- the baristas -------------------------------------------------------------

// [barista]
struct barista_state {
  int made = 0;
  const char* name = "barista";
};

/// Makes so many cups and goes home. While she has one in the making, two more
/// orders may be in her head: that is her credit. The others stay in the line.
void barista(caf::stateful_actor<barista_state>* self, std::string called,
             int shift, levada::receiver<order> line, till register_,
             levada::sender<std::unique_ptr<cup>> counter) {
  const auto served = [=] {
    if (++self->state.made == shift)
      self->quit();
  };
  levada::on_receive(
    self, std::move(line),
    [=](order one) {
      self->request(register_, caf::infinite, one.drink).await([=](int) {
        auto ready = std::make_unique<cup>(cup{one, called});
        levada::send(self, counter, std::move(ready)).await(served);
      });
    },
    [=] { self->quit(); }, {.credit = 3});
}
// [/barista]

// -- the keeper ---------------------------------------------------------------

struct keeper_state {
  std::vector<std::string> to_come{"Ana", "Bo", "Cleo"};
  /// The keeper's own, to give to the next barista.
  levada::sender<std::unique_ptr<cup>> counter;
  const char* name = "keeper";
};

using keeper_actor = caf::stateful_actor<keeper_state>;

void call_next(keeper_actor* self, const levada::receiver<order>& line,
               const till& register_) {
  auto& names = self->state.to_come;
  if (names.empty())
    return;
  const bool last = names.size() == 1;
  auto next
    = self->spawn<caf::monitored>(barista, names.front(), last ? 100 : 3, line,
                                  register_, self->state.counter);
  names.erase(names.begin());
  if (last)
    self->state.counter = {}; // when she has gone home, nobody sends any more
}

// [keeper]
void keeper(keeper_actor* self, levada::receiver<order> line,
            levada::receiver<std::string> complaints, till register_,
            levada::channel<std::unique_ptr<cup>> counter) {
  self->state.counter = counter;
  call_next(self, line, register_);
  self->set_down_handler(
    [=](const caf::down_msg&) { call_next(self, line, register_); });
  levada::on_select(
    self,
    levada::when(
      counter.rx(),
      [](std::unique_ptr<cup> one) {
        std::cout << "order " << one->what.number << ": " << one->what.drink
                  << ", by " << one->made_by << '\n';
      },
      [=](const levada::close_record& end) {
        std::cout << "the counter has closed: " << to_string(end.reason)
                  << '\n';
        self->request(register_, caf::infinite, caf::get_atom::value)
          .then([=](int cents) {
            std::cout << "takings: " << cents / 100 << '.' << std::setw(2)
                      << std::setfill('0') << cents % 100 << '\n';
          });
      }),
    levada::when(complaints, [](const std::string& text) {
      std::cout << "somebody says: " << text << '\n';
    }));
}
// [/keeper]

// -- the guests ---------------------------------------------------------------

levada::task<> guests(levada::sender<order> line) {
  const std::vector<std::string> wishes{"espresso", "latte",    "tea",
                                        "latte",    "espresso", "tea",
                                        "tea",      "espresso", "latte"};
  int number = 0;
  for (const auto& wish : wishes) {
    order mine{++number, wish};
    auto stood_in_line = co_await line.send(std::move(mine));
    if (!stood_in_line)
      co_return;
  }
}

} // namespace

int main() {
  levada::runtime rt{{.workers = 2}};
  auto line = levada::make_channel<order>(rt, {.name = "line", .capacity = 4});
  auto complaints = levada::make_channel<std::string>(rt);
  levada::channel<std::unique_ptr<cup>> counter
    = levada::make_channel<std::unique_ptr<cup>>(rt, {.name = "counter"});
  auto keeping
    = rt.system().spawn(keeper, std::move(line.rx), std::move(complaints.rx),
                        rt.system().spawn(open_till), std::move(counter));
  rt.spawn(guests, std::move(line.tx)).detach();
  complaints.tx = {}; // nobody has any

  caf::scoped_actor self{rt.system()};
  self->wait_for(keeping);
}
