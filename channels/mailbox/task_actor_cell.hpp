// What a task actor is to CAF: an actor whose mailbox is a levada channel and whose
// body is a task.
//
// Invariants
//  - enqueue() only puts into the mailbox: it may be called under CAF's locks, so
//    what an exit message entails (stop callbacks, dropping messages) is done by a
//    job of its own.
//  - The actor ends when its body has ended, and not before: until then it is
//    kept alive by the body, whoever else knows it. So the engine outlives
//    whatever finds `body_`.
//  - Once the mailbox is closed every request is answered
//    sec::request_receiver_down, also those that were in it.
//  - `kept` and `current` belong to the body's task.
#pragma once

#include <exception>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <source_location>
#include <stop_token>
#include <string>

#include <caf/monitorable_actor.hpp>

#include <levada/channels/channel.hpp>
#include <levada/channels/mailbox/incoming.hpp>

namespace levada {

struct actor_options {
  /// Shown by dump(), and to CAF.
  std::string name = {};
  /// Exit messages are messages from the beginning (except `kill`).
  bool trap_exit = false;
  /// Called by serve() with a message that no handler takes and nobody waits for
  /// an answer to. Must not throw. Default: it is dropped, as by any CAF actor.
  std::function<void(incoming)> on_unexpected = {};
  /// Shown by dump(); default: where these options are written.
  std::source_location at = std::source_location::current();
};

namespace detail {

class LEVADA_API task_actor_cell final : public caf::monitorable_actor {
public:
  task_actor_cell(caf::actor_config& config, engine& home,
                  const actor_options& options,
                  std::set<std::string> interface);
  ~task_actor_cell() override;

  const char* name() const override;
  std::set<std::string> message_types() const override;
  void enqueue(caf::mailbox_element_ptr message,
               caf::execution_unit* unit) override;
  void on_destroy() override;

  /// Asks it to end: closes the mailbox, requests the stop token; `kill` cancels
  /// the body's waits, too. Not from enqueue().
  void ask_to_end(const caf::error& why);

  /// The body begins, as part of the task that runs here.
  void begun();
  /// The body has ended.
  void ended(const std::exception_ptr& error);

  /// The reason it was asked to end for, while there is one.
  std::optional<caf::error> exit_reason() const;

  void watch(const caf::strong_actor_ptr& whom);
  void unwatch(const caf::strong_actor_ptr& whom);

  const actor_options options;
  sender<incoming> tx;
  receiver<incoming> rx;
  std::stop_source stop;
  std::atomic<bool> trap_exit;
  /// Messages that a receive skipped.
  std::list<incoming> kept;
  /// The duty of the handler that runs; null while none does.
  response_promise* current = nullptr;

private:
  caf::error reason_of(const std::exception_ptr& error);
  void cancel_body();

  engine* home_;
  struct outsider;
  std::unique_ptr<outsider> outsider_;
  const std::set<std::string> interface_;
  /// Guards what follows.
  mutable std::mutex mutex_;
  /// The task of the body, while it runs.
  const task_frame* body_ = nullptr;
  std::optional<caf::error> exit_reason_;
  bool killed_ = false;
};

LEVADA_API task_actor_cell& cell_of(const caf::strong_actor_ptr& actor);

/// A cell, and who runs `body` in it: see task_actor.hpp.
LEVADA_API caf::strong_actor_ptr
make_task_actor(engine& home, const actor_options& options,
                std::set<std::string> interface);
LEVADA_API void
start_task_actor(engine& home, const caf::strong_actor_ptr& self, task<> body);

} // namespace detail
} // namespace levada
