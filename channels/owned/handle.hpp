// What the two ends of an owned channel have in common: the counted handle
// inside, and the owner it is bound to.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <levada/actors/owner_table.hpp>
#include <levada/channels/handle.hpp>

namespace levada::detail {

/// `Self`: the public class. `Raw`: sender or receiver of the items.
template <class Self, class Raw, bool sending>
class owned_handle {
public:
  /// Nil.
  owned_handle() noexcept = default;

  explicit operator bool() const noexcept {
    return static_cast<bool>(raw_);
  }

  /// The same end, used on behalf of `who`. Throws channel_error(nil_channel).
  Self owned_by(const owner& who) const {
    auto& channel = require("owned_by");
    const auto& state = owner_access::state(who, "owned_by");
    return Self{raw_, owner_table::join(channel, state)};
  }

  /// Who uses `end`: has sent (received) there, or waits to, and neither released
  /// it nor died. Throws channel_closed when that end is closed.
  std::vector<association> owners(channel_end end) const {
    return owner_table::users(require("owners"), end);
  }

  /// Everyone who is bound to the channel and lives, also of a closed one.
  std::vector<association> associations() const {
    return owner_table::associations(require("associations"));
  }

  /// `who` lets go of an end, or both: its later operations there, and those it
  /// waits in, fail with errc::owner_released. An end it never used counts as
  /// used then. When no owner uses the channel any more, that closes. Doing it
  /// twice is harmless. Throws channel_closed when the channel is closed and
  /// drained.
  void release(const owner& who, channel_end end = channel_end::both) const {
    owner_table::release(require("release"),
                         owner_access::state(who, "release"), end);
  }

  /// The same for the owner this handle acts for, at this end.
  void release() const {
    auto& channel = require("release");
    const auto mine = member();
    if (mine == nullptr)
      throw channel_closed("release: the handle is detached");
    owner_table::release(channel, mine->who,
                         sending ? channel_end::send : channel_end::receive);
  }

  // As for any handle: see handle.hpp.
  std::uint64_t id() const noexcept {
    return raw_.id();
  }
  std::string name() const {
    return raw_.name();
  }
  std::size_t capacity() const noexcept {
    return raw_.capacity();
  }
  std::size_t size() const noexcept {
    return raw_.size();
  }
  bool is_closed() const noexcept {
    return raw_.is_closed();
  }
  levada::close_record close_record() const {
    return raw_.close_record();
  }
  channel_stats stats() const {
    return raw_.stats();
  }
  channel_info info() const {
    return raw_.info();
  }
  auto as_actor() const {
    return raw_.as_actor();
  }

  /// Ends of one kind are equal when they are of one channel, whomever they act
  /// for.
  friend bool operator==(const owned_handle& a,
                         const owned_handle& b) noexcept {
    return a.raw_ == b.raw_;
  }

protected:
  friend struct owned_access;

  explicit owned_handle(Raw raw, member_pointer member = nullptr) noexcept
      : raw_(std::move(raw)),
        member_(std::move(member)) {
  }
  owned_handle(const owned_handle&) = default;
  owned_handle(owned_handle&&) noexcept = default;
  owned_handle& operator=(const owned_handle&) = default;
  owned_handle& operator=(owned_handle&&) noexcept = default;
  ~owned_handle() = default;

  channel_core& require(const char* operation) const {
    auto* core = handle_access::core(raw_);
    if (core == nullptr)
      throw_error(make_error_code(errc::nil_channel), operation);
    return *core;
  }

  /// What an operation works on.
  channel_core* target() const noexcept {
    if constexpr (sending)
      return handle_access::sending(raw_);
    else
      return handle_access::receiving(raw_);
  }

  /// On whose behalf; null when target() is no owned channel.
  member_pointer member() const {
    auto* const channel = target();
    if (channel != handle_access::core(raw_))
      return nullptr;
    return member_ != nullptr ? member_ : owner_table::join_current(*channel);
  }

  Raw raw_;
  /// Null: the current runtime.
  member_pointer member_;
};

/// Lets owned handles be made from their parts, and looked into.
struct owned_access {
  template <class Handle, class Raw>
  static Handle make(Raw raw) {
    return Handle{std::move(raw)};
  }
  template <class Handle>
  static channel_core* target(const Handle& handle) noexcept {
    return handle.target();
  }
  template <class Handle>
  static member_pointer member(const Handle& handle) {
    return handle.member();
  }
  template <class Handle>
  static channel_core* core(const Handle& handle) noexcept {
    return handle_access::core(handle.raw_);
  }
};

} // namespace levada::detail
