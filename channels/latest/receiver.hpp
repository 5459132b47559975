// The reading end of a latest value. See latest.hpp.
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <levada/channels/latest/state.hpp>

namespace levada {

/// A value that was the newest, kept while the view lives; later sends do not
/// change it. Copying copies a pointer.
template <class T>
class latest_view {
public:
  explicit latest_view(std::shared_ptr<const T> value) noexcept
      : value_(std::move(value)) {
  }
  const T& operator*() const noexcept {
    return *value_;
  }
  const T* operator->() const noexcept {
    return value_.get();
  }

private:
  std::shared_ptr<const T> value_;
};

/// The reading end: an any_receiver, also in select and the combinators, and
/// more. Copies are receivers of their own, which have seen the same. One handle
/// by one thread at a time.
template <class T>
class latest_receiver : public any_receiver<T> {
  using here = std::source_location;
  using reader = detail::latest_reader<T>;

public:
  explicit latest_receiver(std::shared_ptr<reader> who)
      : any_receiver<T>(std::make_unique<detail::latest_source<T>>(who)),
        reader_(std::move(who)) {
  }
  latest_receiver(const latest_receiver& other)
      : latest_receiver(
          std::make_shared<reader>(other.reader_->state, other.reader_->seen)) {
  }
  latest_receiver(latest_receiver&&) noexcept = default;
  latest_receiver& operator=(latest_receiver other) noexcept {
    any_receiver<T>::operator=(std::move(other));
    reader_ = std::move(other.reader_);
    return *this;
  }
  ~latest_receiver() = default;

  // receive(), receive_for(), select, …: wait for a value not seen yet and give
  // a copy; it counts as seen then. Closed only when everything was seen.

  /// The newest value; it does not count as seen by that.
  latest_view<T> borrow() const {
    return latest_view<T>{reader_->state->look().value};
  }
  latest_view<T> borrow_and_update() {
    auto now = reader_->state->look();
    reader_->seen = now.version;
    return latest_view<T>{std::move(now.value)};
  }

  /// True when there is a value not seen yet. Never waits.
  bool has_changed() const noexcept {
    return reader_->state->version() > reader_->seen;
  }
  /// The value that is there counts as not seen, or as seen, from now on.
  void mark_changed() noexcept {
    reader_->seen = 0;
  }
  void mark_unchanged() noexcept {
    reader_->seen = reader_->state->version();
  }

  /// Waits for a value not seen yet, which then counts as seen, and copies
  /// nothing. False: errc::closed, when there will be none, or cancelled.
  task<receive_result<unit>> changed(std::stop_token stop = {},
                                     here line = here::current()) {
    return changed_task(&detail::source_access::get(*this), reader_,
                        {.stop = std::move(stop)}, line);
  }

  /// Waits until the newest value satisfies `holds` → receive_result of a view;
  /// the values it is asked about count as seen. It is asked about the one that
  /// is there first, seen or not, also when closed.
  template <std::predicate<const T&> P>
  task<receive_result<latest_view<T>>>
  wait_for(P holds, std::stop_token stop = {}, here line = here::current()) {
    return wait_for_task(this, std::move(holds), std::move(stop), line);
  }

  // -- on a thread: throw channel_error(wrong_thread) inside a task -----------

  receive_result<unit> blocking_changed(const std::stop_token& stop = {}) {
    auto& from = detail::source_access::get(*this);
    const errc why = detail::block_for_source(from, {.stop = stop});
    return change(why, from, *reader_);
  }
  template <std::predicate<const T&> P>
  receive_result<latest_view<T>>
  blocking_wait_for(P holds, const std::stop_token& stop = {}) {
    detail::forbid_blocking_in_task("blocking_wait_for");
    for (;;) {
      auto now = borrow_and_update();
      if (std::invoke(holds, *now))
        return receive_result<latest_view<T>>{std::in_place, std::move(now)};
      const auto news = blocking_changed(stop);
      if (!news)
        return receive_result<latest_view<T>>{detail::errc_of(news)};
    }
  }

private:
  /// What a wait that ended for `why` has found.
  static receive_result<unit> change(errc why, detail::source<T>& from,
                                     reader& who) {
    if (why != errc{})
      return receive_result<unit>{why};
    if (!from.holds_value())
      return receive_result<unit>{errc::closed};
    who.seen = who.state->version();
    return receive_result<unit>{std::in_place};
  }

  static task<receive_result<unit>> changed_task(detail::source<T>* from,
                                                 std::shared_ptr<reader> who,
                                                 detail::source_limits limits,
                                                 here line) {
    const errc why = co_await detail::wait_for_source(*from, limits, line);
    co_return change(why, *from, *who);
  }

  template <class P>
  static task<receive_result<latest_view<T>>>
  wait_for_task(latest_receiver* self, P holds, std::stop_token stop,
                here line) {
    for (;;) {
      auto now = self->borrow_and_update();
      if (std::invoke(holds, *now))
        co_return receive_result<latest_view<T>>{std::in_place, std::move(now)};
      const auto news = co_await self->changed(stop, line);
      if (!news)
        co_return receive_result<latest_view<T>>{detail::errc_of(news)};
    }
  }

  std::shared_ptr<reader> reader_;
};

} // namespace levada
