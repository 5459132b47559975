// What only levada's own curves need: cost over the number of channels and the
// width of a select (bench/curves.py).
//
// A select has as many cases as it is written with: one function for each width
// that is measured.
#include <cstdint>
#include <utility>
#include <vector>

#include <levada/channels/channel.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>
#include <levada/runtime/runtime.hpp>

#include "workloads.hpp"

namespace bench {

namespace {

using number = std::uint64_t;

struct many_channels {
  many_channels(const levada::runtime& rt, number count, number capacity) {
    for (number i = 0; i < count; ++i) {
      auto [tx, rx] = levada::make_channel<number>(rt, {.capacity = capacity});
      outs.push_back(std::move(tx));
      ins.push_back(std::move(rx));
    }
  }
  std::vector<levada::sender<number>> outs;
  std::vector<levada::receiver<number>> ins;
};

levada::task<> produce(levada::sender<number> out, number first, number count,
                       finish_line* finish) {
  for (number i = 0; i < count; ++i) {
    auto sent = co_await out.send(first + i);
    if (!sent)
      break;
  }
  finish->arrive();
}

levada::task<> produce_in_turn(const many_channels* all, number count,
                               finish_line* finish) {
  for (number i = 1; i <= count; ++i) {
    auto sent = co_await all->outs[i % all->outs.size()].send(i);
    if (!sent)
      break;
  }
  finish->arrive();
}

levada::task<> consume_in_turn(const many_channels* all, number count,
                               number* sum, finish_line* finish) {
  number mine = 0;
  for (number i = 1; i <= count; ++i) {
    auto item = co_await all->ins[i % all->ins.size()].receive();
    mine += std::move(item).value_or(0);
  }
  *sum = mine;
  finish->arrive();
}

levada::task<> consume_from_set(const many_channels* all, number count,
                                number* sum, finish_line* finish) {
  number mine = 0;
  levada::select_set set;
  std::vector<levada::select_key<number>> keys;
  for (const auto& in : all->ins)
    keys.push_back(set.add(in));
  for (number i = 0; i < count; ++i) {
    auto event = co_await set.next();
    if (!event)
      break;
    const auto& item = *event.from(keys[event.index() - 1]);
    if (item)
      mine += *item;
  }
  *sum = mine;
  finish->arrive();
}

/// What the case that ran received.
template <class Selected, std::size_t... I>
number value_in(Selected& chosen, std::index_sequence<I...>) {
  number result = 0;
  (void)((chosen.index() == I
            ? (result = std::move(chosen.template get<I>()).value_or(0), true)
            : false)
         || ...);
  return result;
}

template <std::size_t... I>
levada::task<> consume_by_select(const many_channels* all, number count,
                                 number* sum, finish_line* finish,
                                 std::index_sequence<I...> cases) {
  number mine = 0;
  for (number i = 0; i < count; ++i) {
    auto chosen = co_await levada::select(all->ins[I]...);
    mine += value_in(chosen, cases);
  }
  *sum = mine;
  finish->arrive();
}

using consumer = levada::task<> (*)(const many_channels* all, number count,
                                    number* sum, finish_line* finish);

template <std::size_t Width>
levada::task<> consume_by_select_of(const many_channels* all, number count,
                                    number* sum, finish_line* finish) {
  return consume_by_select(all, count, sum, finish,
                           std::make_index_sequence<Width>{});
}

consumer select_of(number width) {
  switch (width) {
    case 1:
      return consume_by_select_of<1>;
    case 2:
      return consume_by_select_of<2>;
    case 4:
      return consume_by_select_of<4>;
    case 8:
      return consume_by_select_of<8>;
    case 16:
      return consume_by_select_of<16>;
    case 32:
      return consume_by_select_of<32>;
    case 64:
      return consume_by_select_of<64>;
    default:
      return nullptr;
  }
}

/// One consumer waits for all K channels; the first P of them have a producer.
result fan_in(const options& asked, consumer consume) {
  const auto each = asked.items / asked.producers;
  const auto items = each * asked.producers;
  number sum = 0;
  finish_line finish{1 + asked.producers};
  levada::runtime rt{{.workers = asked.workers}};
  const many_channels all{rt, asked.k, asked.capacity};

  const stopwatch watch;
  for (number i = 0; i < asked.producers; ++i)
    rt.spawn(produce, all.outs[i], 1 + i * each, each, &finish);
  rt.spawn(consume, &all, items, &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {items, took, sum == sum_to(items)};
}

} // namespace

/// K channels of capacity C: one task sends to each in turn, another receives.
result in_turn(const options& asked) {
  number sum = 0;
  finish_line finish{2};
  levada::runtime rt{{.workers = asked.workers}};
  const many_channels all{rt, asked.k, asked.capacity};

  const stopwatch watch;
  rt.spawn(produce_in_turn, &all, asked.items, &finish);
  rt.spawn(consume_in_turn, &all, asked.items, &sum, &finish);
  const auto took = watch.until(finish.wait());
  return {asked.items, took, sum == sum_to(asked.items)};
}

result wide_select(const options& asked) {
  const auto consume = select_of(asked.k);
  if (consume == nullptr || asked.producers > asked.k)
    return {1, {}, false};
  return fan_in(asked, consume);
}

result wide_select_set(const options& asked) {
  if (asked.producers > asked.k)
    return {1, {}, false};
  return fan_in(asked, consume_from_set);
}

} // namespace bench
