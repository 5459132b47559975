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
#include <levada/runtime/code_line.hpp>
#include <levada/runtime/error.hpp>

namespace levada::detail {

/// A pointer to a channel and one bit, in one word: handles are copied into every
/// frame that uses them.
class core_pointer {
public:
  core_pointer() noexcept = default;
  explicit core_pointer(channel_core* core, bool detached = false) noexcept
      : bits_(reinterpret_cast<std::uintptr_t>(core) | (detached ? 1U : 0U)) {
  }

  channel_core* get() const noexcept {
    return reinterpret_cast<channel_core*>(bits_ & ~std::uintptr_t{1});
  }
  channel_core* operator->() const noexcept {
    return get();
  }
  channel_core& operator*() const noexcept {
    return *get();
  }
  explicit operator bool() const noexcept {
    return bits_ != 0;
  }
  /// True when there is a channel, and the handle counts for one of its ends.
  bool counts() const noexcept {
    return bits_ != 0 && (bits_ & 1) == 0;
  }
  /// As get(), when counts().
  channel_core* counted() const noexcept {
    return reinterpret_cast<channel_core*>(bits_);
  }
  /// True after close().
  bool detached() const noexcept {
    return (bits_ & 1) != 0;
  }

private:
  /// Bit 0: detached. The rest: the channel's address.
  std::uintptr_t bits_ = 0;
};

/// Asks for a handle that counts for no end, as after close().
struct detached_t {
  explicit detached_t() = default;
};

class LEVADA_API handle_base {
public:
  /// False for a nil handle.
  explicit operator bool() const noexcept {
    return static_cast<bool>(core_);
  }

  /// Unique in its runtime, counted from 1; 0 for nil.
  std::uint64_t id() const noexcept {
    return core_ ? core_->id : 0;
  }

  /// As given when it was made.
  std::string name() const {
    return core_ ? core_->name() : "";
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

protected:
  handle_base() noexcept = default;
  explicit handle_base(core_pointer core) noexcept : core_(core) {
  }
  ~handle_base() = default;

  channel_core& require(const char* operation) const;

  /// Null for nil. Detached: it counts for no end, but for a reference.
  core_pointer core_;
};

/// The rules of counting, for an end described by `End`: add(core), drop(core).
template <class End>
class counted_handle : public handle_base {
public:
  counted_handle() noexcept = default;

  counted_handle(const counted_handle& other) noexcept
      : handle_base(other.core_) {
    if (core_.counts())
      End::add(*core_);
    else if (core_)
      core_->retain();
  }

  counted_handle(counted_handle&& other) noexcept
      : handle_base(std::exchange(other.core_, core_pointer{})) {
  }

  counted_handle& operator=(counted_handle other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }

  ~counted_handle() {
    if (core_.counts())
      End::drop(*core_);
    else if (core_)
      core_->release();
  }

  /// Ends of one kind are equal when they are of one channel, or nil both. The
  /// two ends of a channel cannot be compared.
  friend bool operator==(const counted_handle& a,
                         const counted_handle& b) noexcept {
    return a.core_.get() == b.core_.get();
  }

protected:
  /// Takes over a count that is there already.
  explicit counted_handle(channel_core* adopted) noexcept
      : handle_base(core_pointer{adopted}) {
  }

  /// Takes over a reference, counts for no end.
  counted_handle(channel_core* adopted, detached_t) noexcept
      : handle_base(core_pointer{adopted, true}) {
  }

  /// Gives up the count, keeps the channel in sight. False when done before.
  bool detach() noexcept {
    if (!core_.counts())
      return false;
    core_->retain();
    core_ = core_pointer{core_.get(), true};
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
  static Handle adopt_detached(channel_core* retained) noexcept {
    return Handle{retained, detached_t{}};
  }
  template <class Handle>
  static channel_core* core(const Handle& handle) noexcept {
    return handle.core_.get();
  }
  /// The handle that another one is built on.
  template <class Handle>
  static const auto& inner(const Handle& handle) noexcept {
    return handle.in_;
  }
  /// Where a receive on `handle` is to look.
  template <class Handle>
  static channel_core* receiving(const Handle& handle) noexcept {
    if (handle.core_.counts()) [[likely]]
      return handle.core_.counted();
    return handle.core_.detached() ? &detached_channel() : &nil_for_receiving();
  }
  /// Where a send on `handle` is to go.
  template <class Handle>
  static channel_core* sending(const Handle& handle) noexcept {
    if (handle.core_.counts()) [[likely]]
      return handle.core_.counted();
    return handle.core_.detached() ? &detached_channel() : &nil_for_sending();
  }
};

} // namespace levada::detail
