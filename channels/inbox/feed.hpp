// One receiver that an actor listens to, and what is done with its items. The
// pump (pump.hpp) runs one or several of them.
//
// A feed has items in hand: taken from the channel, not handled yet. They are
// handled in their order, and what is left goes back to where it came from. All
// calls come from the actor's context, one at a time.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <optional>

#include <levada/channels/any_receiver.hpp>
#include <levada/channels/inbox/hand.hpp>

namespace levada::detail {

class LEVADA_API actor_feed {
public:
  actor_feed() = default;
  actor_feed(const actor_feed&) = delete;
  actor_feed& operator=(const actor_feed&) = delete;
  virtual ~actor_feed() = default;

  /// Items in hand.
  virtual std::uint32_t in_hand() const noexcept = 0;
  /// Takes what is there until `limit` are in hand, without waiting; each look
  /// takes one off `looks`, and none are left when there may be more.
  /// `alone`: there is no other feed, so that with nothing in hand a wait is next.
  virtual void refill(std::uint32_t limit, std::uint32_t& looks, bool alone)
    = 0;
  /// Hands the next item to the handler. Throws what that throws: the item is
  /// gone then, too. False: there was none after all.
  virtual bool handle() = 0;
  /// After refill(): nothing is in hand, and nothing will come.
  virtual bool is_over() const noexcept = 0;
  /// Tells the handler of the end, once.
  virtual void tell_end() = 0;

  /// Adds what it waits for, with nothing in hand.
  virtual void wish(wish_list& list) = 0;
  /// That wish came true, if it is one of its own.
  virtual void came(std::uint32_t index) = 0;
  /// Before a wait: nothing comes in until it has begun. False: something has.
  virtual bool stand_closed() noexcept {
    return true;
  }
  /// While it waits: grants credit for what may come before the wait is over.
  virtual void stand_open() noexcept {
  }

  /// What is in hand goes back, and the receiver goes. How many went back.
  virtual std::uint32_t let_go() noexcept = 0;

  /// True when nothing can ever come, not even an end: a nil handle.
  virtual bool is_nil() const noexcept {
    return false;
  }
  /// The channel it takes from, for dump(); null for none in particular.
  virtual channel_core* channel() const noexcept = 0;
};

/// What the end of a channel calls, with its record or without.
template <class F>
void call_on_close(F& on_close, const close_record& record) {
  if constexpr (std::is_invocable_v<F&, const close_record&>)
    std::invoke(on_close, record);
  else
    std::invoke(on_close);
}

/// How an item of a channel is handed to a handler.
template <class T>
struct plain_handing {
  template <class F>
  static void hand(F& handler, T&& item) {
    std::invoke(handler, std::move(item));
  }
};

/// A plain receiver: takes many under one lock, and lets senders put more into the
/// actor's hands: see hand.hpp.
template <class T, class F, class G, class Handing>
class channel_feed final : public actor_feed {
public:
  channel_feed(receiver<T> from, F handler, G on_close)
      : from_(std::move(from)),
        handler_(std::move(handler)),
        on_close_(std::move(on_close)) {
  }
  ~channel_feed() override {
    channel_feed::let_go();
  }

  std::uint32_t in_hand() const noexcept override {
    return hand_.count();
  }

  void refill(std::uint32_t limit, std::uint32_t& looks, bool alone) override {
    if (!hand_.has_cells())
      hand_.make_cells(limit);
    auto& channel = source();
    {
      wake_list wakes;
      seat_guard guard{channel.lock};
      hand_.gather(channel);
      while (looks != 0 && hand_.count() < limit
             && take(channel, hand_.cell(hand_.count()), mover{}, wakes)) {
        hand_.push();
        --looks;
      }
      over_ = channel.is_drained();
      // (with a credit of one nothing comes in but what the actor asks for)
      if (hand_.count() != 0 || (!alone && limit > 1))
        hand_.open(channel);
    }
    end_if_over();
  }

