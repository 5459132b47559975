// What dump() says of an actor that uses a channel.
#pragma once

#include <caf/fwd.hpp>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/party_list.hpp>

namespace levada::detail {

/// Enters an actor among the parties of a channel's registry, for its lifetime.
class LEVADA_API actor_party {
public:
  actor_party() noexcept = default;
  ~actor_party() {
    leave();
  }
  actor_party(const actor_party&) = delete;
  actor_party& operator=(const actor_party&) = delete;

  /// `does`: "receives from". `more`: how many other channels. Not for a nil or
  /// null channel: false.
  bool enter(const caf::scheduled_actor& self, const char* does,
             channel_core* channel, std::size_t more = 0);
  void leave() noexcept;

  void waits(bool now) noexcept {
    party_.waits.store(now, std::memory_order_relaxed); // (shown, not used)
  }

private:
  party party_;
  /// Retained while it stands in the list.
  channel_core* at_ = nullptr;
};

} // namespace levada::detail
