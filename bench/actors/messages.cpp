// Messages to the address of a channel, beside messages and requests from actor to
// actor: one after the other, each asked for when the last was answered; or as
// many as one likes.
#include <functional>
#include <iomanip>
#include <iostream>

#include <levada/channels/caf_messages.hpp>

#include "measure.hpp"

namespace bench_actors {

namespace {

using channel_address = levada::caf_channel<item>;
using result = levada::sender<item>;

/// Asks `next` again and again until it was answered so many times.
class asker : public caf::event_based_actor {
public:
  using question = std::function<void(asker& self, item which)>;

  asker(caf::actor_config& config, question ask, item items, result done)
      : caf::event_based_actor(config),
        ask_(std::move(ask)),
        items_(items),
        done_(std::move(done)) {
  }
  caf::behavior make_behavior() override {
    ask_(*this, asked_++);
    return {[](caf::ok_atom) {}};
  }
  void answered(item value) {
    sum_ += value;
    if (asked_ < items_)
      ask_(*this, asked_++);
    else {
      (void)done_.try_send(sum_);
      quit();
    }
  }

private:
  question ask_;
  const item items_;
  item asked_ = 0;
  item sum_ = 0;
  result done_;
};

figure ask_all(levada::runtime& rt, item items, asker::question ask) {
  auto [done, all] = levada::make_channel<item>(rt, {.capacity = 1});
  const stopwatch watch;
  rt.system().spawn<asker>(std::move(ask), items, done);
  const auto sum = all.blocking_receive();
  const auto figures = watch.each(items);
  check(*sum, items);
  return figures;
}

figure plain_requests(levada::runtime& rt, item items) {
  const auto echo = rt.system().spawn(
    []() -> caf::behavior { return {[](item one) { return one; }}; });
  const auto figures = ask_all(rt, items, [echo](asker& self, item which) {
    self.request(echo, caf::infinite, which).then([&self](item one) {
      self.answered(one);
    });
  });
  caf::anon_send_exit(echo, caf::exit_reason::user_shutdown);
  return figures;
}

levada::task<> consume(levada::receiver<item> in) {
  while (auto got = co_await in.receive()) {}
}

levada::task<> produce(levada::sender<item> out) {
  for (item i = 0;; ++i) {
    auto sent = co_await out.send(i);
    if (!sent)
      co_return;
  }
}

figure puts(levada::runtime& rt, item items) {
  auto [tx, rx] = levada::make_channel<item>(rt, {.capacity = 64});
  const auto address = levada::speak_caf(tx);
  auto consuming = rt.spawn(consume, std::move(rx));
  const auto figures = ask_all(rt, items, [=](asker& self, item which) {
    self.request(address, caf::infinite, levada::put_atom::value, which)
      .then([&self, which] { self.answered(which); });
  });
  tx.close();
  consuming.blocking_join();
  return figures;
}

figure gets(levada::runtime& rt, item items) {
  auto [tx, rx] = levada::make_channel<item>(rt, {.capacity = 64});
  const auto address = levada::speak_caf(tx);
  auto producing = rt.spawn(produce, std::move(tx));
  const auto figures = ask_all(rt, items, [=](asker& self, item) {
    self.request(address, caf::infinite, levada::get_atom::value)
      .then([&self](item one) { self.answered(one); });
  });
  rx.close();
  producing.blocking_join();
  return figures;
}

constexpr std::uint32_t credit = 64;

caf::behavior subscriber(caf::stateful_actor<total>* self,
                         channel_address address, result done) {
  self->request(address, caf::infinite, levada::subscribe_atom::value, credit)
    .then([](std::uint64_t) {});
  return {
    [=](levada::item_atom, std::uint64_t id, item one) {
      self->state.sum += one;
      if (++self->state.count % (credit / 2) == 0)
        self->send(address, levada::ack_atom::value, id, credit / 2);
    },
    [=](levada::closed_atom, std::uint64_t, const std::string&) {
      (void)done.try_send(self->state.sum);
      self->quit();
    },
  };
}

figure subscription(levada::runtime& rt, item items) {
  auto [done, all] = levada::make_channel<item>(rt, {.capacity = 1});
  auto [tx, rx] = levada::make_channel<item>(rt, {.capacity = 64});
  const auto address = levada::speak_caf(tx);
  const stopwatch watch;
  rt.system().spawn(subscriber, address, done);
  rt.spawn(channel_sender, std::move(tx), items).detach();
  const auto sum = all.blocking_receive();
  const auto figures = watch.each(items);
  check(*sum, items);
  return figures;
}

} // namespace

void measure_messages(levada::runtime& rt, item items, int rounds) {
  struct row {
    const char* name;
    figure (*measure)(levada::runtime&, item);
    std::vector<figure> all;
  };
  row rows[] = {{"request to an actor", plain_requests, {}},
                {"put, answered", puts, {}},
                {"get, answered", gets, {}},
                {"item of a subscription", subscription, {}}};
  for (int i = 0; i < rounds; ++i)
    for (auto& each : rows)
      each.all.push_back(each.measure(rt, items));
  const auto base = median(rows[0].all);
  for (auto& each : rows) {
    const auto mine = median(each.all);
    std::cout << each.name << ": " << mine.wall << " ns, " << mine.cpu
              << " ns of processors; " << mine.wall / base.wall << " and "
              << mine.cpu / base.cpu << " times a request to an actor\n";
  }
}

} // namespace bench_actors
