// What the tests of leases share.
#pragma once

#include <mutex>

#include "support.hpp"

namespace levada_tests {

using levada::dead_letter_reason;
using levada::leased;
using levada::poison_info;

/// Keeps what a channel's hooks are called with.
struct grave {
  struct stone {
    int item;
    dead_letter_reason why;
    std::uint32_t deliveries = 0;
    std::string reason = {};
  };

  levada::channel_options<int> options(levada::channel_capacity capacity,
                                       std::uint32_t max_deliveries = 0) {
    levada::channel_options<int> result;
    result.capacity = capacity;
    result.max_deliveries = max_deliveries;
    result.on_dead_letter = [this](int&& item, dead_letter_reason why) {
      std::lock_guard lock{guard};
      stones.push_back({item, why});
    };
    result.on_poison = [this](int&& item, const poison_info& why) {
      std::lock_guard lock{guard};
      stones.push_back(
        {item, dead_letter_reason::nack_limit, why.deliveries, why.reason});
    };
    return result;
  }

  std::size_t size() {
    std::lock_guard lock{guard};
    return stones.size();
  }

  std::mutex guard;
  std::vector<stone> stones;
};

inline task<std::pair<int, unsigned>> lease_and_ack(receiver<int> in) {
  auto got = co_await in.lease();
  if (!got)
    co_return std::pair{-1, 0U};
  const std::pair result{*got, unsigned{got.delivery_count()}};
  got.ack();
  co_return result;
}

inline std::pair<int, unsigned> leased_now(const receiver<int>& in) {
  auto got = in.try_lease();
  if (!got)
    return {-1, 0U};
  const std::pair result{*got, unsigned{got.delivery_count()}};
  got.ack();
  return result;
}

} // namespace levada_tests
