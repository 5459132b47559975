// owned_item<T>: what stands in the buffer of an owned channel: a value, or the
// mark that a value was here; who sent it; and what becomes of it without its
// owner.
//
// It always moves quietly (see cell.hpp): a T that does not is boxed inside. So
// a value can be taken out of a slot, and its mark left there, under the lock.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <levada/actors/owner_table.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada {
namespace detail {

/// (owner_table finds the tag by the address of the item, so it comes first)
template <class T>
class owned_item : public owned_tag {
  static constexpr bool small
    = fits_inline<T> && sizeof(T) + 2 * sizeof(owned_tag) <= cell_type::largest;
  using storage
    = std::conditional_t<small, std::optional<T>, std::unique_ptr<T>>;

public:
  template <class... Args>
  explicit owned_item(owned_tag tag, Args&&... args) : owned_tag(tag) {
    if constexpr (small)
      value_.emplace(std::forward<Args>(args)...);
    else
      value_ = std::make_unique<T>(std::forward<Args>(args)...);
  }
  owned_item(owned_item&&) noexcept = default;
  owned_item& operator=(owned_item&&) = delete;
  ~owned_item() = default;

  /// The value. Only when there is one.
  T&& take() noexcept {
    return std::move(*value_);
  }

  /// Moves the item in `cell` to raw storage and leaves its mark.
  static void split(void* cell, void* taken) noexcept {
    auto& item = *std::launder(static_cast<owned_item*>(cell));
    ::new (taken) owned_item(std::move(item));
    item.value_.reset();
    item.kind = item.policy == owner_gone::error ? owned_kind::error
                                                 : owned_kind::unbound;
    item.owner = 0;
  }

private:
  storage value_;
};

} // namespace detail

template <class T>
inline constexpr bool moves_quietly<detail::owned_item<T>> = true;

} // namespace levada
