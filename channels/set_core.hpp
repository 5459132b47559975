// The body of a select_set: its members, which of them are ready, and who waits.
// How it works stands in select_set.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <levada/actors/select_claim.hpp>
#include <levada/channels/receiver.hpp>

namespace levada::detail {

class set_core;

/// One member, untyped.
class set_member : public set_node {
public:
  set_member(set_core& set, channel_core* channel, std::uint64_t index) noexcept
      : set_node(&set_member::told),
        set(set),
        channel(channel),
        index(index) {
  }
  virtual ~set_member() = default;

  /// Makes the result of what happened; the item leaves `slot`.
  virtual void finish() = 0;
  /// The result, a pointer to a member_result<T>.
  virtual void* last() noexcept = 0;

  set_core& set;
  channel_core* const channel;
  const std::uint64_t index;
  /// Link in the ready list; guarded by the set's lock, as all below.
  set_member* next_ready = nullptr;
  bool is_ready = false;
  /// To be deleted when it is no more in use.
  bool removed = false;

private:
  static bool told(set_node& self, wake_list& wakes) noexcept;
};

/// What a member that receives T gives.
template <class T>
struct member_result {
  using type = receive_result<T>;
};

template <class T>
class typed_set_member final : public set_member {
public:
  typed_set_member(set_core& set, receiver<T> from, std::uint64_t index)
      : set_member(set, handle_access::receiving(from), index),
        from_(std::move(from)) {
    slot = item_.storage();
  }

  void finish() override {
    if (result == outcome::done)
      cell<T>::take(slot, [this](T&& item) {
        last_.emplace(std::in_place, std::move(item));
      });
    else
      last_.emplace(errc::closed, channel);
    result = outcome::pending;
  }
  void* last() noexcept override {
    return last_ ? &*last_ : nullptr;
  }

private:
  receiver<T> from_;
  cell_slot<T> item_;
  std::optional<typename member_result<T>::type> last_;
};

/// The set itself.
class LEVADA_API set_core {
public:
  set_core() = default;
  ~set_core();
  set_core(const set_core&) = delete;
  set_core& operator=(const set_core&) = delete;

  std::uint64_t next_index() noexcept;
  void add(std::unique_ptr<set_member> member);
  bool remove(std::uint64_t index);
  std::size_t size() const noexcept;

  /// Looks at the ready members: the one that has something, or null.
  set_member* poll();

  enum class wait_start : std::uint8_t { waits, look_again, ended };

  /// Declares `who` waiting, unless a member got ready; `parked` is called
  /// first, under the lock.
  template <class Parked>
  wait_start start_waiting(waiter& who, Parked parked) {
    spin_guard guard{lock_};
    if (first_ready_ != nullptr)
      return wait_start::look_again;
    if (members_.empty() || verdict_ != outcome::pending)
      return wait_start::ended;
    parked();
    delivered_ = nullptr;
    who_ = &who;
    return wait_start::waits;
  }

  /// Ends the wait for reason `why`: whom to wake, or null when nobody waits
  /// (yet: then the verdict is left for start_waiting) or an item was faster.
  waiter* interrupt(outcome why) noexcept;

  /// The reason left by interrupt(), once.
  outcome verdict() noexcept;

  /// Makes the member's result; one that is closed is left out from then on.
  void report(set_member& member);

  /// After the wait: the member that was handed an item, or null.
  set_member* take_delivered();

  /// Forgets the members that ended, once their last event has been seen.
  void forget_removed();

private:
  friend class set_member;

  bool told(set_member& member) noexcept;
  void push_ready(set_member& member) noexcept;
  void unlink_ready(set_member& member) noexcept;
  bool look(set_member& member, bool ask, wake_list& wakes);
  std::unique_ptr<set_member> extract(set_member& member);
  static void disarm(set_member& member) noexcept;

  /// Guards everything below. Innermost.
  mutable spin_lock lock_;
  std::vector<std::unique_ptr<set_member>> members_;
  set_member* first_ready_ = nullptr;
  set_member* last_ready_ = nullptr;
  /// Who waits, while an item may be handed over.
  waiter* who_ = nullptr;
  /// The member with an item handed over.
  set_member* delivered_ = nullptr;
  /// The member poll() is at, or whose event is out.
  set_member* busy_ = nullptr;
  /// What ended, or is to end, the wait.
  outcome verdict_ = outcome::pending;
  std::uint64_t last_index_ = 0;
};

} // namespace levada::detail
