// One send of an actor: see actor_send.hpp.
//
// It begins at once; what comes of it is told by a message to the actor, as a
// response is. Until then it stands in the channel's queue like a task, and goes
// with its actor: what is not sent by then is not sent.
#pragma once

#include <concepts>
#include <functional>
#include <memory>

#include <levada/actors/actor_party.hpp>
#include <levada/actors/actor_work.hpp>
#include <levada/channels/sender.hpp>

namespace levada::detail {

/// What is called when it is known.
template <class T>
class sent_handlers {
public:
  virtual ~sent_handlers() = default;
  virtual void sent(send_status how) = 0;
  virtual void failed(caf::scheduled_actor& self, send_result<T>& result) = 0;
};

/// For who gives none: the actor's error handler is called.
struct error_to_actor {};

template <class T, class F, class E>
class sent_calls final : public sent_handlers<T> {
public:
  sent_calls(F on_sent, E on_error)
      : on_sent_(std::move(on_sent)),
        on_error_(std::move(on_error)) {
  }

  void sent(send_status how) override {
    if constexpr (std::is_invocable_v<F&, send_status>)
      std::invoke(on_sent_, how);
    else
      std::invoke(on_sent_);
  }
  void failed(caf::scheduled_actor& self, send_result<T>& result) override {
    if constexpr (std::same_as<E, error_to_actor>)
      fail_request(self, result.error());
    else if constexpr (std::is_invocable_v<E&, std::error_code, T>)
      std::invoke(on_error_, result.error(), std::move(result.value()));
    else
      std::invoke(on_error_, result.error());
  }

private:
  F on_sent_;
  [[no_unique_address]] E on_error_;
};

template <class T>
class actor_sending final : public actor_work {
public:
  actor_sending(caf::scheduled_actor& self, sender<T> to, T value)
      : actor_work(self),
        to_(std::move(to)),
        step_(std::in_place, handle_access::sending(to_), std::move(value)) {
  }

  /// In the actor's context, as all but the telling.
  void start() {
    auto& channel = *step_.channel;
    bool ended = false;
    {
      stray_list strays{channel.type};
      wake_list wakes;
      spin_guard guard{channel.lock};
      settled_ = step_.settle(wakes, &strays);
      ended = settled_ && !channel.is_open();
      if (!settled_) {
        bell()->expect();
        step_.who = bell();
        enlist(step_, wakes, strays);
      }
    }
    if (ended)
      channel.end_if_drained();
    if (!settled_ && party_.enter(bell()->self(), "sends to", &channel))
      party_.waits(true);
  }

  void then(std::unique_ptr<sent_handlers<T>> handlers, response_order order) {
    handlers_ = std::move(handlers);
    arm(order);
    if (settled_)
      bell()->ring();
  }

private:
  void turn() override {
    auto& self = bell()->self(); // (which runs: it stays)
    const auto how = step_.result;
    party_.leave();
    let_go(false);
    auto result = step_.finish(how == outcome::done ? errc{} : errc_of(how));
    to_ = {};
    if (result)
      handlers_->sent(result.status());
    else
      handlers_->failed(self, result);
  }

  void abandoned() noexcept override {
    if (!settled_) {
      wake_list wakes;
      step_.channel->withdraw(step_, decltype(step_)::place, outcome::cancelled,
                              wakes);
    }
    step_.abandon();
    party_.leave();
    let_go(false);
    to_ = {};
  }

  sender<T> to_;
  send_step<T, send_result<T>> step_;
  std::unique_ptr<sent_handlers<T>> handlers_;
  /// It did not have to wait.
  bool settled_ = false;
  actor_party party_;
};

} // namespace levada::detail
