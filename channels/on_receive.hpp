// on_receive, on_select: CAF actors receive from channels as from their mailbox.
//
//   caf::behavior counter(caf::stateful_actor<state>* self,
//                         levada::receiver<int> in) {
//     levada::on_receive(self, std::move(in),
//                        [self](int n) { self->state.sum += n; });
//     return {[=](get_atom) { return self->state.sum; }};
//   }
//
// For event-based actors of any kind: dynamically or statically typed, stateful,
// or a class of your own, in its constructor too. Blocking actors receive with
// blocking_receive(). The receiver may be of any kind: plain, broadcast,
// any_receiver, combinators, `timer` (by the steady clock).
//
// Runs      the handler, in the actor's own context, one item at a time, whatever
//           behavior is in force: become(), default handlers and skipping do not
//           touch it. A request that is await()ed holds it up, as all else.
// Takes     at most `credit` items from the channel that are not handled yet; it
//           asks for more when half of them are. Senders feel the rest: that is
//           backpressure. It waits in the channel's queue as any receiver. While
//           it is busy, senders that would have to wait put items into its hands
//           as far as the credit goes; so a send at a rendezvous ends when the
//           item is in the actor's hands, as a message is in its mailbox. With a
//           credit of 1 it ends when the handler can be called with it.
// Fair      at most half the credit is handled between two looks at the mailbox.
//           Several receivers that have something take turns.
// Closing   after the last item `on_close` runs, once, with the close_record or
//           without (of other receivers than plain and broadcast ones it says no
//           more than `finished`).
// Ending    cancel(), quit() in the handler, or the actor's end for any reason:
//           the receiver goes, and what was not handled is the channel's next
//           again, in order. (Another receiver of a channel that was closed may
//           have learnt before that nothing is left; then it is a dead letter.)
// Throws    what the handler throws is to CAF what a behavior throws: the actor's
//           exception handler has it, then the actor ends. The item counts as
//           received.
// Lives     an actor stays alive while it may receive, without a behavior too, as
//           it does while a response is to come; it ends by itself when nothing
//           else is left to do. A channel whose last sender that actor holds will
//           not close by itself. From a nil receiver nothing comes: it is left
//           out, and keeps nobody alive.
// Threads   in the actor's context: its constructor, make_behavior(), handlers.
//           The counts may be read anywhere.
// Cost      one message to itself per turn of up to half the credit; per item one
//           move and two calls. A wait is a select.
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <caf/fwd.hpp>

#include <levada/channels/inbox/feeds.hpp>
#include <levada/channels/inbox/pump.hpp>

namespace levada {

struct receive_options {
  /// How many items may be in the actor's hands: at least one per receiver, else
  /// channel_error(invalid_argument).
  std::uint32_t credit = 64;
};

/// What on_receive returns: a counted handle. Dropping it changes nothing.
class subscription {
public:
  /// Of nothing.
  subscription() noexcept = default;

  /// Receives nothing any more: see Ending. In the actor's context; from within
  /// the handler it takes effect when that returns. False when it had ended.
  bool cancel() noexcept {
    return pump_ && pump_->cancel();
  }

  /// True until it was cancelled, all its receivers are closed and on_close has
  /// run, or the actor has ended.
  bool active() const noexcept {
    return pump_ && !pump_->is_over();
  }
  /// Items the handler has had, the one it has now included.
  std::uint64_t received() const noexcept {
    return pump_ ? pump_->handled() : 0;
  }
  /// Items that went back to the channel when it ended.
  std::uint64_t returned() const noexcept {
    return pump_ ? pump_->returned() : 0;
  }

private:
  friend levada::subscription detail::start_pump(caf::scheduled_actor&,
                                                 detail::feeds, std::uint32_t);
  explicit subscription(detail::work_ptr<detail::actor_pump> pump) noexcept
      : pump_(std::move(pump)) {
  }

  detail::work_ptr<detail::actor_pump> pump_;
};

namespace detail {

inline levada::subscription start_pump(caf::scheduled_actor& self, feeds from,
                                       std::uint32_t credit) {
  work_ptr<actor_pump> made{new actor_pump{self, std::move(from), credit}};
  made->start();
  return levada::subscription{std::move(made)};
}

} // namespace detail

/// Hands what `from` receives to `handler`: see the head of this file.
template <class Self, class R, class F, class G = detail::nothing_on_close>
subscription on_receive(Self* self, R&& from, F handler, G on_close = {},
                        receive_options options = {}) {
  detail::feeds one;
  one.push_back(detail::make_feed(std::forward<R>(from), std::move(handler),
                                  std::move(on_close)));
  return detail::start_pump(detail::listening(self), std::move(one),
                            options.credit);
}

/// One of the receivers of on_select, and its handler; made by when().
class receive_case {
public:
  explicit receive_case(std::unique_ptr<detail::actor_feed> feed) noexcept
      : feed_(std::move(feed)) {
  }
  std::unique_ptr<detail::actor_feed> take() noexcept {
    return std::move(feed_);
  }

private:
  std::unique_ptr<detail::actor_feed> feed_;
};

/// `when(rx, handler)` or `when(rx, handler, on_close)`: a case of on_select.
template <class R, class F, class G = detail::nothing_on_close>
receive_case when(R&& from, F handler, G on_close = {}) {
  return receive_case{detail::make_feed(
    std::forward<R>(from), std::move(handler), std::move(on_close))};
}

/// Listens to several receivers: those that have something take turns, and the
/// credit is divided equally among them. It ends when all of them have.
template <class Self, std::same_as<receive_case>... Cases>
subscription on_select(Self* self, receive_options options, Cases... cases) {
  static_assert(sizeof...(Cases) > 0,
                "on_select: without a case nothing would "
                "ever happen");
  detail::feeds all;
  (all.push_back(cases.take()), ...);
  return detail::start_pump(detail::listening(self), std::move(all),
                            options.credit);
}
template <class Self, std::same_as<receive_case>... Cases>
subscription on_select(Self* self, receive_case first, Cases... cases) {
  return on_select(self, receive_options{}, std::move(first),
                   std::move(cases)...);
}

} // namespace levada
