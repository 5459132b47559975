// selected<…>: what a select did. See select.hpp.
#pragma once

#include <variant>

#include <levada/channels/select/cases.hpp>

namespace levada {
namespace detail {
template <class... Cases>
class select_operation;
template <class... Cases>
class select_in_rounds;
} // namespace detail

/// What a select did.
template <class... Results>
class [[nodiscard]] selected {
public:
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  /// Which argument happened, counted from 0 (not counting `biased`); npos when
  /// the wait was cancelled.
  std::size_t index() const noexcept {
    return result_.index() - 1; // monostate, at 0, becomes npos
  }

  bool cancelled() const noexcept {
    return result_.index() == 0;
  }

  /// The result of case I: receive_result, send_result, timer_tick, or unit.
  /// Throws std::bad_variant_access unless I is index().
  template <std::size_t I>
  auto& get() {
    return std::get<I + 1>(result_);
  }
  template <std::size_t I>
  const auto& get() const {
    return std::get<I + 1>(result_);
  }

  /// For the branch that nothing should reach: throws unhandled_selected.
  [[noreturn]] void unhandled() const {
    throw unhandled_selected(index());
  }

  /// The result if the case of this very receiver (or channel, timer) happened,
  /// else null.
  template <detail::select_argument Case>
  auto* from(const Case& one) noexcept {
    return find<typename detail::slot_of<Case>::result>(
      detail::identity_of(one));
  }
  template <class T>
  send_result<T>* from(const sender<T>& tx) noexcept {
    return find<send_result<T>>(detail::handle_access::core(tx));
  }
  /// True when from() would find it.
  template <class Case>
  bool is(const Case& one) noexcept {
    return from(one) != nullptr;
  }

private:
  template <class...>
  friend class detail::select_operation;
  template <class...>
  friend class detail::select_in_rounds;

  selected() = default;

  template <class Result>
  Result* find(const void* source) noexcept {
    if (source == nullptr || source != source_)
      return nullptr;
    return std::visit(
      [](auto& each) -> Result* {
        if constexpr (std::is_same_v<std::decay_t<decltype(each)>, Result>)
          return &each;
        else
          return nullptr;
      },
      result_);
  }

  std::variant<std::monostate, Results...> result_;
  /// The channel or timer of the case that happened.
  const void* source_ = nullptr;
};

} // namespace levada
