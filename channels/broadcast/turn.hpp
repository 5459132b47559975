// broadcast_turn: a place in the line of a broadcast's senders, for a select.
//
// A select must not lock a broadcast beside other channels: publishing takes the
// receivers' locks inside. So a send as a case waits in rounds, for a bell of its
// own; its place in the hub's line rings it.
//
// Invariants, under the hub's lock
//  - While a turn is out (`given`), nobody publishes but its owner: who comes
//    waits, and pump() does nothing. Every turn given is used or given back.
//  - `keep_` is set while the hub or a callback refers to this.
#pragma once

#include <memory>
#include <optional>

#include <levada/channels/broadcast/hub.hpp>
#include <levada/channels/channel.hpp>

namespace levada::detail {

class LEVADA_API broadcast_turn
    : private callback_waiter,
      public std::enable_shared_from_this<broadcast_turn> {
public:
  /// Throws channel_error(runtime_stopped), bad_alloc.
  explicit broadcast_turn(broadcast_hub& hub);
  ~broadcast_turn();
  broadcast_turn(const broadcast_turn&) = delete;
  broadcast_turn& operator=(const broadcast_turn&) = delete;

  /// True when publishing would not wait, or the hub is closed; else this stands
  /// in the line from now on, and rung() has something when to ask again.
  bool comes();

  /// Leaves the line and lets the next one publish. Idempotent.
  void leave() noexcept;

  const receiver<unit>& rung() const noexcept {
    return bell_.rx;
  }

  // -- under the hub's lock ---------------------------------------------------

  /// Whether its owner may publish now, if there is room.
  bool may_publish() const noexcept {
    return given_ || !hub_.has_line();
  }

private:
  friend class broadcast_hub;

  static void told(callback_waiter& self) noexcept;

  broadcast_hub& hub_;
  const channel_ends<unit> bell_;
  wait_node place_{node_kind::notice};
  /// It was its turn, and still is.
  bool given_ = false;
  std::shared_ptr<broadcast_turn> keep_;
};

} // namespace levada::detail
