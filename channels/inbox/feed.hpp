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
  virtual void refill(std::uint32_t limit, std::uint32_t& looks) = 0;
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

/// A plain receiver: takes many under one lock, into a ring.
template <class T, class F, class G, class Handing>
class channel_feed final : public actor_feed, private item_row {
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
    return count_;
  }

  void refill(std::uint32_t limit, std::uint32_t& looks) override {
    make_room(limit);
    auto& channel = source();
    const auto most = std::min(limit - count_, looks);
    std::uint32_t took = 0;
    {
      wake_list wakes;
      seat_guard guard{channel.lock};
      while (
        took < most
        && take(channel, cell(count_), typed_mover<detail::cell<T>>{}, wakes)) {
        ++count_;
        ++took;
      }
      over_ = channel.is_drained();
    }
    looks -= took;
    end_if_over();
  }

  bool handle() override {
    auto* const first = channel_feed::cell(0);
    first_ = (first_ + 1) % slots_;
    --count_;
    end_if_over();
    detail::cell<T>::take(
      first, [this](T&& item) { Handing::hand(handler_, std::move(item)); });
    return true;
  }

  bool is_over() const noexcept override {
    return over_ && count_ == 0;
  }
  void tell_end() override {
    call_on_close(on_close_, source().record());
  }

  void wish(wish_list& list) override {
    waits_.emplace(list.claim(), list.next(), from_);
    list.add(*waits_);
  }
  void came(std::uint32_t index) override {
    if (waits_ && waits_->index == index && waits_->has_item()) {
      typed_mover<detail::cell<T>>::relocate(cell(count_), waits_->slot);
      waits_->given_back(); // (it is in our hands)
      ++count_;
    }
    waits_.reset();
  }

  std::uint32_t let_go() noexcept override {
    waits_.reset();
    const auto left = std::exchange(count_, 0);
    if (left != 0)
      source().put_back(*this, left);
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
  channel_core& source() const noexcept {
    return *handle_access::receiving(from_);
  }
  void* cell(std::uint32_t position) noexcept override {
    return ring_.get()
           + std::size_t{(first_ + position) % slots_} * detail::cell<T>::size;
  }
  void make_room(std::uint32_t limit) {
    if (slots_ != 0)
      return;
    ring_.reset(new std::byte[std::size_t{limit} * detail::cell<T>::size]);
    slots_ = limit;
  }
  /// CAF is told of the end when the last item is being handled.
  void end_if_over() {
    if (over_ && count_ == 0)
      source().end_if_drained();
  }

  receiver<T> from_;
  F handler_;
  G on_close_;
  std::unique_ptr<std::byte[]> ring_;
  std::uint32_t slots_ = 0;
  /// Of the oldest item.
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
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

  void refill(std::uint32_t, std::uint32_t& looks) override {
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
