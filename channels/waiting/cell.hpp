// cell<T>: how an item is kept inside a channel.
//
// Items are moved while a channel's lock is held, and no user code may run
// there. A *quiet* type's move cannot run any: it is trivial, or a standard
// type known to move pointers. Such an item lies in the buffer itself. Every
// other type (also the over-aligned and the large) is put on the heap by the
// sender, before the lock is taken, and only its pointer moves; the receiver
// moves it out after the lock was released. So a move constructor that throws,
// sends or closes does so in the hands of the party that called it.
//
// A program may declare its own types quiet and save the allocation:
//   template <> inline constexpr bool levada::moves_quietly<my_type> = true;
#pragma once

#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <levada/actors/channel_core.hpp>

namespace levada {

/// True when moving a T, and destroying a moved-from T, runs no user code and
/// does not throw.
template <class T>
inline constexpr bool moves_quietly = std::is_trivially_move_constructible_v<T>
                                      && std::is_trivially_destructible_v<T>;

template <class C, class Traits>
inline constexpr bool
  moves_quietly<std::basic_string<C, Traits, std::allocator<C>>>
  = true;
template <class T>
inline constexpr bool moves_quietly<std::vector<T, std::allocator<T>>> = true;
template <class T>
inline constexpr bool moves_quietly<std::unique_ptr<T>> = true;
template <class T>
inline constexpr bool moves_quietly<std::shared_ptr<T>> = true;
template <class T>
inline constexpr bool moves_quietly<std::weak_ptr<T>> = true;
template <class A, class B>
inline constexpr bool moves_quietly<std::pair<A, B>>
  = moves_quietly<A> && moves_quietly<B>;

namespace detail {

template <class T>
inline constexpr bool fits_inline
  = moves_quietly<T> && alignof(T) <= 16 && sizeof(T) <= cell_type::largest;

/// The item itself.
template <class T>
struct inline_cell {
  using storage_type = T;

  template <class... Args>
  static void make(void* storage, Args&&... args) {
    ::new (storage) T(std::forward<Args>(args)...);
  }
  static T& item(void* storage) noexcept {
    return *std::launder(static_cast<T*>(storage));
  }
};

/// A pointer to the item.
template <class T>
struct boxed_cell {
  using storage_type = T*;

  template <class... Args>
  static void make(void* storage, Args&&... args) {
    auto boxed = std::make_unique<T>(std::forward<Args>(args)...);
    ::new (storage) storage_type(boxed.release());
  }
  static T& item(void* storage) noexcept {
    return **std::launder(static_cast<storage_type*>(storage));
  }
};

template <class T>
struct cell
    : std::conditional_t<fits_inline<T>, inline_cell<T>, boxed_cell<T>> {
  using base
    = std::conditional_t<fits_inline<T>, inline_cell<T>, boxed_cell<T>>;
  using storage_type = typename base::storage_type;
  static constexpr std::uint32_t size = sizeof(storage_type);

  static void relocate(void* to, void* from) noexcept {
    auto& source = *std::launder(static_cast<storage_type*>(from));
    ::new (to) storage_type(std::move(source));
    source.~storage_type(); // NOLINT(bugprone-use-after-move): all it is for
  }

  static void destroy(void* storage) noexcept {
    if constexpr (fits_inline<T>)
      base::item(storage).~T();
    else
      delete &base::item(storage);
  }

  /// Moves the item out of `storage`; the storage is raw afterwards, also when
  /// the move throws.
  template <class Use>
  static decltype(auto) take(void* storage, Use&& use) {
    struct cleaner {
      void* storage;
      ~cleaner() {
        destroy(storage);
      }
    } const after{storage};
    return std::forward<Use>(use)(std::move(base::item(storage)));
  }

  static constexpr cell_type type{size, &cell::relocate, &cell::destroy,
                                  &typeid(T)};
};

/// Raw room for one cell, and whether there is an item in it.
template <class T>
class cell_slot {
public:
  // (A default one would let cell_slot() write to all the room.)
  cell_slot() noexcept { // NOLINT(modernize-use-equals-default)
  }
  cell_slot(const cell_slot&) = delete;
  cell_slot& operator=(const cell_slot&) = delete;

  void* storage() noexcept {
    return storage_;
  }

private:
  alignas(typename cell<T>::storage_type) std::byte storage_[cell<T>::size];
};

/// A cell with an item in it, which it destroys unless that was moved away.
template <class T>
class full_cell {
public:
  template <class... Args>
  explicit full_cell(std::in_place_t, Args&&... args) {
    cell<T>::make(slot_.storage(), std::forward<Args>(args)...);
  }
  ~full_cell() {
    if (full_)
      cell<T>::destroy(slot_.storage());
  }
  full_cell(const full_cell&) = delete;
  full_cell& operator=(const full_cell&) = delete;

  void* storage() noexcept {
    return slot_.storage();
  }
  /// The item has gone elsewhere.
  void moved() noexcept {
    full_ = false;
  }

private:
  cell_slot<T> slot_;
  bool full_ = true;
};

} // namespace detail
} // namespace levada
