// What the handles of one latest value share. See latest.hpp.
//
// Two locks, never held together: `lock_` of latest_state guards the pointer to
// the value, and its version; `readers_mutex_` of latest_core guards who is to be
// told. Under either no user code runs: values are made, copied and destroyed
// outside, and rung bells hold no item.
//
// A reader misses no change: it empties its bell before it looks at the version,
// and a writer changes the version before it rings. So a change after the look
// finds the bell empty and fills it, and the wait that follows ends at once.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <levada/channels/any_receiver.hpp>

namespace levada::detail {

/// A reader's bell: a channel of one place.
class latest_bell {
public:
  explicit latest_bell(channel_ends<unit> both) noexcept
      : both_(std::move(both)) {
  }
  void ring() const {
    (void)both_.tx.try_send(unit{});
  }
  const receiver<unit>& rung() const noexcept {
    return both_.rx;
  }

private:
  channel_ends<unit> both_;
};

/// Who reads, and how they are told.
class LEVADA_API latest_core {
public:
  latest_core(engine& home, std::string name);
  latest_core(const latest_core&) = delete;
  latest_core& operator=(const latest_core&) = delete;

  /// Throws channel_error(runtime_stopped) when the runtime has stopped.
  std::shared_ptr<const latest_bell> attach();
  void detach(const latest_bell& gone) noexcept;
  std::size_t readers() const noexcept;

  /// A channel that closes when the last reader goes; nil when there is none.
  sender<unit> presence();

protected:
  ~latest_core() = default;
  void ring_all() const noexcept;

private:
  channel_ends<unit> make_bell() const;

  engine& home_;
  const std::string name_;
  /// Closed when the runtime has stopped: `home_` must not be used then.
  const channel_ends<unit> anchor_;
  /// Guards everything below.
  mutable std::mutex readers_mutex_;
  std::vector<std::shared_ptr<const latest_bell>> readers_;
  /// Made when somebody waits for the readers to go.
  std::optional<channel_ends<unit>> presence_;
};

/// What was there at one instant.
template <class T>
struct latest_picture {
  std::shared_ptr<const T> value;
  std::uint64_t version = 0;
  bool closed = false;
};

template <class T>
class latest_state final : public latest_core {
public:
  latest_state(engine& home, std::string name, std::shared_ptr<const T> first)
      : latest_core(home, std::move(name)),
        value_(std::move(first)) {
  }

  latest_picture<T> look() const {
    spin_guard guard{lock_};
    return {value_, version_, closed_};
  }
  std::uint64_t version() const noexcept {
    spin_guard guard{lock_};
    return version_;
  }
  bool closed() const noexcept {
    spin_guard guard{lock_};
    return closed_;
  }

  /// Puts `next` in the place of the value, which it then holds, and tells the
  /// readers. False, and nothing has changed, when it is closed, or `expected`
  /// (if not 0) is not the version any more.
  bool store(std::shared_ptr<const T>& next, std::uint64_t expected = 0) {
    {
      spin_guard guard{lock_};
      if (closed_ || (expected != 0 && expected != version_))
        return false;
      std::swap(value_, next);
      ++version_;
    }
    this->ring_all();
    return true;
  }

  /// False when it was closed.
  bool close() noexcept {
    {
      spin_guard guard{lock_};
      if (std::exchange(closed_, true))
        return false;
    }
    this->ring_all();
    return true;
  }

private:
  /// Guards everything below; innermost.
  mutable spin_lock lock_;
  std::shared_ptr<const T> value_;
  /// Counts the values from 1.
  std::uint64_t version_ = 1;
  bool closed_ = false;
};

/// One reader: what it has seen. Used by one thread at a time, like its handle.
template <class T>
class latest_reader {
public:
  latest_reader(std::shared_ptr<latest_state<T>> from, std::uint64_t seen)
      : state(std::move(from)),
        seen(seen),
        bell(state->attach()) {
  }
  ~latest_reader() {
    leave();
  }
  latest_reader(const latest_reader&) = delete;
  latest_reader& operator=(const latest_reader&) = delete;

  void leave() noexcept {
    if (!std::exchange(left, true))
      state->detach(*bell);
  }

  const std::shared_ptr<latest_state<T>> state;
  /// Version of the newest value seen; 0: none counts as seen.
  std::uint64_t seen;
  const std::shared_ptr<const latest_bell> bell;
  /// Receives nothing any more.
  bool left = false;
};

template <class T>
class latest_source final : public source<T> {
public:
  explicit latest_source(std::shared_ptr<latest_reader<T>> reader) noexcept
      : reader_(std::move(reader)) {
  }
  ~latest_source() override {
    reader_->leave();
  }

  void close() noexcept override {
    reader_->leave();
  }
  bool is_closed() const noexcept override {
    return !is_news() && is_over();
  }
  bool holds_value() const noexcept override {
    return is_news();
  }

private:
  /// The copy that peek() showed, while nothing newer has been seen.
  bool holds_copy() const noexcept {
    return copy_ && copied_version_ > reader_->seen;
  }
  bool is_news() const noexcept {
    return holds_copy()
           || (!reader_->left && reader_->state->version() > reader_->seen);
  }
  bool is_over() const noexcept {
    return reader_->left || reader_->state->closed();
  }

  bool still_valid() const noexcept override {
    return is_news() || is_over();
  }
  void do_wish(wish_list& list) override {
    copy_.reset();
    rung_.reset();
    if (still_valid())
      list.add(at_once_.emplace(list.claim(), list.next()));
    else
      list.add(rung_.emplace(list.claim(), list.next(), reader_->bell->rung()));
  }
  bool do_look(std::uint32_t index) override {
    if (rung_ && index == rung_->index && !rung_->finish())
      reader_->leave(); // the bell goes with its runtime
    return still_valid();
  }
  std::optional<receive_result<T>> do_take() override {
    if (holds_copy()) {
      reader_->seen = copied_version_;
      return receive_result<T>{std::in_place,
                               *std::exchange(copy_, std::nullopt)};
    }
    copy_.reset();
    if (!is_news())
      return is_over() ? std::optional{receive_result<T>{errc::closed}}
                       : std::nullopt;
    const auto now = reader_->state->look();
    receive_result<T> result{std::in_place, *now.value};
    reader_->seen = now.version;
    return result;
  }
  T* do_peek() override {
    if (!holds_copy() && is_news()) {
      const auto now = reader_->state->look();
      copy_.emplace(*now.value);
      copied_version_ = now.version;
    }
    return holds_copy() ? &*copy_ : nullptr;
  }

  std::shared_ptr<latest_reader<T>> reader_;
  std::optional<receive_slot<unit>> rung_;
  std::optional<ready_wish> at_once_;
  std::optional<T> copy_;
  std::uint64_t copied_version_ = 0;
};

} // namespace levada::detail
