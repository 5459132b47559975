// selecting: a loop over several receivers, until all of them have stopped.
//
//   levada::selecting loop{rx_a, rx_b, ticks};
//   while (auto chosen = co_await loop.next()) {
//     if (auto* got = chosen.from(rx_a)) { … }        // a receive_result
//     else if (auto* got = chosen.from(rx_b)) { … }
//     else if (chosen.is(ticks)) { … }
//   }
//
// It refers to the receivers (of any kind), which must stay where they are; all
// that happens to them in between counts, as in select.
// Fair      receivers that have something take turns, exactly.
// Closing   one that is closed and drained is reported once, with a failed
//           result, and then left out. When none is left, next() gives a false
//           event. Nil receivers wait for ever.
// Complete  every event must be asked for, with from() or is() of its receiver;
//           else the next call of next() throws unhandled_event, which holds
//           it. So a receiver that the loop forgets is found out, not lost.
//           ignore() says that one event does not matter, the first argument
//           levada::unchecked that none need be asked for. A compiler checks it
//           for for_each_selected.
// Leaving   the loop loses nothing: nothing is taken but what next() returns.
//           Another loop, or the same one, goes on.
// Throws    what a receiver's function throws comes out of next(); the loop goes
//           on with the next call.
// Threads   one at a time, as for receivers.
// Cost      grows with the number of receivers, as that of select; for many plain
//           ones, and changes from elsewhere, there is select_set.
#pragma once

#include <memory>
#include <source_location>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <levada/channels/select/loop_member.hpp>

namespace levada {

/// As the first argument of `selecting`: events need not be asked for.
struct unchecked_t {
  explicit constexpr unchecked_t(int) noexcept {
  }
};
inline constexpr unchecked_t unchecked{0};

/// What `selecting` throws for an event that nobody asked for. It holds the event.
/// index() is the position of the receiver it came from, counted from 0.
class LEVADA_API unhandled_event : public unhandled_selected {
public:
  unhandled_event(std::size_t index, const void* who,
                  std::shared_ptr<void> result);

  /// The result if it is that receiver's, else null.
  template <receivable R>
  receive_result<received_type<R>>* from(const R& one) const noexcept {
    return detail::loop_result(who_, result_.get(), one);
  }

private:
  const void* who_;
  std::shared_ptr<void> result_;
};

/// One event of a loop; valid until the next call of next(). False when the loop
/// is over, or the wait was cancelled.
class [[nodiscard]] loop_event {
public:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  explicit loop_event(errc why) noexcept : code_(why) {
  }
  loop_event(detail::loop_core& loop, detail::loop_member& member) noexcept
      : loop_(&loop),
        member_(&member) {
  }

  explicit operator bool() const noexcept {
    return member_ != nullptr;
  }
  /// Why it is false: errc::empty (all have stopped), or cancelled.
  std::error_code error() const noexcept {
    return code_ == errc{} ? std::error_code{} : make_error_code(code_);
  }

  /// The result if it is that receiver's, else null. Asks for it.
  template <receivable R>
  receive_result<received_type<R>>* from(const R& one) const noexcept {
    if (member_ == nullptr)
      return nullptr;
    auto* found
      = detail::loop_result(member_->identity(), member_->last(), one);
    if (found != nullptr)
      loop_->ask();
    return found;
  }
  /// True when it is that receiver's. Asks for it.
  template <receivable R>
  bool is(const R& one) const noexcept {
    return from(one) != nullptr;
  }

  /// Which receiver it is: its position, counted from 0; npos for a false event.
  std::size_t index() const noexcept {
    return member_ == nullptr ? npos : member_->index;
  }
  /// True when it says that its receiver has stopped.
  bool was_stopped() const noexcept {
    return member_ != nullptr && member_->stopped;
  }
  /// It need not be asked for.
  void ignore() const noexcept {
    if (loop_ != nullptr)
      loop_->ask();
  }

private:
  detail::loop_core* loop_ = nullptr;
  detail::loop_member* member_ = nullptr;
  errc code_{};
};

class selecting {
  using here = std::source_location;

public:
  /// Of receivers of any kind, each once; the same one again is left out.
  template <class... Rs>
    requires(receivable<Rs> && ...)
  explicit selecting(Rs&&... from) : selecting(true) {
    (add(std::forward<Rs>(from)), ...);
  }
  template <class... Rs>
    requires(receivable<Rs> && ...)
  explicit selecting(unchecked_t, Rs&&... from) : selecting(false) {
    (add(std::forward<Rs>(from)), ...);
  }

  /// `co_await loop.next()` → loop_event: waits until a receiver has something,
  /// or has stopped. Throws unhandled_event.
  task<loop_event> next(std::stop_token stop = {},
                        here line = here::current()) {
    return next_task(core_.get(), std::move(stop), line);
  }
  /// The same on a thread. Throws channel_error(wrong_thread) inside a task.
  loop_event blocking_next(const std::stop_token& stop = {}) {
    core_->begin();
    select_claim claim;
    while (core_->size() != 0) {
      claim.begin_again();
      detail::round now{claim, {}, first};
      prepare(*core_, now, stop);
      const auto which = now.block();
      if (which == detail::round::cancelled || which == stopped)
        return loop_event{errc::cancelled};
      if (auto* found = core_->settle(which))
        return loop_event{*core_, *found};
    }
    return loop_event{errc::empty};
  }

  /// Another receiver from the next call of next() on; not during one. False when
  /// it is there already.
  template <receivable R>
  bool add(R&& from) {
    static_assert(std::is_lvalue_reference_v<R>,
                  "selecting refers to its receivers, and from() asks for them "
                  "by name: give each one a name first");
    return core_->add(from);
  }
  /// Not this one any more; not during next(). What it has stays there. False
  /// when it is not there, or no more.
  template <receivable R>
  bool remove(const R& which) {
    return core_->remove(detail::identity_of(which));
  }
  /// Receivers that have not stopped.
  std::size_t size() const noexcept {
    return core_->size();
  }

private:
  using select_claim = detail::select_claim;
  /// Index of the stop token, and the first of the receivers'.
  static constexpr std::uint32_t stopped = 0;
  static constexpr std::uint32_t first = 1;

  explicit selecting(bool checked)
      : core_(std::make_unique<detail::loop_core>(checked)) {
  }

  static void prepare(detail::loop_core& core, detail::round& now,
                      const std::stop_token& stop) {
    if (stop.stop_possible()) {
      now.wishes().extra().stop = stopped;
      now.wishes().extra().token = stop;
    }
    core.wish(now.wishes());
    now.prefer_first();
  }

  static task<loop_event> next_task(detail::loop_core* core,
                                    std::stop_token stop, here line) {
    select_claim claim;
    core->begin();
    while (core->size() != 0) {
      claim.begin_again();
      detail::round now{claim, line, first};
      prepare(*core, now, stop);
      const std::uint32_t which = co_await now;
      if (which == detail::round::cancelled || which == stopped)
        co_return loop_event{errc::cancelled};
      if (auto* found = core->settle(which))
        co_return loop_event{*core, *found};
    }
    co_return loop_event{errc::empty};
  }

  std::unique_ptr<detail::loop_core> core_;
};

} // namespace levada
