// A broadcast_receiver as a case of select and as a member of a select_set.
#pragma once

#include <levada/channels/broadcast/receiver.hpp>
#include <levada/channels/select/engine.hpp>
#include <levada/channels/select/set_core.hpp>

namespace levada::detail {

template <class Case>
struct case_traits;

template <class T>
class broadcast_slot : public select_case {
  using item_cell = cell<broadcast_item<T>>;

public:
  using result = broadcast_result<T>;
  static constexpr bool on_channel = true;

  broadcast_slot(select_claim& claim, std::uint32_t index,
                 const broadcast_receiver<T>& from) noexcept
      : select_case(claim, index,
                    handle_access::receiving(handle_access::inner(from)),
                    false) {
    slot = item_.storage();
  }
  ~broadcast_slot() {
    if (this->select_case::result == outcome::done) // won, but never finished
      item_cell::destroy(slot);
  }

  result finish() {
    if (this->select_case::result != outcome::done)
      return result{errc::closed};
    this->select_case::result = outcome::pending;
    return item_cell::take(slot, [](broadcast_item<T>&& item) {
      return result{std::in_place, std::move(item)};
    });
  }

private:
  cell_slot<broadcast_item<T>> item_;
};

template <class T>
struct case_traits<broadcast_receiver<T>> {
  using slot = broadcast_slot<T>;

  static const void* identity(const broadcast_receiver<T>& from) noexcept {
    return handle_access::core(handle_access::inner(from));
  }
  /// What a select_set takes in.
  static receiver<broadcast_item<T>>
  member(const broadcast_receiver<T>& from) noexcept {
    return handle_access::inner(from);
  }
};

template <class T>
struct member_result<broadcast_item<T>> {
  using type = broadcast_result<T>;
};

} // namespace levada::detail
