// What a channel is made from.
#pragma once

#include <cstdint>

#include <levada/actors/cell_type.hpp>

namespace levada {

/// What a bounded channel does when it is full.
enum class overflow : std::uint8_t {
  wait,               ///< the sender waits
  reject,             ///< the send fails with errc::full, the value comes back
  drop_oldest,        ///< the oldest buffered item goes
  drop_newest_queued, ///< the newest buffered item goes
  drop_incoming,      ///< the item being sent goes
};

/// What a channel does when it gets an exit message with a reason: somebody's it
/// is linked to, or from send_exit. (One without a reason means nothing to it, and
/// exit_reason::kill always drops what is buffered.)
enum class exit_policy : std::uint8_t {
  close,   ///< it closes; what is buffered can be received
  ignore,  ///< nothing
  destroy, ///< it closes, and what is buffered goes to the dead-letter hook
};

namespace detail {

class owner_table;

struct channel_setup {
  const cell_type* type = nullptr;
  const char* name = "";
  std::uint32_t capacity = 0;
  overflow policy = overflow::wait;
  exit_policy on_exit = exit_policy::close;
  dead_letter_sink* sink = nullptr; ///< owned by the channel from then on
  owner_table* owners = nullptr;    ///< likewise
  std::uint32_t max_deliveries = 0; ///< of a lent item; 0: any number
};

} // namespace detail
} // namespace levada
