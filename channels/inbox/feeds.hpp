// Makes the feed that suits a receiver.
#pragma once

#include <levada/channels/inbox/feed.hpp>
#include <levada/channels/select/set_core.hpp>

namespace levada {

class subscription;

namespace detail {

using feeds = std::vector<std::unique_ptr<actor_feed>>;

levada::subscription start_pump(caf::scheduled_actor& self, feeds from,
                                std::uint32_t credit);

/// What on_close does when it is not given.
struct nothing_on_close {
  void operator()() const noexcept {
  }
};

/// For a receiver whose channel carries more than the items: the handler has the
/// whole result, or what is in it.
template <class Item>
struct result_handing {
  using result = typename member_result<Item>::type;

  template <class F>
  static void hand(F& handler, Item&& item) {
    result got{std::in_place, std::move(item)};
    if constexpr (std::is_invocable_v<F&, result>)
      std::invoke(handler, std::move(got));
    else
      std::invoke(handler, *std::move(got));
  }
};

/// A receiver that a select_set takes in as a plain one of another type.
template <class R>
concept has_member = requires(const R& from) { case_traits<R>::member(from); };

template <class T, class R, class F, class G>
std::unique_ptr<actor_feed> make_plain_feed(R&& from, F handler, G on_close) {
  static_assert(std::is_invocable_v<F&, T>,
                "the handler must be callable with an item of the channel");
  return std::make_unique<channel_feed<T, F, G, plain_handing<T>>>(
    std::forward<R>(from), std::move(handler), std::move(on_close));
}

template <class R, class F, class G>
std::unique_ptr<actor_feed> make_feed(R&& from, F handler, G on_close) {
  using plain = std::remove_cvref_t<R>;
  static_assert(std::is_invocable_v<G&, const close_record&>
                  || std::is_invocable_v<G&>,
                "on_close is called with a const close_record&, or nothing");
  if constexpr (has_member<plain>) {
    using item =
      typename decltype(case_traits<plain>::member(from))::value_type;
    return std::make_unique<channel_feed<item, F, G, result_handing<item>>>(
      case_traits<plain>::member(from), std::move(handler),
      std::move(on_close));
  } else {
    static_assert(receivable<plain>,
                  "receive from a receiver: of a channel, a broadcast, a "
                  "timer, or any_receiver");
    using item = received_type<plain>;
    if constexpr (std::is_convertible_v<const plain&, receiver<item>>) {
      return make_plain_feed<item>(receiver<item>(std::forward<R>(from)),
                                   std::move(handler), std::move(on_close));
    } else {
      static_assert(std::is_invocable_v<F&, item>,
                    "the handler must be callable with an item");
      return std::make_unique<source_feed<item, F, G>>(
        any_receiver<item>{std::forward<R>(from)}, std::move(handler),
        std::move(on_close));
    }
  }
}

template <class Self>
caf::scheduled_actor& listening(Self* self) {
  static_assert(std::is_convertible_v<Self*, caf::scheduled_actor*>,
                "only event-based actors are called with what they receive: a "
                "blocking actor, a thread, uses rx.blocking_receive()");
  return *self;
}

} // namespace detail
} // namespace levada
