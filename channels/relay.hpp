// relay: one sender that sends to several channels.
//
//   auto out = levada::relay(tx_a, tx_b, tx_c);
//   auto sent = co_await out.send(value);
//   if (!sent)
//     for (auto why : sent.targets()) …    // what became of each
//
// Every target gets a copy. The policy says whom it waits for:
//  all          everybody or nobody. Keeps a place everywhere first, in one order
//               for all relays (so that two of them never wait for each other),
//               and then sends. A target is not sent to when another one is
//               closed. A rendezvous channel has no places, and one that drops
//               or rejects does not wait for any: these are sent to one after
//               the other, last of all and while the places are kept. So with
//               one of them it still is all or nobody; with more, or when the
//               last receiver of a target goes in that moment, targets() tells.
//  any          everybody who is not closed, each as soon as it can; true when
//               anybody got it.
//  best_effort  who can take it right now; never waits. True when anybody did.
//
// Closing   close() closes every target. Cancelling and stop tokens end the wait:
//           then `all` has sent nothing to those with places, and the others have
//           sent what targets() says.
// Threads   as sender. Copies of a relay share its senders, which count once.
// Throws    what copying T throws: before anything is sent.
// Cost      a copy of the value and a box for each target, one task frame.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <source_location>
#include <stop_token>
#include <utility>
#include <vector>

#include <levada/channels/rounds/relaying.hpp>

namespace levada {

template <class T>
class relay_sender {
  static_assert(std::is_copy_constructible_v<T>,
                "relay: every target gets a copy of the value; for one that "
                "cannot be copied send a std::shared_ptr");

public:
  using value_type = T;

  /// Throws channel_error(invalid_argument) for none, for nil, or for the same
  /// channel twice.
  explicit relay_sender(std::vector<sender<T>> to,
                        relay_policy policy = relay_policy::all)
      : policy_(policy) {
    check(to);
    to_ = std::make_shared<const std::vector<sender<T>>>(std::move(to));
  }

  /// `co_await r.send(value)` → relay_result<T>.
  task<relay_result<T>> send(T value, std::stop_token stop = {},
                             std::source_location line
                             = std::source_location::current()) const {
    auto work
      = std::make_unique<detail::relaying<T>>(targets_here(), std::move(value));
    switch (policy_) {
      case relay_policy::all:
        return detail::relaying<T>::to_all(std::move(work), std::move(stop),
                                           line);
      case relay_policy::any:
        return detail::relaying<T>::to_any(std::move(work), std::move(stop),
                                           line);
      default:
        return at_once(std::move(work));
    }
  }

  /// Closes every target. True when one of them was open.
  bool close() const {
    bool was_open = false;
    for (const auto& each : *targets_here())
      was_open = each.close() || was_open;
    return was_open;
  }

  const std::vector<sender<T>>& targets() const {
    return *targets_here();
  }
  relay_policy policy() const noexcept {
    return policy_;
  }

private:
  static task<relay_result<T>>
  at_once(std::unique_ptr<detail::relaying<T>> work) {
    co_return work->now();
  }

  static void check(const std::vector<sender<T>>& to) {
    const auto refuse = [](const char* why) {
      throw_error(make_error_code(errc::invalid_argument), why);
    };
    if (to.empty())
      refuse("relay: at least one sender is needed");
    for (auto each = to.begin(); each != to.end(); ++each) {
      if (!*each)
        refuse("relay: one of the senders is nil");
      if (std::find(to.begin(), each, *each) != each)
        refuse("relay: the same channel stands twice; give each once");
    }
  }
  const std::shared_ptr<const std::vector<sender<T>>>& targets_here() const {
    if (!to_)
      throw_error(make_error_code(errc::nil_channel),
                  "relay_sender: this one was moved from");
    return to_;
  }

  std::shared_ptr<const std::vector<sender<T>>> to_;
  relay_policy policy_;
};

/// A relay to these senders.
template <class T, std::same_as<sender<T>>... More>
relay_sender<T> relay(relay_policy policy, sender<T> first, More... more) {
  return relay_sender<T>{
    std::vector<sender<T>>{std::move(first), std::move(more)...}, policy};
}
/// With relay_policy::all.
template <class T, std::same_as<sender<T>>... More>
relay_sender<T> relay(sender<T> first, More... more) {
  return relay(relay_policy::all, std::move(first), std::move(more)...);
}

} // namespace levada
