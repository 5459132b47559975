// channel_actor: what a channel is to CAF.
//
// An actor without a mailbox: address, monitor, link, exit and registry work as
// for any actor; messages are served by a job (see channel_door.hpp). It must derive
// from caf::monitorable_actor first (CAF finds the object behind the control
// block by that).
//
// Traps kept out of here (CAF 0.17.6)
//  - enqueue() may be called while CAF holds its own locks: it never blocks,
//    never runs user code, and leaves the actor's end to a posted job.
//  - The channel never starts a link itself.
//  - Closing is not ending: the actor ends when it is closed *and* drained.
//  - It is not registered as running, or ~actor_system would wait for it; the
//    engine ends all channels before the system goes.
#pragma once

#include <caf/monitorable_actor.hpp>

#include <levada/actors/channel_core.hpp>
#include <levada/runtime/directory.hpp>

namespace levada::detail {

class channel_door;

class channel_actor final : public caf::monitorable_actor, public channel_core {
public:
  channel_actor(caf::actor_config& config, const channel_setup& setup,
                std::uint64_t id);
  ~channel_actor() override;

  const char* name() const override;
  void enqueue(caf::mailbox_element_ptr message,
               caf::execution_unit* unit) override;
  void on_destroy() override;

  /// Ends the actor: monitors and links are told, once whoever asked by messages
  /// has been answered. Idempotent. Not from enqueue().
  void end(close_reason why);
  /// The end itself; for the door.
  void end_now(caf::error reason);

  /// One more strong reference, unless the last one has gone.
  bool retain_if_alive() noexcept;

  /// What CAF holds.
  caf::strong_actor_ptr pointer();

  /// Where messages to it are served, made when it is first needed.
  channel_door& door();

  /// Who may wake a task and is none, as the channel's runtime counts them.
  const outsider_count& outsiders() const noexcept;

  /// The exit reason that tells CAF of `why`.
  static caf::error exit_reason_of(close_reason why);

private:
  void exit(const caf::error& why);

  /// Null until somebody has sent it a message it knows.
  channel_door* door_if_any() const noexcept;
};

} // namespace levada::detail
