// How a result keeps its value.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace levada::detail {

/// An optional for types that must not lie in a coroutine frame (g++ 12 does not
/// align frames beyond 16 bytes) or are too large for a stack.
template <class T>
class boxed_optional {
public:
  boxed_optional() noexcept = default;
  template <class... Args>
  explicit boxed_optional(std::in_place_t, Args&&... args)
      : value_(std::make_unique<T>(std::forward<Args>(args)...)) {
  }

  bool has_value() const noexcept {
    return value_ != nullptr;
  }
  explicit operator bool() const noexcept {
    return has_value();
  }
  T& operator*() const noexcept {
    return *value_;
  }
  void reset() noexcept {
    value_.reset();
  }

private:
  std::unique_ptr<T> value_;
};

template <class T>
using held = std::conditional_t<(alignof(T) > 16 || sizeof(T) > 1024),
                                boxed_optional<T>, std::optional<T>>;

/// Room for a T, or none; whoever has it knows. Saves the flag of an optional,
/// which takes eight bytes in the frame of every task that receives.
template <class T>
union maybe {
  maybe() noexcept {
  }
  ~maybe() {
  }
  T value;
};

/// Types whose results need no flag: putting one into its place cannot fail.
template <class T>
inline constexpr bool needs_no_flag = std::is_nothrow_move_constructible_v<T>
                                      && alignof(T) <= 16 && sizeof(T) <= 1024;

} // namespace levada::detail
