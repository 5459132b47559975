// owner: who owns what is sent.
//
// An owned channel (channels/owned.hpp) notes with every item who sent it. When
// an owner dies, its items that are still queued are treated as each was sent to
// be: kept, replaced, turned into an error, or removed.
//
// An owner is one of
//  - an actor          owner::of(actor): dies when the actor ends, or its node
//  - a scope           owner::of(scope): dies with the scope object
//  - a runtime         owner::of(rt): dies when its tasks have ended, in stop()
//                      or ~runtime; two runtimes in a process are to each other
//                      what two interpreters of CPython are
//  - free-standing     owner{"name"}: dies by end(), or with its last handle.
//                      Ends of channels that are bound to it are no handles.
//
// Dying happens channel by channel, in one atomic step in each; on the thread
// that ends the owner, where dead-letter hooks and destructors run, too.
// Threads: any. Asking twice for the owner of a thing gives the same owner.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <caf/fwd.hpp>

#include <levada/runtime/export.hpp>

namespace levada {

class runtime;
class scope;

/// What becomes of a queued item when its owner dies.
enum class owner_gone : std::uint8_t {
  keep,    ///< it stays
  replace, ///< an *unbound* item takes its place: order and count are kept
  error,   ///< likewise, but receiving it gives errc::owner_gone
  remove,  ///< it goes at once; the others keep their order
};

/// What becomes of unread items when the last owner of a channel goes.
enum class unread_items : std::uint8_t {
  drop, ///< they are dead letters (owner_gone)
  keep, ///< they stay receivable
};

/// An end of a channel, or both.
enum class channel_end : std::uint8_t { both, send, receive };

/// How an owner stands to an end of a channel.
enum class end_use : std::uint8_t {
  unused,   ///< it has not sent (received) there yet
  open,     ///< it has, or waits to
  released, ///< it let go of the end
};

LEVADA_API const char* to_string(owner_gone policy) noexcept;
LEVADA_API const char* to_string(channel_end end) noexcept;
LEVADA_API const char* to_string(end_use use) noexcept;

/// One owner at one channel.
struct association {
  std::uint64_t owner = 0; ///< owner::id()
  std::string name;
  end_use send = end_use::unused;
  end_use receive = end_use::unused;
};

namespace detail {
class owner_state;
struct owner_access;
} // namespace detail

class LEVADA_API owner {
public:
  /// A free-standing one. The name is for people.
  explicit owner(std::string name);

  /// Throws channel_error(invalid_argument) for an actor handle that holds none.
  static owner of(const caf::actor& actor);
  static owner of(const scope& scope);
  static owner of(const runtime& runtime);

  /// Copies are handles of the same owner. A moved-from one is nobody: gone.
  owner(const owner& other) noexcept;
  owner(owner&& other) noexcept = default;
  owner& operator=(owner other) noexcept;
  ~owner();

  /// Ends a free-standing owner; returns when its items have been treated. False
  /// when it was gone. Throws channel_error(invalid_argument) for the owner of a
  /// thing: that ends with the thing.
  bool end();

  bool is_gone() const noexcept;

  /// Unique in the process, counted from 1; 0 for nobody.
  std::uint64_t id() const noexcept;
  std::string name() const;

  friend bool operator==(const owner& a, const owner& b) noexcept {
    return a.state_ == b.state_;
  }

private:
  friend struct detail::owner_access;
  explicit owner(std::shared_ptr<detail::owner_state> state) noexcept;

  std::shared_ptr<detail::owner_state> state_;
};

} // namespace levada
