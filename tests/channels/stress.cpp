// Ten million operations, and at the end every item is accounted for.
#include "support.hpp"

using namespace levada_tests;

TEST_CASE(
  "ten million items between crowds of tasks and threads are all "
  "accounted for",
  "[stress]") {
  constexpr int senders = 8;
  constexpr int each_sends = 156'250; // times 8 senders, times 8 flavours: 10^7
  const auto kind = GENERATE(flavour{"rendezvous", 0}, flavour{"capacity 1", 1},
                             flavour{"2", 2}, flavour{"capacity 16", 16},
                             flavour{"capacity 1000", 1000},
                             flavour{"unbounded", levada::unbounded},
                             flavour{"drop oldest", 16, overflow::drop_oldest},
                             flavour{"reject", 16, overflow::reject});
  INFO(kind);
  runtime rt{{.workers = 2}};
  std::atomic<std::uint64_t> dead{0};
  auto options = kind.options<std::uint64_t>();
  options.on_dead_letter
    = [&dead](std::uint64_t&& item, levada::dead_letter_reason) {
        dead.fetch_add(item, std::memory_order_relaxed);
      };
  auto [tx, rx] = make_channel<std::uint64_t>(rt, options);
  const auto watch = rx.downgrade();
  struct sums {
    std::uint64_t offered = 0;
    std::uint64_t back = 0;
  };
  std::vector<levada::join_handle<sums>> sending;
  for (int i = 0; i < senders; ++i)
    sending.push_back(rt.spawn(
      [](sender<std::uint64_t> out, std::uint64_t first) -> task<sums> {
        sums result;
        for (std::uint64_t n = first; n < first + each_sends; ++n) {
          result.offered += n;
          auto sent = co_await out.send(n);
          if (!sent)
            result.back += sent.value();
        }
        co_return result;
      },
      tx, static_cast<std::uint64_t>(i) * each_sends));
  std::vector<levada::join_handle<std::uint64_t>> receiving;
  for (int i = 0; i < 4; ++i)
    receiving.push_back(rt.spawn(
      [](receiver<std::uint64_t> in) -> task<std::uint64_t> {
        std::uint64_t sum = 0;
        while (auto v = co_await in.receive())
          sum += *v;
        co_return sum;
      },
      rx));
  std::uint64_t received = 0;
  {
    std::uint64_t by_thread = 0;
    std::jthread thread{[&by_thread, rx = std::move(rx)] {
      for (auto& v : rx.blocking())
        by_thread += v;
    }};
    tx = {};
    thread.join();
    received += by_thread;
  }
  sums all;
  for (auto& each : sending) {
    const auto one = each.blocking_join();
    all.offered += one.offered;
    all.back += one.back;
  }
  for (auto& each : receiving)
    received += each.blocking_join();
  CHECK(all.offered == received + all.back + dead);
  CHECK(conserved(watch.stats()));
  CHECK(watch.stats().buffered == 0);
  CHECK(watch.stats().waiting == 0);
}

TEST_CASE("a long line of tasks passes many items on", "[stress]") {
  runtime rt{{.workers = 2}};
  auto first = make_channel<int>(rt);
  auto out = first.tx;
  auto in = std::move(first.rx);
  first.tx = {};
  for (int i = 0; i < 1000; ++i) {
    auto next = make_channel<int>(rt, {.capacity = i % 3});
    rt.spawn(
        [](receiver<int> from, sender<int> to) -> task<> {
          while (auto v = co_await from.receive()) {
            const int more = *v + 1;
            auto sent = co_await to.send(more);
            if (!sent)
              break;
          }
        },
        std::move(in), std::move(next.tx))
      .detach();
    in = std::move(next.rx);
  }
  auto sending = rt.spawn(send_numbers, std::move(out), 0, 500);
  const auto got = rt.block_on(collect<int>, std::move(in));
  CHECK(sending.blocking_join() == 500);
  CHECK(got == numbers(1000, 1500));
}
