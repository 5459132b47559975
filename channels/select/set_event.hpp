// What select_set::next() gives, and the keys it is asked by. See select_set.hpp.
#pragma once

#include <cstdint>
#include <system_error>

#include <levada/channels/select/cases.hpp>
#include <levada/channels/select/set_core.hpp>

namespace levada {

class select_set;

/// Names a member of a set.
template <class T>
class select_key {
public:
  select_key() noexcept = default;

  /// Unique in its set, counted from 1; what set_event::index() gives.
  std::uint64_t index() const noexcept {
    return index_;
  }
  friend bool operator==(select_key, select_key) noexcept = default;

private:
  friend class select_set;
  explicit select_key(std::uint64_t index) noexcept : index_(index) {
  }
  std::uint64_t index_ = 0;
};

namespace detail {
class set_next;
struct set_rounds;

/// Receivers that are built on a receiver<…>.
template <class From>
concept joins_sets
  = requires(const From& from) { case_traits<From>::member(from); };
} // namespace detail

/// What next() gives: which member, and its result. Valid until the next call of
/// next(); false when the set is empty, the wait was cancelled, or timed out.
class [[nodiscard]] set_event {
public:
  set_event() noexcept = default;

  explicit operator bool() const noexcept {
    return index_ != 0;
  }

  /// The key's index(); 0 for a false event.
  std::uint64_t index() const noexcept {
    return index_;
  }

  /// Why it is false: errc::empty (no members), cancelled, timed_out.
  std::error_code error() const noexcept {
    return code_ == errc{} ? std::error_code{} : make_error_code(code_);
  }

  /// The result when the event is that member's, else null: a receive_result,
  /// or what else receiving there gives.
  template <class T>
  typename detail::member_result<T>::type*
  from(select_key<T> key) const noexcept {
    return index_ == key.index()
             ? static_cast<typename detail::member_result<T>::type*>(last_)
             : nullptr;
  }
  template <class T>
  receive_result<T>* from(const receiver<T>& rx) const noexcept {
    return channel_ != nullptr && channel_ == detail::handle_access::core(rx)
             ? static_cast<receive_result<T>*>(last_)
             : nullptr;
  }
  template <class From>
    requires detail::joins_sets<From>
  typename detail::case_traits<From>::slot::result*
  from(const From& rx) const noexcept {
    return channel_ != nullptr
               && channel_ == detail::case_traits<From>::identity(rx)
             ? static_cast<typename detail::case_traits<From>::slot::result*>(
                 last_)
             : nullptr;
  }

  /// True when it is that member's: a key, or a receiver.
  template <class Member>
  bool is(const Member& one) const noexcept {
    return from(one) != nullptr;
  }

private:
  friend class detail::set_next;
  friend struct detail::set_rounds;
  explicit set_event(detail::set_member* member) noexcept
      : index_(member->index),
        channel_(member->channel),
        last_(member->last) {
  }
  set_event(std::uint64_t index, void* last) noexcept
      : index_(index),
        last_(last) {
  }
  explicit set_event(errc code) noexcept : code_(code) {
  }

  std::uint64_t index_ = 0;
  /// Null for a member that is not simply a channel.
  detail::channel_core* channel_ = nullptr;
  /// The receive_result.
  void* last_ = nullptr;
  errc code_{};
};

} // namespace levada
