// response_promise: the duty to answer one CAF message.
//
// Invariants
//  - A request is answered exactly once: whoever lets go of the promise without
//    an answer answers errc::dropped by that, so nobody waits for ever.
//  - A message that is no request may be answered too: CAF sends such an answer
//    as an ordinary message. An empty answer, or an error, is not sent then.
//
// Pulls in CAF's headers; not part of <levada/levada.hpp>.
#pragma once

#include <concepts>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_message.hpp>
#include <caf/message.hpp>
#include <caf/message_id.hpp>

#include <levada/runtime/export.hpp>

namespace levada {

/// Movable. Threads: one at a time, any. Never waits.
class LEVADA_API response_promise {
public:
  response_promise() noexcept = default;
  /// The duty to answer `message`, in the name of `self`; takes it from there.
  response_promise(caf::strong_actor_ptr self, caf::mailbox_element& message);
  response_promise(response_promise&& other) noexcept;
  response_promise& operator=(response_promise&& other) noexcept;
  ~response_promise();

  /// Answers with values, with nothing, or with an error. False when it was
  /// answered before, or nobody can be answered.
  template <class... Ts>
    requires(sizeof...(Ts) != 1
             || !(std::convertible_to<Ts &&, caf::error> && ...))
  bool deliver(Ts&&... values) {
    return deliver_message(caf::make_message(std::forward<Ts>(values)...));
  }
  bool deliver(caf::error error);
  bool deliver_message(caf::message answer);

  /// Lets `other` answer instead. False as deliver.
  template <class Handle, class... Ts>
  bool delegate(const Handle& other, Ts&&... values) {
    return delegate_message(caf::actor_cast<caf::strong_actor_ptr>(other),
                            caf::make_message(std::forward<Ts>(values)...));
  }
  bool delegate_message(const caf::strong_actor_ptr& other,
                        caf::message content);

  /// True when there is somebody to answer, and it has not happened.
  bool pending() const noexcept {
    return source_ != nullptr || !stages_.empty();
  }
  /// True when whoever asked waits for the answer.
  bool is_request() const noexcept {
    return id_.is_request();
  }
  /// Who asked; null for an anonymous message.
  const caf::strong_actor_ptr& source() const noexcept {
    return source_;
  }

private:
  void drop() noexcept;

  caf::strong_actor_ptr self_;
  caf::strong_actor_ptr source_;
  std::vector<caf::strong_actor_ptr> stages_;
  caf::message_id id_;
};

} // namespace levada
