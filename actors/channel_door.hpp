// channel_door: where messages to a channel's address are served.
//
// enqueue() may be called under CAF's locks, so a message is only queued there; a
// job on a worker serves the queue, one message after the other. What cannot be
// done at once (a put without room, a get without an item) is enlisted in the
// channel by that job, as one more waiter, and so keeps its turn; the channel tells
// it when that is done, and the job goes on from there.
//
// Invariants
//  - At most one job serves a door at a time: what it works on needs no lock.
//    `mutex_` guards what is above `the job's own`, nothing else.
//  - A waiting put counts as a sender of the channel, a waiting get and a
//    subscription as a receiver; so the channel is there as long as they are.
//  - Every request is answered, whatever happens to the channel.
//  - An item is taken for nobody who has ended: it goes back to the front.
//  - The channel's actor ends when nobody's wait is in the channel or told of: who
//    monitors the channel learns of its end after what was taken for him.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <caf/actor_addr.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/timespan.hpp>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/response_promise.hpp>

namespace levada::detail {

class channel_actor;

/// What the door must know about the items of its channel; see speak_caf().
class channel_speech {
public:
  channel_speech() = default;
  channel_speech(const channel_speech&) = delete;
  channel_speech& operator=(const channel_speech&) = delete;
  virtual ~channel_speech() = default;

  /// Whether the element at `index` is an item.
  virtual bool fits(const caf::message& from, std::size_t index) const = 0;
  /// Makes an item in the raw storage `cell` from that element.
  virtual void make(void* cell, const caf::message& from,
                    std::size_t index) const
    = 0;
  /// Makes a message from the item in `cell`, which is raw afterwards: the item
  /// alone, or after `item_atom, subscription`.
  virtual caf::message tell(void* cell) const = 0;
  virtual caf::message tell(std::uint64_t subscription, void* cell) const = 0;
};

class LEVADA_API channel_door {
public:
  explicit channel_door(channel_actor& channel);
  ~channel_door();
  channel_door(const channel_door&) = delete;
  channel_door& operator=(const channel_door&) = delete;

  /// From now on items can be told of. Only the first call counts.
  void learn(std::unique_ptr<channel_speech> speech);

  /// Queues a message. Never waits, and runs nothing of anybody's.
  void enqueue(caf::mailbox_element_ptr message);

  /// Serves what is queued; for the job.
  void serve();

  /// Ends the channel's actor, which is closed and drained, for `reason`: when
  /// all that was asked of it has been answered. The first reason counts.
  void end_when_told(caf::error reason);

  /// No job will run any more: ends all waits and serves what is left, here.
  void desert();

  /// Whether this is one of the messages a channel knows.
  static bool knows(const caf::type_erased_tuple& content);

private:
  struct wait;
  struct put_wait;
  struct take_wait;
  struct get_wait;
  struct subscription;
  struct counted;

  bool serve_round();
  bool all_told() const noexcept;
  void told(wait& which) noexcept;
  void begin_job();

  void serve_one(caf::mailbox_element& message);
  void put(const caf::message& content, response_promise duty);
  void get(response_promise duty, const caf::timespan* limit);
  void try_get(response_promise duty);
  void subscribe(response_promise duty, std::uint32_t credit);
  void acknowledge(const response_promise& duty, std::uint64_t id,
                   std::uint32_t items);
  void unsubscribe(response_promise duty, std::uint64_t id);
  void close(const caf::message& content, response_promise duty);
  void observer_gone(const caf::actor_addr& who);
  void time_passed(std::uint64_t id);

  wait& enter(std::unique_ptr<wait> one);
  void go_on(wait& one) noexcept;
  void leave(wait& one);
  subscription* find(std::uint64_t id, const caf::strong_actor_ptr& of);
  bool can_speak(response_promise& duty);
  bool can_take(response_promise& duty);
  caf::error closed_error() const;

  channel_actor& channel_;
  std::mutex mutex_;
  std::vector<caf::mailbox_element_ptr> queue_;
  /// The waits that have ended, linked by `wait::next_told`.
  wait* told_first_ = nullptr;
  wait* told_last_ = nullptr;
  /// True while there is a job.
  bool serving_ = false;
  /// True once there will be none.
  bool deserted_ = false;
  /// What the channel's actor is to end for.
  std::optional<caf::error> ending_;
  /// Set once, and stays.
  std::unique_ptr<channel_speech> learned_;
  /// While it can speak, somebody outside of the tasks may wake one.
  std::unique_ptr<counted> counted_;

  // -- the job's own ----------------------------------------------------------
  /// What was learned when the round began, or null.
  const channel_speech* speech_ = nullptr;
  std::list<std::unique_ptr<wait>> waits_;
  std::uint64_t last_id_ = 0;
};

} // namespace levada::detail
