// What senders, receivers and channels have in common: a counted way to one
// channel, or to none (nil).
//
// Copying counts another handle of that end; the last one of an end closes the
// channel. A moved-from or default-constructed handle is nil: never ready, not
// closed, id 0. close() leaves a handle *detached*: it counts no more, but
// still answers what it is asked about its channel.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <caf/fwd.hpp>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/channel_info.hpp>
#include <levada/actors/lone_channels.hpp>
#include <levada/runtime/error.hpp>

namespace levada::detail {

class LEVADA_API handle_base {
public:
  /// False for a nil handle.
  explicit operator bool() const noexcept {
    return core_ != nullptr;
  }

  /// Unique in its runtime, counted from 1; 0 for nil.
  std::uint64_t id() const noexcept {
    return core_ == nullptr ? 0 : core_->id;
  }

  /// As given when it was made.
  std::string name() const {
    return core_ == nullptr ? "" : core_->name();
  }

  /// Items that fit in the buffer: 0 for a rendezvous, SIZE_MAX for unbounded.
  std::size_t capacity() const noexcept;

  /// Items in the buffer now. Parked senders' items are not counted.
  std::size_t size() const noexcept;

  /// Why, by whom and when it was closed; reason `open` while it is not.
  levada::close_record close_record() const;

  /// Counts since it was made.
  channel_stats stats() const;

  /// Everything about it.
  channel_info info() const;

  /// The channel as an actor (include <caf/actor.hpp>). Holding it keeps the
  /// memory, but no end open. Monitors are told when the channel is closed and
  /// drained. Throws channel_error(nil_channel).
  caf::actor as_actor() const;

  friend bool operator==(const handle_base& a, const handle_base& b) noexcept {
    return a.core_ == b.core_;
  }

protected:
  handle_base() noexcept = default;
  explicit handle_base(channel_core* core) noexcept : core_(core) {
  }
  ~handle_base() = default;

  channel_core& require(const char* operation) const;

  /// Null for nil.
  channel_core* core_ = nullptr;
  /// True after close(): the handle counts for no end, but for a reference.
  bool detached_ = false;
};

/// The rules of counting, for an end described by `End`: add(core), drop(core).
template <class End>
class counted_handle : public handle_base {
public:
  counted_handle() noexcept = default;

  counted_handle(const counted_handle& other) noexcept
      : handle_base(other.core_) {
    detached_ = other.detached_;
    if (core_ != nullptr)
      detached_ ? core_->retain() : End::add(*core_);
  }

  counted_handle(counted_handle&& other) noexcept
      : handle_base(std::exchange(other.core_, nullptr)) {
    detached_ = std::exchange(other.detached_, false);
  }

  counted_handle& operator=(counted_handle other) noexcept {
    std::swap(core_, other.core_);
    std::swap(detached_, other.detached_);
    return *this;
  }

  ~counted_handle() {
    if (core_ != nullptr)
      detached_ ? core_->release() : End::drop(*core_);
  }

protected:
  /// Takes over a count that is there already.
  explicit counted_handle(channel_core* adopted) noexcept
      : handle_base(adopted) {
  }

  /// Gives up the count, keeps the channel in sight. False when done before.
  bool detach() noexcept {
    if (core_ == nullptr || detached_)
      return false;
    core_->retain();
    detached_ = true;
    End::drop(*core_);
    return true;
  }
};

struct sending_end {
  static void add(channel_core& core) noexcept {
    core.add_sender();
  }
  static void drop(channel_core& core) noexcept {
    core.drop_sender();
  }
  static bool add_if_any(channel_core& core) noexcept {
    return core.add_sender_if_any();
  }
};

struct receiving_end {
  static void add(channel_core& core) noexcept {
    core.add_receiver();
  }
  static void drop(channel_core& core) noexcept {
    core.drop_receiver();
  }
  static bool add_if_any(channel_core& core) noexcept {
    return core.add_receiver_if_any();
  }
};

/// Lets one handle type be made from another's parts.
struct handle_access {
  template <class Handle>
  static Handle adopt(channel_core* counted) noexcept {
    return Handle{counted};
  }
  template <class Handle>
  static channel_core* core(const Handle& handle) noexcept {
    return handle.core_;
  }
  /// Where a receive on `handle` is to look.
  template <class Handle>
  static channel_core* receiving(const Handle& handle) noexcept {
    if (handle.core_ == nullptr || handle.detached_) [[unlikely]]
      return handle.core_ == nullptr ? &nil_for_receiving()
                                     : &detached_channel();
    return handle.core_;
  }
  /// Where a send on `handle` is to go.
  template <class Handle>
  static channel_core* sending(const Handle& handle) noexcept {
    if (handle.core_ == nullptr || handle.detached_) [[unlikely]]
      return handle.core_ == nullptr ? &nil_for_sending()
                                     : &detached_channel();
    return handle.core_;
  }
};

} // namespace levada::detail
