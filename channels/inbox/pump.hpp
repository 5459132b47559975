// pump: brings the items of receivers to an actor. What on_receive and on_select
// are made of.
//
// Invariants
//  - Everything here happens in the actor's context, but for the counts and what
//    dump() reads. The channels know of the actor through its bell alone.
//  - Either the actor will have a turn (a message for it is under way), or the
//    pump waits at all of its receivers, with nothing in hand.
//  - A turn handles at most half the credit, then lets the mailbox have its own.
//  - At most `credit` items are in hand, all receivers together.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include <levada/actors/actor_party.hpp>
#include <levada/actors/actor_work.hpp>
#include <levada/channels/inbox/feed.hpp>

namespace levada::detail {

class LEVADA_API actor_pump final : public actor_work {
public:
  /// Throws channel_error(invalid_argument) when the credit is less than one for
  /// each feed.
  actor_pump(caf::scheduled_actor& self,
             std::vector<std::unique_ptr<actor_feed>> feeds,
             std::uint32_t credit);

  void start();
  /// In the actor's context. False when it had ended.
  bool cancel() noexcept;

  // -- from anywhere ----------------------------------------------------------

  bool is_over() const noexcept {
    return ended_.load(std::memory_order_relaxed); // (a hint)
  }
  std::uint64_t handled() const noexcept {
    return handled_.load(std::memory_order_relaxed); // (a count)
  }
  std::uint64_t returned() const noexcept {
    return returned_.load(std::memory_order_relaxed); // (a count)
  }

private:
  ~actor_pump() override;

  void turn() override;
  void abandoned() noexcept override;

  void work();
  bool handle_some();
  bool handle_next();
  void refill(actor_feed& one);
  void report_ends();
  bool all_over() const noexcept;
  void wait();
  bool stop_waiting();
  void watch(time_point deadline);
  void end(bool clear) noexcept;

  std::vector<std::unique_ptr<actor_feed>> feeds_;
  /// What each of them may have in hand.
  const std::uint32_t share_;
  /// How many items a turn handles.
  const std::uint32_t quantum_;
  /// Whose item is the next.
  std::size_t next_ = 0;
  select_claim claim_;
  /// While it waits.
  std::optional<round> round_;
  /// A message is to come then, if that has not passed.
  time_point timer_ = time_point::min();
  /// Of this turn: somebody was not done looking.
  bool more_ = false;
  bool running_ = false;
  bool over_ = false;

  std::atomic<bool> ended_{false};
  std::atomic<std::uint64_t> handled_{0};
  std::atomic<std::uint64_t> returned_{0};

  /// For dump(); in the registry of the first receiver that has one.
  actor_party party_;
};

} // namespace levada::detail
