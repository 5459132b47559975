// incoming: one message in the mailbox of a task actor.
//
// It is an item of the mailbox's channel like any other: it is received, lost to
// nobody by a select, and kept or handed on as its reader likes. Who lets go of it
// unanswered answers by that: errc::dropped, or sec::request_receiver_down when
// the actor is at its end.
#pragma once

#include <utility>

#include <caf/detail/invoke_result_visitor.hpp>
#include <caf/message.hpp>
#include <caf/message_handler.hpp>

#include <levada/actors/response_promise.hpp>

namespace levada {

/// Movable. Threads: one at a time.
class LEVADA_API incoming {
public:
  /// What `message` says, to be answered in the name of `self`.
  incoming(caf::strong_actor_ptr self, caf::mailbox_element& message);
  incoming(incoming&&) noexcept = default;
  incoming& operator=(incoming&&) noexcept = default;

  const caf::message& content() const noexcept {
    return content_;
  }
  /// True when it consists of exactly these types.
  template <class... Ts>
  bool holds() const {
    return content_.match_elements<Ts...>();
  }
  template <class T>
  const T& get(std::size_t index) const {
    return content_.get_as<T>(index);
  }
  /// Null for an anonymous message.
  const caf::strong_actor_ptr& sender() const noexcept {
    return promise_.source();
  }
  bool is_request() const noexcept {
    return promise_.is_request();
  }

  /// Calls the first of the handlers, written as for any CAF actor, that takes
  /// such a message. What it returns is the answer; caf::skip() means that it
  /// does not take this one. False, and nothing has happened, when none took it.
  /// Throws what the handler throws; the answer is then sec::runtime_error.
  template <class... Handlers>
  bool handle(Handlers&&... handlers) {
    caf::message_handler together{std::forward<Handlers>(handlers)...};
    return handle_with(together);
  }
  bool handle_with(caf::message_handler& handlers);

  /// The duty to answer it, to be fulfilled later and by whom you like.
  response_promise promise() noexcept {
    return std::move(promise_);
  }

private:
  caf::message content_;
  /// Whose message it is.
  caf::strong_actor_ptr self_;
  response_promise promise_;
};

} // namespace levada
