// Channels that are no actors and in no registry: what operations on handles
// without a channel work on, so that none of them needs a special case.
#pragma once

#include <levada/actors/channel_core.hpp>
#include <levada/runtime/export.hpp>

namespace levada::detail {

/// Never ready: for nil handles. One for sending and one for receiving, so that
/// the two do not meet.
LEVADA_API channel_core& nil_for_sending() noexcept;
LEVADA_API channel_core& nil_for_receiving() noexcept;

/// Closed and drained: for handles after close().
LEVADA_API channel_core& detached_channel() noexcept;

} // namespace levada::detail
