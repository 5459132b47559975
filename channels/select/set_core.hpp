// The body of a select_set: its members, which of them are ready, and who waits.
// How it works stands in select_set.hpp, with members in rounds: set_rounds.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <levada/actors/select_claim.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/channels/receiver.hpp>
#include <levada/runtime/biased_lock.hpp>

namespace levada::detail {

class loop_member;
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

  /// The everyday receive, without the set's lock: takes an item when its channel is
  /// open and has one, or a sender that waits with one, and makes the result. False:
  /// nothing has happened.
  virtual bool take_quickly(bias_seat& seat) = 0;
  /// Makes the result of what happened; the item leaves `slot`.
  virtual void finish() = 0;

  set_core& set;
  channel_core* const channel;
  const std::uint64_t index;
  /// The last result, a member_result<T>; null before the first.
  void* last = nullptr;
  /// Link in the ready list; guarded by the set's lock, as all below.
  set_member* next_ready = nullptr;
  bool is_ready = false;
  /// To be deleted when it is no more in use.
  bool removed = false;

private:
  LEVADA_API static bool told(set_node& self, wake_list& wakes) noexcept;
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

  bool take_quickly(bias_seat& seat) override {
    using mover = typed_mover<cell<T>>;
    waiter* partner = nullptr;
    channel->lock.lock(seat);
    if (can_take_quickly(*channel)) [[likely]] {
      detail::take_quickly(*channel, slot, mover{});
    } else {
      partner = take_from_partner(*channel, slot, mover{});
      if (partner == nullptr) {
        channel->lock.unlock(seat);
        return false;
      }
    }
    channel->lock.unlock(seat);
    if (partner != nullptr)
      wake(*partner);
    give();
    return true;
  }
  void finish() override {
    if (result == outcome::done)
      give();
    else
      last = &last_.emplace(errc::closed, channel);
    result = outcome::pending;
  }

private:
  void give() {
    cell<T>::take(slot, [this](T&& item) {
      last = &last_.emplace(std::in_place, std::move(item));
    });
  }

  receiver<T> from_;
  cell_slot<T> item_;
  std::optional<typename member_result<T>::type> last_;
};

/// The set itself.
class LEVADA_API set_core {
public:
  set_core();
  ~set_core();
  set_core(const set_core&) = delete;
  set_core& operator=(const set_core&) = delete;

  std::uint64_t next_index() noexcept;
  void add(std::unique_ptr<set_member> member);
  bool remove(std::uint64_t index);
  std::size_t size() const noexcept;

  /// Looks at the ready members: the one that has something, or null. Its result is
  /// made, unless it says something else than pending. `first`: as the beginning of
  /// next(), the member whose event was out is put among them; null, and nothing has
  /// happened, where begin_next() has more to do than that.
  set_member* poll(bias_seat& seat, bool first);

  enum class wait_start : std::uint8_t { waits, look_again, ended };

  /// Declares `who` waiting, unless a member got ready; `parked` is called
  /// first, under the lock.
  template <class Parked>
  wait_start start_waiting(waiter& who, Parked parked) {
    seat_guard guard{lock_};
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

  /// Makes the member's result, if poll() has not; one that is closed is left out
  /// from then on.
  void report(set_member& member);

  /// Forgets the members that ended, once their last event has been seen.
  void forget_removed();

  /// How next() is to go on: look at the ready ones, wait, or go in rounds.
  enum class way : std::uint8_t { looks, waits, in_rounds };
  /// Where next() begins and ends.
  way begin_next(bias_seat& seat);
  /// Gives `found`, or the member that was handed an item, or null; and the reason
  /// left by interrupt(), once.
  set_member* end_next(bias_seat& seat, set_member* found,
                       outcome& verdict) noexcept;
  /// The end of one that went in rounds, or was broken off.
  void end_rounds() noexcept;

  // -- members in rounds, and the round under way: see set_rounds.cpp ----------

  /// Throws channel_error(invalid_argument) while next() waits without any.
  void add_in_rounds(std::unique_ptr<loop_member> member);
  /// Those that are to wish, whose turn it is first.
  std::vector<loop_member*> in_rounds();
  /// One of them came first: not when it was removed meanwhile.
  bool may_look(loop_member& member) noexcept;
  /// Its event goes out: it stays until the next begin_next().
  void give_out(loop_member& member) noexcept;
  /// Of all members in turn, is it a channel's?
  bool is_channels_turn() noexcept;

  /// From now on what happens here makes `claim` true, with index 0.
  void enter_round(select_claim& claim, waiter& who) noexcept;
  void leave_round() noexcept;

private:
  friend class set_member;

  struct round_member {
    std::unique_ptr<loop_member> held;
    bool removed = false;
  };

  bool told(set_member& member, wake_list& wakes) noexcept;
  void tell_round(wake_list& wakes) noexcept;
  std::vector<round_member> take_gone();
  void push_ready(set_member& member) noexcept;
  void unlink_ready(set_member& member) noexcept;
  set_member* pop_ready(bool first) noexcept;
  bool look(set_member& member, bool ask, wake_list& wakes);
  std::unique_ptr<set_member> extract(set_member& member);
  std::unique_ptr<set_member> take_seen();
  static void disarm(set_member& member) noexcept;

  /// Guards everything below. Innermost: told() takes it inside a channel's.
  mutable biased_lock lock_;
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
  /// In the order of their indices. Only next(), or who removes one while no
  /// next() runs, takes them out.
  std::vector<round_member> in_rounds_;
  /// The round under way, and whom it wakes.
  select_claim* round_ = nullptr;
  waiter* round_who_ = nullptr;
  /// The one whose event is out.
  loop_member* out_ = nullptr;
  /// next() runs, and does not go in rounds.
  bool running_ = false;
  bool runs_plainly_ = false;
  std::uint64_t before_ = 0;
  std::uint64_t turn_ = 0;
};

} // namespace levada::detail
