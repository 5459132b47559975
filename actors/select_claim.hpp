// The claim word of a select: which one of its cases happens.
//
// A select enlists one node per case. Whoever would serve a node must first win
// the claim word, under that node's channel lock and before anything moves; so
// exactly one case happens, and the others are as if they had never been there.
//
// preparing → waiting → the winner's index. Limits (timer, stop token) are
// armed while the select still prepares: they may win then, but must not wake,
// since nobody sleeps yet. The select notices when it tries to start waiting.
#pragma once

#include <atomic>
#include <cstdint>

#include <levada/actors/wait_queue.hpp>

namespace levada::detail {

class select_claim {
public:
  static constexpr std::uint32_t preparing = UINT32_MAX;
  static constexpr std::uint32_t waiting = UINT32_MAX - 1;

  /// For whoever serves an enlisted node: true for exactly one caller.
  bool win(std::uint32_t which) noexcept {
    return change(waiting, which);
  }

  /// For a limit. True: it has won, and must wake the waiter.
  bool win_as_limit(std::uint32_t which) noexcept {
    return change(waiting, which)
           || (!change(preparing, which) && change(waiting, which));
  }

  /// For the select itself, before its nodes can be seen: false when a limit
  /// has won already.
  bool start_waiting() noexcept {
    return change(preparing, waiting);
  }

  /// For the select itself, when all its nodes are withdrawn: once more.
  void begin_again() noexcept {
    word_.store(preparing, std::memory_order_relaxed);
  }

  std::uint32_t winner() const noexcept {
    return word_.load(std::memory_order_acquire);
  }

private:
  bool change(std::uint32_t from, std::uint32_t to) noexcept {
    // acq_rel: whoever looks at the winner sees what the winner's side did
    return word_.compare_exchange_strong(from, to, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> word_{preparing};
};

struct lease_record;

struct select_node : wait_node {
  select_node(select_claim& claim, std::uint32_t index) noexcept
      : wait_node(node_kind::select),
        claim(claim),
        index(index) {
  }

  select_claim& claim;
  const std::uint32_t index;
  /// For a case that leases: see lease.hpp; owned by the case.
  lease_record* record = nullptr;
};

/// One member of a select_set, as its channel sees it.
struct set_node : wait_node {
  using tell_function = bool (*)(set_node& self, wake_list& wakes) noexcept;

  explicit set_node(tell_function tell) noexcept
      : wait_node(node_kind::set),
        tell(tell) {
  }

  /// Called under the channel's lock, the node just removed from its queue:
  /// something can be received, or the channel closed. True when the set waits
  /// and takes the item right now.
  const tell_function tell;
};

} // namespace levada::detail