  bool handle() override {
    auto* const first = hand_.cell(0);
    hand_.pop();
    end_if_over();
    detail::cell<T>::take(
      first, [this](T&& item) { Handing::hand(handler_, std::move(item)); });
    return true;
  }

  bool is_over() const noexcept override {
    return over_ && hand_.count() == 0;
  }
  void tell_end() override {
    call_on_close(on_close_, source().record());
  }

  void wish(wish_list& list) override {
    waits_.emplace(list.claim(), list.next(), from_);
    list.add(*waits_);
  }
  bool stand_closed() noexcept override {
    gather();
    return hand_.count() == 0;
  }
  void stand_open() noexcept override {
    seat_guard guard{source().lock};
    hand_.open_behind_wait(source());
  }
  void came(std::uint32_t index) override {
    const bool mine = waits_ && waits_->index == index && waits_->has_item();
    hand_.waited(mine ? waits_->slot : nullptr);
    if (mine)
      waits_->given_back(); // (it is in our hands)
    waits_.reset();
  }

  std::uint32_t let_go() noexcept override {
    waits_.reset();
    gather();
    const auto left = hand_.count();
    if (left != 0)
      source().put_back(hand_, left);
    hand_.clear();
    from_ = {};
    return left;
  }

  bool is_nil() const noexcept override {
    return !from_;
  }
  channel_core* channel() const noexcept override {
    return handle_access::core(from_);
  }

private:
  using mover = typed_mover<detail::cell<T>>;

  channel_core& source() const noexcept {
    return *handle_access::receiving(from_);
  }
  void gather() noexcept {
    if (!hand_.opened())
      return;
    seat_guard guard{source().lock};
    hand_.gather(source());
  }
  /// CAF is told of the end when the last item is being handled.
  void end_if_over() {
    if (over_ && hand_.count() == 0)
      source().end_if_drained();
  }

  receiver<T> from_;
  F handler_;
  G on_close_;
  items_in_hand<T> hand_;
  bool over_ = false;
  std::optional<receive_slot<T>> waits_;
};

/// Any other receiver: one item at a time, in rounds.
template <class T, class F, class G>
class source_feed final : public actor_feed {
public:
  source_feed(any_receiver<T> from, F handler, G on_close)
      : from_(source_access::take(std::move(from))),
        handler_(std::move(handler)),
        on_close_(std::move(on_close)) {
  }

  std::uint32_t in_hand() const noexcept override {
    return found_ ? 1 : 0;
  }

  void refill(std::uint32_t, std::uint32_t& looks, bool) override {
    while (looks != 0 && !found_ && !over_) {
      --looks;
      if (!look_once())
        return;
    }
  }

  bool handle() override {
    found_ = false;
    auto got = from_->take();
    if (!got)
      return false;
    if (!*got) {
      over_ = true;
      return false;
    }
    std::invoke(handler_, **std::move(got));
    return true;
  }

  bool is_over() const noexcept override {
    return over_;
  }
  void tell_end() override {
    close_record record;
    record.reason = close_reason::finished;
    call_on_close(on_close_, record);
  }

  void wish(wish_list& list) override {
    from_->wish(list);
  }
  void came(std::uint32_t index) override {
    found_ = from_->wished(index) && from_->look(index);
  }

  std::uint32_t let_go() noexcept override {
    const std::uint32_t left = found_ && from_->holds_value() ? 1 : 0;
    from_.reset(); // which gives back
    found_ = false;
    over_ = true;
    return left;
  }

  channel_core* channel() const noexcept override {
    return nullptr;
  }

private:
  /// False: there is nothing now.
  bool look_once() {
    select_claim claim;
    const source_limits limits{.now = true};
    source_wait wait{limits};
    round now{claim};
    wait.add_limits(now.wishes());
    from_->wish(now.wishes());
    const auto index = now.block();
    if (wait.verdict(index) != errc{})
      return false;
    found_ = from_->look(index);
    return true;
  }

  std::unique_ptr<source<T>> from_;
  F handler_;
  G on_close_;
  bool found_ = false;
  bool over_ = false;
};

} // namespace levada::detail
