// One item of a broadcast, as it lies in each receiver's buffer; and what
// receiving it gives.
//
// Invariants
//  - A trivially copyable item of at most 64 bytes is copied into every buffer.
//    Any other is one object on the heap, shared by all buffers and immutable
//    from the moment it is published until one reference is left.
//  - Copying and destroying an item that is not trivial runs outside every lock:
//    under a lock only references are counted, and objects nobody refers to any
//    more are collected in `broadcast_leavings`.
//  - `lagged` travels with the item: how many items of that very receiver were
//    dropped just before it. Nobody who receives needs to remember anything.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <levada/channels/result.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada {
namespace detail {

template <class T>
inline constexpr bool broadcasts_inline
  = std::is_trivially_copyable_v<T> && sizeof(T) <= 64 && alignof(T) <= 16;

/// The item itself, a copy for each receiver.
template <class T, bool Inline = broadcasts_inline<T>>
class broadcast_item {
public:
  template <class... Args>
  explicit broadcast_item(std::in_place_t, Args&&... args)
      : value_(std::forward<Args>(args)...) {
  }

  T& value() noexcept {
    return value_;
  }
  static bool sole() noexcept {
    return true;
  }

  static void add_references(std::uint32_t) noexcept {
  }
  static void drop_references(std::uint32_t) noexcept {
  }
  /// Makes, in raw storage, one of the items that were counted in advance, with
  /// nothing lost before it. (Member by member: what was just written in words
  /// and is read as a whole makes the processor wait.)
  void copy_counted(void* storage) const noexcept {
    ::new (storage) broadcast_item(std::in_place, value_);
  }

  std::uint64_t lagged = 0;

private:
  T value_;
};

template <class T>
struct shared_broadcast {
  template <class... Args>
  explicit shared_broadcast(Args&&... args)
      : value(std::forward<Args>(args)...) {
  }

  /// Items that point here.
  std::atomic<std::uint32_t> references{1};
  /// Link among the leavings, once nobody refers to it.
  shared_broadcast* next = nullptr;
  T value;
};

/// A reference to the item.
template <class T>
class broadcast_item<T, false> {
  using shared = shared_broadcast<T>;

public:
  template <class... Args>
  explicit broadcast_item(std::in_place_t, Args&&... args)
      : shared_(new shared(std::forward<Args>(args)...)) {
  }
  broadcast_item(broadcast_item&& other) noexcept
      : lagged(other.lagged),
        shared_(std::exchange(other.shared_, nullptr)) {
  }
  broadcast_item& operator=(broadcast_item&& other) noexcept {
    std::swap(lagged, other.lagged);
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~broadcast_item() {
    delete let_go();
  }

  T& value() noexcept {
    return shared_->value;
  }
  /// True when nobody else refers to the value, nor ever will.
  bool sole() const noexcept {
    // acquire: pairs with let_go(); who let go has finished reading
    return shared_->references.load(std::memory_order_acquire) == 1;
  }

  void add_references(std::uint32_t count) noexcept {
    // relaxed: ours keeps it alive
    shared_->references.fetch_add(count, std::memory_order_relaxed);
  }
  void drop_references(std::uint32_t count) noexcept {
    shared_->references.fetch_sub(count, std::memory_order_relaxed);
  }
  void copy_counted(void* storage) const noexcept {
    ::new (storage) broadcast_item(shared_);
  }

  /// Gives the reference up. The object, when it was the last one.
  shared* let_go() noexcept {
    auto* mine = std::exchange(shared_, nullptr);
    // acq_rel: pairs with itself and sole(); whoever deletes or moves the value
    // comes after all who read it
    if (mine != nullptr
        && mine->references.fetch_sub(1, std::memory_order_acq_rel) == 1)
      return mine;
    return nullptr;
  }

  std::uint64_t lagged = 0;

private:
  explicit broadcast_item(shared* counted) noexcept : shared_(counted) {
  }

  shared* shared_;
};

template <class T>
using broadcast_hook = std::function<void(T&&, dead_letter_reason)>;

/// Hands an item to the dead-letter hook, as its own copy unless it is the last.
template <class T>
void mourn(const broadcast_hook<T>& hook, broadcast_item<T>& item,
           dead_letter_reason why) {
  if (item.sole()) {
    hook(std::move(item.value()), why);
  } else {
    T copy(std::as_const(item.value()));
    hook(std::move(copy), why);
  }
}

/// What one send leaves behind: dropped items, collected under the lock and
/// disposed of after it by the sender.
template <class T>
class broadcast_leavings {
public:
  broadcast_leavings() noexcept = default;
  broadcast_leavings(const broadcast_leavings&) = delete;
  broadcast_leavings& operator=(const broadcast_leavings&) = delete;
  ~broadcast_leavings() {
    dispose();
  }

