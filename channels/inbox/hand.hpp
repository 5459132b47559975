// What an actor has in hand of one channel: items that were taken and not handled
// yet, in a ring of as many cells as the actor has credit; and, beside them, the
// window that the rest of the credit may stand open as (receive_window.hpp).
//
// Invariants
//  - The items in hand are the actor's own, without a lock; what has come in by
//    the window is so once it was gathered, under the lock.
//  - An item that is being handled has its cell still: nobody writes there, since
//    a window has no more room than there were cells free when it was opened. So
//    credit is granted when nothing is being handled, and is never exceeded.
//  - While the actor waits with an open window, the first cell is left for what it
//    waits for: that came before all that came in by the window.
#pragma once

#include <cstdint>
#include <memory>

#include <levada/actors/receive_window.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada::detail {

template <class T>
class items_in_hand final : public item_row {
public:
  std::uint32_t count() const noexcept {
    return count_;
  }
  bool has_cells() const noexcept {
    return window_.slots != 0;
  }
  void make_cells(std::uint32_t most) {
    ring_.reset(new std::byte[std::size_t{most} * detail::cell<T>::size]);
    window_.cells = ring_.get();
    window_.slots = most;
    window_.cell_size = detail::cell<T>::size;
  }

  /// The item at `position`, or the cell behind the last one.
  void* cell(std::uint32_t position) noexcept override {
    return ring_.get() + std::size_t{place(position)} * detail::cell<T>::size;
  }
  /// An item was put behind the last one.
  void push() noexcept {
    ++count_;
  }
  /// The first one is the caller's now, in its cell.
  void pop() noexcept {
    first_ = place(1);
    --count_;
  }
  /// All are somewhere else.
  void clear() noexcept {
    count_ = 0;
  }

  // -- the window, under the channel's lock -----------------------------------

  /// Closes the window; what came in by it is in hand.
  void gather(channel_core& channel) noexcept {
    opened_ = false;
    count_ += close_window(channel, window_);
  }
  /// Grants what credit is left, after gather().
  void open(channel_core& channel) noexcept {
    opened_ = true;
    open_window(channel, window_, place(count_), window_.slots - count_);
  }
  /// The same with nothing in hand, for an actor that waits.
  void open_behind_wait(channel_core& channel) noexcept {
    opened_ = first_is_left_ = true;
    open_window(channel, window_, place(1), window_.slots - 1);
  }

  // -- without it -------------------------------------------------------------

  /// True when gather() may have something to do.
  bool opened() const noexcept {
    return opened_;
  }
  /// The wait is over. `cell` is what it has brought, or null.
  void waited(void* brought) noexcept {
    if (brought != nullptr) {
      typed_mover<detail::cell<T>>::relocate(cell(0), brought);
      ++count_;
    } else if (first_is_left_) {
      first_ = place(1);
    }
    first_is_left_ = false;
  }

private:
  /// `position` is at most the number of cells.
  std::uint32_t place(std::uint32_t position) const noexcept {
    const auto sum = std::uint64_t{first_} + position;
    return static_cast<std::uint32_t>(
      sum < window_.slots ? sum : sum - window_.slots);
  }

  std::unique_ptr<std::byte[]> ring_;
  /// Where the oldest item is.
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  /// Since the last gather().
  bool opened_ = false;
  bool first_is_left_ = false;
  /// Guarded by the channel's lock while it is open, but for its ring.
  receive_window window_;
};

} // namespace levada::detail
