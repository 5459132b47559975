// source<T>: whatever can be received from and is not simply one channel.
//
// map, filter, merge, a timer: each waits for some channels and points in time,
// and then looks whether what came is something for its reader. So a wait goes
// in rounds (see round.hpp): the source says what it wishes for, one of the
// wishes comes true, the source looks at it, and either has a result or the next
// round begins. A select runs the rounds of all its sources at once.
//
// Invariants
//  - Nothing is taken from a channel but what makes the reader's result, or what
//    the source's own rule drops (a filter's rejected item).
//  - What a source has in its hands is kept until take(): asking twice whether
//    it is ready takes nothing twice. A source that goes away gives it back to
//    the front of the channel it came from, unless a function has changed it.
//  - User code (functions, predicates) runs in the reader, under no lock. What it
//    throws reaches the reader; the source stays usable, the item is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <levada/channels/select/cases.hpp>

namespace levada::detail {

/// Collects what the sources of one round wait for.
class wish_list {
public:
  /// Indices below `first` are the caller's.
  wish_list(select_claim& claim, std::uint32_t first) noexcept
      : claim_(claim),
        next_(first) {
  }

  select_claim& claim() const noexcept {
    return claim_;
  }
  /// The index the next wish gets.
  std::uint32_t next() const noexcept {
    return next_;
  }

  /// A receive, made with claim() and next(); it stays where it is meanwhile.
  void add(select_case& wish) {
    cases_.push_back(&wish);
    ++next_;
  }
  /// A point in time that has not come yet.
  void add(time_point due) {
    const auto index = next_++;
    if (extra_.otherwise != select_engine::none)
      return; // nobody waits
    if (due < extra_.deadline || extra_.time == select_engine::none)
      extra_.time = index;
    if (due < extra_.deadline)
      extra_.deadline = due;
  }
  /// Nobody waits: this comes true when nothing else does. Before all others.
  void add_otherwise() {
    extra_.otherwise = next_++;
  }
  void add(const std::stop_token& token) {
    extra_.stop = next_++;
    extra_.token = token;
  }

  std::vector<select_case*>& cases() noexcept {
    return cases_;
  }
  select_engine::extra_cases& extra() noexcept {
    return extra_;
  }

private:
  select_claim& claim_;
  std::uint32_t next_;
  std::vector<select_case*> cases_;
  select_engine::extra_cases extra_;
};

/// A wish that comes true at once.
class ready_wish : public select_case {
public:
  ready_wish(select_claim& claim, std::uint32_t index) noexcept
      : select_case(claim, index, &detached_channel(), false) {
  }
};

/// Why there is none.
template <class T>
errc errc_of(const receive_result<T>& failed) noexcept {
  return static_cast<errc>(failed.error().value());
}

template <class T>
class source {
public:
  source() = default;
  source(const source&) = delete;
  source& operator=(const source&) = delete;
  virtual ~source() = default;

  /// Adds what it waits for.
  void wish(wish_list& list) {
    first_ = list.next();
    if (has_result())
      list.add(at_once_.emplace(list.claim(), list.next()));
    else {
      at_once_.reset();
      do_wish(list);
    }
    last_ = list.next();
  }

  /// True when `index` is one of its wishes of this round.
  bool wished(std::uint32_t index) const noexcept {
    return first_ <= index && index < last_;
  }

  /// That wish came true. True: take() has something; false: wish again.
  bool look(std::uint32_t index) {
    if (at_once_ && at_once_->index == index)
      return has_result();
    has_result_ = do_look(index);
    return has_result_;
  }

  /// After look() was true, once: the value, or closed; nothing when it has become
  /// void meanwhile (then wish again).
  std::optional<receive_result<T>> take() {
    has_result_ = false;
    return do_take();
  }

  /// Takes back what take() gave, to be the next item, also for another receiver
  /// of the same channel. False, and nothing has happened, when it cannot: then
  /// the item is not what came from a channel, or this end is closed.
  virtual bool put_back(T&) {
    return false;
  }

  /// Receives nothing any more.
  virtual void close() noexcept = 0;
  /// True when it can only say closed.
  virtual bool is_closed() const noexcept = 0;
  /// After look() was true: whether take() will give a value, not closed. Runs no
  /// user code.
  virtual bool holds_value() const noexcept = 0;

  /// After look() was true: the item that take() would give, or null for closed.
  /// Throws what making it throws; then the item is gone.
  T* peek() {
    const bool had = std::exchange(has_result_, false);
    auto* item = do_peek();
    has_result_ = had;
    return item;
  }

private:
  /// False when what was in hand has become void.
  virtual bool still_valid() const noexcept {
    return true;
  }
  bool has_result() noexcept {
    has_result_ = has_result_ && still_valid();
    return has_result_;
  }

  virtual void do_wish(wish_list& list) = 0;
  virtual bool do_look(std::uint32_t index) = 0;
  virtual std::optional<receive_result<T>> do_take() = 0;
  virtual T* do_peek() = 0;

  bool has_result_ = false;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  std::optional<ready_wish> at_once_;
};

/// A channel as a source. What it has in hand lies in its slot.
template <class T>
class channel_source final : public source<T> {
public:
  explicit channel_source(receiver<T> from) noexcept : from_(std::move(from)) {
  }
  ~channel_source() override {
    if (has_item())
      give_back();
  }

  bool put_back(T& item) override {
    if (closed_ || !from_)
      return false;
    full_cell<T> again{std::in_place, std::move(item)};
    handle_access::core(from_)->put_back(again.storage());
    again.moved();
    return true;
  }

  void close() noexcept override {
    from_.close();
    closed_ = true;
  }
  bool is_closed() const noexcept override {
    return !has_item() && (closed_ || from_.is_closed());
  }

  bool holds_value() const noexcept override {
    return has_item();
  }

private:
  bool has_item() const noexcept {
    return wish_ && wish_->has_item();
  }
  void give_back() noexcept {
    handle_access::core(from_)->put_back(wish_->slot);
    wish_->given_back();
  }

  void do_wish(wish_list& list) override {
    wish_.reset();
    if (closed_) // it may be a nil handle
      list.add(over_.emplace(list.claim(), list.next()));
    else
      list.add(wish_.emplace(list.claim(), list.next(), from_));
  }
  bool do_look(std::uint32_t) override {
    return true;
  }
  std::optional<receive_result<T>> do_take() override {
    return wish_ ? wish_->finish() : receive_result<T>{errc::closed};
  }
  T* do_peek() override {
    return has_item() ? &cell<T>::item(wish_->slot) : nullptr;
  }

  receiver<T> from_;
  bool closed_ = false;
  std::optional<receive_slot<T>> wish_;
  std::optional<ready_wish> over_;
};

} // namespace levada::detail
