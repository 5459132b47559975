// Several items through a channel under one lock: what needs no wait, as far as it
// goes. Whoever calls sees to the rest one by one.
//
// As everywhere no user code runs under the lock: items are taken into raw cells,
// from which they are moved when it is released; only quiet items are sent by the
// row, straight out of the caller's vector.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include <levada/actors/transfer.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada::detail {

/// So many items leave a channel without counting them and making room on the
/// heap first.
template <class T>
inline constexpr std::size_t short_row = std::size_t{1024} / cell<T>::size;

/// Items taken out of a channel, on their way to a container.
template <class T>
class taken_items {
public:
  explicit taken_items(std::size_t most) {
    if (most > short_row<T>) {
      heap_.resize(most * cell<T>::size);
      memory_ = heap_.data();
    }
  }
  taken_items(const taken_items&) = delete;
  taken_items& operator=(const taken_items&) = delete;
  ~taken_items() {
    for (; first_ < count_; ++first_)
      cell<T>::destroy(at(first_));
  }

  void* next_slot() noexcept {
    return at(count_);
  }
  void added() noexcept {
    ++count_;
  }

  template <class Out>
  std::size_t move_to(Out& out) {
    const auto result = count_;
    while (first_ < count_)
      cell<T>::take(at(first_++),
                    [&out](T&& item) { out.push_back(std::move(item)); });
    return result;
  }

private:
  void* at(std::size_t index) noexcept {
    return memory_ + index * cell<T>::size;
  }

  alignas(16) std::byte near_[short_row<T> * cell<T>::size];
  std::vector<std::byte> heap_;
  std::byte* memory_ = near_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

/// Moves at most `most` items out of the channel, under one lock.
template <class T>
void take_some(channel_core& channel, taken_items<T>& items, std::size_t most) {
  bool ended = false;
  {
    wake_list wakes;
    spin_guard guard{channel.lock};
    for (; most > 0; --most) {
      if (!take(channel, items.next_slot(), typed_mover<cell<T>>{}, wakes))
        break;
      items.added();
    }
    ended = !channel.is_open();
  }
  if (ended)
    channel.end_if_drained();
}

/// Appends at most `most` items that are there now.
template <class T, class Out>
std::size_t drain_some(channel_core& channel, Out& out, std::size_t most) {
  std::size_t there = 0;
  {
    spin_guard guard{channel.lock};
    there = channel.count + channel.senders.count();
  }
  const auto count = std::min(there, most);
  taken_items<T> items{count};
  take_some(channel, items, count);
  return items.move_to(out);
}

/// The same for those who come again for more: counts only where many are there.
template <class T, class Out>
std::size_t receive_some(channel_core& channel, Out& out, std::size_t most) {
  const auto few = std::min(most, short_row<T>);
  taken_items<T> items{few};
  take_some(channel, items, few);
  const auto taken = items.move_to(out);
  if (taken < few || taken == most)
    return taken;
  return taken + drain_some<T>(channel, out, most - taken);
}

/// Moves quiet items out of objects that stay, moved from, where they are.
template <class T>
class leaving_mover {
public:
  static void relocate(void* to, void* from) noexcept {
    ::new (to) T(std::move(*static_cast<T*>(from)));
  }
  static constexpr std::uint32_t size() noexcept {
    return sizeof(T);
  }
};

/// Whether items are sent by the row: quiet ones, since moving others would run
/// user code under the lock. (A vector of bool holds no bools.)
template <class T>
inline constexpr bool goes_by_row = fits_inline<T> && !std::is_same_v<T, bool>;

/// So many items at most are sent under one lock: others wait for it.
inline constexpr std::size_t longest_row = 256;

/// The everyday sends of `items` from `next` on, under one lock, as far as they
/// go. Where it stops the next one may be anything: full, closed, a buffer that
/// has to grow.
template <class T>
std::size_t send_quickly(channel_core& channel, std::vector<T>& items,
                         std::size_t next) noexcept {
  static_assert(goes_by_row<T>);
  constexpr leaving_mover<T> mover;
  const auto end = next + std::min(items.size() - next, longest_row);
  wake_list wakes;
  spin_guard guard{channel.lock};
  for (; next < end; ++next) {
    auto* const item = items.data() + next;
    if (can_store_quickly(channel))
      store_quickly(channel, item, mover);
    else if (auto* who = hand_to_partner(channel, item, mover))
      wakes.add(*who);
    else
      break;
  }
  return next;
}

} // namespace levada::detail
