// A pool of workers under supervision. Orders are leased, so that what a worker
// dies with is not lost; an order nobody can handle is set aside after three
// tries, with what was said about it; the pool never stops for it.

#include <algorithm>
#include <iostream>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <levada/levada.hpp>

namespace {

struct order {
  int number = 0;
  std::string what;
};

// [letter]
/// An order that is set aside.
struct set_aside {
  order which;
  levada::poison_info why;
};
// [/letter]

/// What came out of each order.
class ledger {
public:
  void enter(const order& done, int amount) {
    std::lock_guard guard{mutex_};
    amounts_[done.number] = amount;
  }
  void print() const {
    for (const auto& [number, amount] : amounts_)
      std::cout << "order " << number << ": " << amount << '\n';
  }

private:
  std::mutex mutex_;
  std::map<int, int> amounts_;
};

// [worker]
/// Handles orders until there are no more. It knows nothing of failing: what it
/// throws ends it, and the order it was at goes back.
levada::task<> worker(levada::receiver<order> orders, ledger* book) {
  while (auto next = co_await orders.lease()) {
    co_await levada::yield();                  // work takes its time
    book->enter(*next, std::stoi(next->what)); // throws when it is no number
    next.ack();
  }
}
// [/worker]

// [stage]
/// The same, with a word about each failure for whoever sees the order next.
levada::task<> careful_worker(levada::receiver<order> orders, ledger* book) {
  return levada::for_each_leased(orders, [book](const order& next) {
    try {
      book->enter(next, std::stoi(next.what));
    } catch (const std::exception&) {
      throw std::runtime_error{'"' + next.what + "\" is no amount"};
    }
  });
}
// [/stage]

levada::task<> desk(levada::sender<order> out, std::vector<std::string> texts) {
  int number = 0;
  for (auto& text : texts) {
    order next{++number, std::move(text)};
    auto sent = co_await out.send(std::move(next));
    if (!sent)
      throw std::runtime_error{"nobody takes orders"};
  }
}

/// Prints what was set aside, when all has been.
levada::task<> clerk(levada::receiver<set_aside> letters) {
  std::map<int, std::string> lines;
  while (auto letter = co_await letters.receive())
    lines[letter->which.number] = "set aside after "
                                  + std::to_string(letter->why.deliveries)
                                  + " tries: " + letter->why.reason;
  for (const auto& [number, line] : lines)
    std::cout << "order " << number << ' ' << line << '\n';
}

// [channels]
/// Orders that were leased three times, and came back each time, go to `letters`.
levada::channel_options<order>
orders_with(const levada::sender<set_aside>& letters) {
  levada::channel_options<order> options;
  options.name = "orders";
  options.capacity = 4;
  options.max_deliveries = 3;
  options.on_poison = [letters](order&& which, const levada::poison_info& why) {
    static_cast<void>(letters.try_send({std::move(which), why}));
  };
  return options;
}
// [/channels]

// [pool]
levada::task<> pool(std::vector<std::string> texts, ledger* book) {
  auto [aside, letters]
    = levada::make_channel<set_aside>({.capacity = levada::unbounded});
  auto [tx, rx] = levada::make_channel<order>(orders_with(aside));
  aside = {}; // the channel of orders keeps one: letters end with the orders

  levada::supervision plan{{.name = "pool", .max_restarts = 100}};
  plan.child("desk", desk, std::move(tx), std::move(texts));
  for (int i = 0; i < 3; ++i)
    plan.child("worker", careful_worker, rx, book);
  rx = {};
  auto filing = levada::spawn(clerk, std::move(letters));
  co_await levada::supervise(std::move(plan));
  co_await filing.join();
}
// [/pool]

// [limit]
/// The same orders without a limit on tries: the supervisor has one, and gives up.
levada::task<> stubborn_pool(ledger* book) {
  auto [tx, rx] = levada::make_channel<order>({.capacity = 4});
  levada::supervision plan{{.name = "stubborn pool",
                            .max_restarts = 5,
                            .within = std::chrono::hours{1}}};
  const std::vector<std::string> texts{"1", "two", "3"};
  plan.child("desk", desk, std::move(tx), texts);
  plan.child("worker", worker, std::move(rx), book);
  co_await levada::supervise(std::move(plan));
}
// [/limit]

} // namespace

int main() {
  levada::runtime rt;
  ledger book;
  rt.block_on(
    pool,
    std::vector<std::string>{"10", "20", "thirty", "40", "", "60", "70", "80"},
    &book);
  book.print();

  ledger other;
  try {
    rt.block_on(stubborn_pool, &other);
  } catch (const std::invalid_argument& last) {
    std::cout << "the stubborn pool gave up: " << last.what() << '\n';
  }
}