  /// Before anything is dropped: `most` items may be. Throws bad_alloc.
  void prepare(const broadcast_hook<T>& hook, std::size_t most) {
    if (!hook)
      return;
    letters_ = std::make_unique<letter_box>(hook);
    letters_->letters.reserve(most);
  }

  /// An item that somebody did not receive. Under a lock.
  void add(broadcast_item<T>&& item, dead_letter_reason why) noexcept {
    if (letters_)
      letters_->letters.push_back({std::move(item), why});
    else
      retire(std::move(item));
  }

  /// An item that is not missed by anybody. Under a lock.
  void retire(broadcast_item<T>&& item) noexcept {
    if constexpr (!broadcasts_inline<T>) {
      if (auto* dead = item.let_go()) {
        dead->next = dead_.first;
        dead_.first = dead;
      }
    }
  }

  /// Outside every lock.
  void dispose() noexcept {
    if (letters_) [[unlikely]]
      send_letters();
    if constexpr (!broadcasts_inline<T>)
      while (dead_.first != nullptr)
        delete std::exchange(dead_.first, dead_.first->next);
  }

private:
  struct letter {
    broadcast_item<T> item;
    dead_letter_reason why;
  };

  struct letter_box {
    explicit letter_box(const broadcast_hook<T>& hook) noexcept : hook(hook) {
    }
    const broadcast_hook<T>& hook;
    std::vector<letter> letters;
  };

  [[gnu::noinline]] void send_letters() noexcept {
    for (auto& each : letters_->letters)
      mourn(letters_->hook, each.item, each.why);
    letters_.reset();
  }

  /// Null where nobody is told.
  std::unique_ptr<letter_box> letters_;
  /// Objects nobody refers to any more.
  struct dead_list {
    shared_broadcast<T>* first = nullptr;
  };
  struct no_list {};
  [[no_unique_address]] std::conditional_t<broadcasts_inline<T>, no_list,
                                           dead_list> dead_;
};

/// Adds to a result what was lost before it.
template <class T, class Result>
class lagging : public Result {
public:
  explicit lagging(errc code, channel_core* where = nullptr) noexcept
      : Result(code, where) {
  }
  /// Moves the value out of `item`, or copies it when others have it too.
  lagging(std::in_place_t, broadcast_item<T>&& item)
      : lagging(item.sole()
                  ? lagging(lag{item.lagged}, std::move(item.value()))
                  : lagging(lag{item.lagged}, std::as_const(item.value()))) {
  }

  /// How many items this receiver lost, because it was full, between the one it
  /// received before and this one. 0 without a value.
  std::uint64_t lagged() const noexcept {
    return lagged_;
  }

private:
  struct lag {
    std::uint64_t items;
  };
  template <class U>
  lagging(lag before, U&& value)
      : Result(std::in_place, std::forward<U>(value)),
        lagged_(before.items) {
  }

  std::uint64_t lagged_ = 0;
};

} // namespace detail

template <class T>
inline constexpr bool moves_quietly<detail::broadcast_item<T, false>> = true;

/// Of `receive` on a broadcast: as receive_result, and how many were lost.
template <class T>
using broadcast_result = detail::lagging<T, receive_result<T>>;
/// Of `try_receive`.
template <class T>
using try_broadcast_result = detail::lagging<T, try_receive_result<T>>;
/// Of `receive_for`, `receive_until`.
template <class T>
using timed_broadcast_result = detail::lagging<T, timed_receive_result<T>>;

} // namespace levada
