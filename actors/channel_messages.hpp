// The messages that a channel's address understands: see channels/caf_messages.hpp
// for what each of them does.
//
// Pulls in CAF's headers; not part of <levada/levada.hpp>.
#pragma once

#include <cstdint>
#include <string>

#include <caf/atom.hpp>
#include <caf/meta/type_name.hpp>

#include <levada/runtime/export.hpp>

namespace levada {

using put_atom = caf::put_atom;
using get_atom = caf::get_atom;
using try_get_atom = caf::atom_constant<caf::atom("try_get")>;
using close_atom = caf::close_atom;
using info_atom = caf::atom_constant<caf::atom("info")>;
using subscribe_atom = caf::subscribe_atom;
using unsubscribe_atom = caf::unsubscribe_atom;
using ack_atom = caf::atom_constant<caf::atom("ack")>;
using item_atom = caf::atom_constant<caf::atom("item")>;
using closed_atom = caf::atom_constant<caf::atom("closed")>;

/// What a channel answers to `info`: its channel_info, as far as that can travel.
/// (To another node: config.add_message_type<levada::channel_summary>("…").)
struct channel_summary {
  std::uint64_t id = 0;
  std::string name;
  /// "open", "closing" or "closed".
  std::string state;
  /// Why it was closed, or "open".
  std::string closed;
  /// 0: rendezvous; UINT32_MAX: unbounded.
  std::uint32_t capacity = 0;
  std::uint32_t size = 0;
  std::uint32_t sender_handles = 0;
  std::uint32_t receiver_handles = 0;
  std::uint32_t waiting_senders = 0;
  std::uint32_t waiting_receivers = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;

  friend bool operator==(const channel_summary&, const channel_summary&)
    = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, channel_summary& x) {
  return f(caf::meta::type_name("levada.channel_summary"), x.id, x.name,
           x.state, x.closed, x.capacity, x.size, x.sender_handles,
           x.receiver_handles, x.waiting_senders, x.waiting_receivers, x.sent,
           x.received);
}

struct channel_info;

/// What of `info` can travel.
LEVADA_API channel_summary summary_of(const channel_info& info);

} // namespace levada
