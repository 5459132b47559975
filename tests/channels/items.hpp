// What the tests of combinators share: a receiver of given items, and all that
// comes out at the other end.
#pragma once

#include <levada/channels/any_receiver.hpp>

#include "support.hpp"

namespace levada_tests {

using levada::any_receiver;

/// Everything until it is closed.
template <class T>
std::vector<T> all_of(runtime& rt, any_receiver<T> in) {
  return rt.block_on(
    [](any_receiver<T> from) -> task<std::vector<T>> {
      std::vector<T> result;
      while (auto v = co_await from.receive())
        result.push_back(*std::move(v));
      co_return result;
    },
    std::move(in));
}

/// Has these items, and no sender any more.
template <class T>
receiver<T> filled(runtime& rt, std::vector<T> items) {
  auto [tx, rx] = make_channel<T>(rt, {.capacity = levada::unbounded});
  for (auto& each : items)
    REQUIRE(tx.try_send(std::move(each)));
  return std::move(rx);
}

} // namespace levada_tests
