// leasing(rx): a lease as a case of a select.
//
//   auto chosen = co_await levada::select(levada::leasing(jobs), stop);
//   if (chosen.index() == 0)
//     work_on(*chosen.get<0>());   // a lease_result
//
// It gives a lease_result, and is ready when a receive would be. When another
// case happens nothing was lent.
#pragma once

#include <utility>

#include <levada/channels/leased.hpp>
#include <levada/channels/select.hpp>

namespace levada {

/// A lease as a case; the receiver must stay until the select is over.
template <class T>
class lease_case {
public:
  explicit lease_case(const receiver<T>& from) noexcept : from_(&from) {
  }

  const receiver<T>& from() const noexcept {
    return *from_;
  }

private:
  const receiver<T>* from_;
};

template <class T>
lease_case<T> leasing(const receiver<T>& from) noexcept {
  return lease_case<T>{from};
}
template <class T>
lease_case<T> leasing(const channel<T>& from) noexcept {
  return lease_case<T>{from.rx()};
}

namespace detail {

template <class T>
class leasing_slot : public select_case {
public:
  using result = lease_result<T>;
  static constexpr bool on_channel = true;

  leasing_slot(select_claim& claim, std::uint32_t index,
               const lease_case<T>& from)
      : select_case(claim, index, handle_access::receiving(from.from()),
                    false) {
    slot = item_.storage();
    record = new lease_record{*channel};
  }
  ~leasing_slot() {
    if (this->select_case::result == outcome::done) // won, but never finished
      lease_book::give_back(slot, std::exchange(record, nullptr),
                            lease_end::unseen);
    delete record;
  }

  result finish() {
    if (this->select_case::result != outcome::done)
      return result{errc::closed, channel};
    this->select_case::result = outcome::pending;
    return result{lease_access::make<T>(std::exchange(record, nullptr), slot)};
  }

private:
  cell_slot<T> item_;
};

template <class T>
struct case_traits<lease_case<T>> {
  using slot = leasing_slot<T>;
  static const void* identity(const lease_case<T>& from) noexcept {
    return handle_access::core(from.from());
  }
};

} // namespace detail
} // namespace levada
