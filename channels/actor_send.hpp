// send(self, tx, value): CAF actors send to channels as they send requests.
//
//   levada::send(self, out, order).then(
//     [=] { self->state.sent++; },
//     [=](std::error_code why, order back) { … });   // closed: it comes back
//
// Waits     never the actor: a send that finds no room stands in the channel's
//           queue like a task's, and the actor goes on. Sends of one actor to one
//           channel keep their order.
// Answers   as a response does, in the actor's context and after the handler that
//           called send: on_sent() or on_sent(send_status) once the channel or a
//           receiver has the item; on_error(error) or on_error(error, item) when
//           it is closed or rejects. await() holds up what comes in between.
//           Without on_error the actor's error handler has it, which by default
//           ends the actor. Without then() or await() as with an empty on_sent.
// Ending    an actor that ends takes back what is still parked: it was not sent,
//           and is destroyed with the actor.
// Lives     an actor stays alive until it is known what became of the item.
// Throws    moving the item, and memory; channel errors come to on_error.
// Threads   in the actor's context.
// Cost      an allocation for the send, some more and a message for the answer.
//           An actor that must not wait, and does not want to know, uses
//           tx.try_send().
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

#include <levada/channels/channel.hpp>
#include <levada/channels/inbox/sending.hpp>

namespace levada {

/// What send() returns, to be told what is to happen then. It stays in the
/// statement it was made in.
template <class T>
class actor_send {
public:
  explicit actor_send(detail::work_ptr<detail::actor_sending<T>> work) noexcept
      : work_(std::move(work)) {
  }
  actor_send(const actor_send&) = delete;
  actor_send& operator=(const actor_send&) = delete;
  ~actor_send() noexcept(false) {
    if (work_)
      then([] {});
  }

  template <class F, class E = detail::error_to_actor>
  void then(F on_sent, E on_error = {}) {
    answer(std::move(on_sent), std::move(on_error),
           detail::response_order::multiplexed);
  }
  template <class F, class E = detail::error_to_actor>
  void await(F on_sent, E on_error = {}) {
    answer(std::move(on_sent), std::move(on_error),
           detail::response_order::awaited);
  }

private:
  template <class F, class E>
  void answer(F on_sent, E on_error, detail::response_order order) {
    static_assert(std::is_invocable_v<F&>
                    || std::is_invocable_v<F&, send_status>,
                  "on_sent is called with nothing, or a send_status");
    static_assert(std::same_as<E, detail::error_to_actor>
                    || std::is_invocable_v<E&, std::error_code, T>
                    || std::is_invocable_v<E&, std::error_code>,
                  "on_error is called with a std::error_code and the item that "
                  "came back, or without the item");
    const auto work = std::exchange(work_, {});
    work->then(std::make_unique<detail::sent_calls<T, F, E>>(
                 std::move(on_sent), std::move(on_error)),
               order);
  }

  detail::work_ptr<detail::actor_sending<T>> work_;
};

/// Sends `value`: see the head of this file.
template <class Self, class T, class U = T>
  requires std::constructible_from<T, U>
actor_send<T> send(Self* self, const sender<T>& to, U&& value) {
  static_assert(std::is_convertible_v<Self*, caf::scheduled_actor*>,
                "only event-based actors send this way: a blocking actor, a "
                "thread, uses tx.blocking_send()");
  detail::work_ptr<detail::actor_sending<T>> work{
    new detail::actor_sending<T>{*self, to, T(std::forward<U>(value))}};
  work->start();
  return actor_send<T>{std::move(work)};
}
template <class Self, class T, class U = T>
  requires std::constructible_from<T, U>
actor_send<T> send(Self* self, const channel<T>& to, U&& value) {
  return send(self, to.tx(), std::forward<U>(value));
}

} // namespace levada
