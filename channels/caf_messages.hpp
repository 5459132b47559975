// A channel as an actor: what CAF actors, here or on another node, can ask of its
// address.
//
//   auto ch = levada::speak_caf(tx);                    // typed; or tx.as_actor()
//   self->request(ch, 1s, levada::put_atom::value, 42).then([=] { … });
//   self->request(ch, 1s, levada::get_atom::value).then([=](int n) { … });
//
//   message                    answer
//   (put, T)                   empty, when the channel has taken the item: that it
//                              comes late is the backpressure. errc::closed,
//                              errc::full (overflow::reject), errc::type_mismatch
//   (get)                      T, when there is one; errc::closed
//   (get, timespan limit)      the same, or errc::timed_out
//   (try_get)                  T, or errc::empty, errc::closed, at once
//   (close)                    bool: whether it was open
//   (close, string cause)      the same; the reason is `failed` then
//   (info)                     channel_summary
//   (subscribe, uint32 credit) uint64, the subscription; then come, as messages,
//                              (item, subscription, T), never more than `credit`
//                              that were not acknowledged, and in the end
//                              (closed, subscription, string why)
//   (ack, subscription, uint32 n)   none: n items are dealt with, more may come
//   (unsubscribe, subscription)     empty, when nothing more will come
//
// `close` and `info` work on every channel, the others once the channel has been
// taught how an item becomes a message: by speak_caf(), for which T must be
// something CAF can send. An unknown message is answered sec::unexpected_message.
//
// Order     Messages are served in the order in which they come; who waits keeps
//           its place among all others who wait at the channel.
// Ends      A waiting put counts as a sender, a waiting get and a subscription as
//           a receiver. An address keeps no end open: once the last sender (or
//           receiver) is gone, puts (or gets) say closed.
// No loss   An item is taken for nobody who has ended: when who waits ends, the
//           wait goes, and an item that was on its way to it goes back to the
//           front. A request's time-out is not told to the channel by CAF: a get
//           that shall not outlive it says its limit. (levada::request tells.) An
//           answer that has been sent is its receiver's: it is lost if that ends
//           before it looks. Where that matters subscribe, and acknowledge: what
//           was not acknowledged goes back when the subscriber ends or leaves, so
//           every item is dealt with at least once.
// Anonymous A put that nobody waits for and that a closed channel cannot take is
//           dropped, as any message to an actor at its end.
// Cost      a job on a worker per bunch of messages; an allocation per request.
//
// Pulls in CAF's headers; not part of <levada/levada.hpp>.
#pragma once

#include <caf/actor.hpp>
#include <caf/make_message.hpp>
#include <caf/timespan.hpp>
#include <caf/typed_actor.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/actors/channel_door.hpp>
#include <levada/actors/channel_messages.hpp>
#include <levada/channels/channel.hpp>

namespace levada {

/// The address of a channel of T that speaks.
template <class T>
using caf_channel = caf::typed_actor<
  typename caf::replies_to<put_atom, T>::template with<void>,
  typename caf::replies_to<get_atom>::template with<T>,
  typename caf::replies_to<get_atom, caf::timespan>::template with<T>,
  typename caf::replies_to<try_get_atom>::template with<T>,
  caf::replies_to<close_atom>::with<bool>,
  caf::replies_to<close_atom, std::string>::with<bool>,
  caf::replies_to<info_atom>::with<channel_summary>,
  caf::replies_to<subscribe_atom, std::uint32_t>::with<std::uint64_t>,
  caf::reacts_to<ack_atom, std::uint64_t, std::uint32_t>,
  caf::reacts_to<unsubscribe_atom, std::uint64_t>>;

namespace detail {

template <class T>
class typed_speech final : public channel_speech {
  static_assert(std::is_copy_constructible_v<T>,
                "speak_caf: CAF copies what its messages hold; T must be "
                "copy-constructible");

  bool fits(const caf::message& from, std::size_t index) const override {
    return from.match_element<T>(index);
  }
  void make(void* cell, const caf::message& from,
            std::size_t index) const override {
    detail::cell<T>::make(cell, from.get_as<T>(index));
  }
  caf::message tell(void* cell) const override {
    return detail::cell<T>::take(
      cell, [](T&& item) { return caf::make_message(std::move(item)); });
  }
  caf::message tell(std::uint64_t subscription, void* cell) const override {
    return detail::cell<T>::take(cell, [subscription](T&& item) {
      return caf::make_message(item_atom::value, subscription, std::move(item));
    });
  }
};

LEVADA_API void teach(channel_core* core,
                      std::unique_ptr<channel_speech> speech);

} // namespace detail

/// Teaches a channel to tell of its items, and gives its address. Any end of it
/// will do; more than once is no harm. From then on somebody outside of the tasks
/// may wake one: that all of them wait is no deadlock any more. Throws
/// channel_error(nil_channel).
template <class T>
caf_channel<T> speak_caf(const sender<T>& tx) {
  detail::teach(detail::handle_access::core(tx),
                std::make_unique<detail::typed_speech<T>>());
  return caf::actor_cast<caf_channel<T>>(tx.as_actor());
}
template <class T>
caf_channel<T> speak_caf(const receiver<T>& rx) {
  detail::teach(detail::handle_access::core(rx),
                std::make_unique<detail::typed_speech<T>>());
  return caf::actor_cast<caf_channel<T>>(rx.as_actor());
}
template <class T>
caf_channel<T> speak_caf(const channel<T>& both) {
  return speak_caf(both.tx());
}

} // namespace levada
