// What can be known about a channel from outside, and the registry's face.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <vector>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/close_record.hpp>
#include <levada/actors/owner.hpp>
#include <levada/runtime/export.hpp>

namespace levada {

class runtime;
template <class T>
class sender;
template <class T>
class receiver;

/// Counts of one channel since it was made. At any instant:
/// sent = received + leased + buffered + waiting + handed_back + dead_lettered.
struct channel_stats {
  std::uint64_t sent = 0;          ///< items that entered, or wait to enter
  std::uint64_t received = 0;      ///< items that reached a receiver
  std::uint64_t leased = 0;        ///< items lent now: not acked, not back
  std::uint64_t buffered = 0;      ///< items in the buffer now
  std::uint64_t waiting = 0;       ///< items of parked senders now
  std::uint64_t handed_back = 0;   ///< returned: closed, timed out, cancelled
  std::uint64_t dead_lettered = 0; ///< destroyed without being received
};

/// Where a channel is on its way.
enum class channel_state : std::uint8_t {
  open,    ///< sends are taken
  closing, ///< closed, but items are left to receive
  closed,  ///< closed and drained
};

LEVADA_API const char* to_string(channel_state state) noexcept;

struct channel_info {
  std::uint64_t id = 0;
  std::string name;
  channel_state state = channel_state::open;
  /// 0: rendezvous; UINT32_MAX: unbounded.
  std::uint32_t capacity = 0;
  std::uint32_t size = 0;
  std::uint32_t sender_handles = 0;
  std::uint32_t receiver_handles = 0;
  std::uint32_t waiting_senders = 0;
  std::uint32_t waiting_receivers = 0;
  close_record closed;
  channel_stats stats;
};

/// One line for people: `channel 7 "numbers": open, 2/16 buffered, …`.
LEVADA_API std::string to_string(const channel_info& info);

/// Which end of a channel the registry is to close, and whether items that are
/// still buffered go with it.
struct close_request {
  enum class which : std::uint8_t { both, send, receive };
  which end = which::both;
  bool force = false;
};

/// A picture of a runtime's channels, oldest first, with the registry's verbs.
class LEVADA_API channel_list : public std::vector<channel_info> {
public:
  explicit channel_list(const runtime& home);

  /// As the functions of runtime with the same names; they look at the runtime
  /// as it is now, not at this picture.
  channel_info find(std::uint64_t id) const;
  void close(std::uint64_t id, close_request request = {}) const;
  void destroy(std::uint64_t id) const;

  /// Items buffered in channel `id`, unbound ones too. Throws channel_not_found.
  std::size_t count(std::uint64_t id) const;

  /// As the functions of owned ends with the same names, for the owned channel
  /// `id`. Throw channel_not_found too, and channel_error(invalid_argument) for a
  /// channel that has no owners.
  std::vector<association> owners(std::uint64_t id, channel_end end) const;
  void release(std::uint64_t id, const owner& who,
               channel_end end = channel_end::both) const;

  /// An end made from an id: see channels/attach.hpp, which defines them.
  template <class T>
  levada::sender<T> sender(std::integral auto id) const;
  template <class T>
  levada::receiver<T> receiver(std::integral auto id) const;

private:
  const runtime* home_;
};

} // namespace levada
