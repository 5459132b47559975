// leased<T>: an item on loan from a channel, and the results of leasing.
//
//   while (auto job = co_await rx.lease()) {
//     work_on(*job);
//     job.ack();          // done: the channel forgets it
//   }                     // not acked? it goes back, to be leased again
//
// A lease is settled once.
//   ack, take       the item is received, for good.
//   nack, dropping  it goes back to the front of the channel, or straight to a
//                   receiver that waits; the next one sees a delivery count one
//                   higher. Dropping is whatever destroys the lease: the end of a
//                   scope, an exception, a task that is cancelled or destroyed.
//   reject          nobody sees it again: it goes to the dead-letter hook
//                   (dead_letter_reason::nack_limit), as it does when it comes
//                   back from its `channel_options::max_deliveries`-th lease.
// Order    What comes back stands before all that was never leased, in the order
//          of first leasing, whatever order it came back in.
// Room     A lent item has left the buffer, and its sender gone on. What comes
//          back may so exceed the capacity, by as many items as were lent; until
//          that is read, senders wait as they do at a full channel.
// Closing  A closed channel is not drained while items are lent: receivers wait,
//          since one may come back. Without receivers, or closed by force, it
//          takes nothing back: a dead letter (no_receivers, killed).
// Keeps    the channel's memory, but no end of it open. A lease may outlive its
//          runtime, too.
// Counts   channel_stats::leased while it is out, `received` once it is acked.
// Plain receives take what came back like any item; it is not counted for them.
// Threads  a lease may be moved to another thread or task, or be sent through a
//          channel. One thread at a time.
// Cost     as a receive, and one allocation; settling takes the channel's lock.
#pragma once

#include <string>
#include <utility>

#include <levada/actors/lease.hpp>
#include <levada/channels/outcome.hpp>
#include <levada/channels/waiting/cell.hpp>

namespace levada {

namespace detail {
struct lease_access;
} // namespace detail

template <class T>
class [[nodiscard("dropping a lease gives the item back")]] leased {
  using cell = detail::cell<T>;

public:
  using value_type = T;

  /// Nothing.
  leased() noexcept = default;
  leased(leased&& other) noexcept {
    adopt(other);
  }
  leased& operator=(leased&& other) noexcept {
    if (this != &other) {
      give_back(detail::lease_end::returned);
      adopt(other);
    }
    return *this;
  }
  ~leased() {
    give_back(detail::lease_end::returned);
  }

  /// True until it is settled or moved from.
  explicit operator bool() const noexcept {
    return record_ != nullptr;
  }

  /// The item, as it will go back. Only until it is settled.
  T& operator*() noexcept {
    return cell::item(item_.storage());
  }
  const T& operator*() const noexcept {
    return cell::item(item_.storage());
  }
  T* operator->() noexcept {
    return &**this;
  }
  const T* operator->() const noexcept {
    return &**this;
  }

  /// How often it was leased, this time included; 0 when it is settled.
  std::uint32_t delivery_count() const noexcept {
    return record_ == nullptr ? 0 : record_->deliveries;
  }
  /// What the last nack said; empty when none did.
  std::string last_reason() const {
    return record_ == nullptr ? std::string{} : record_->reason;
  }

  // Settling throws channel_error(invalid_argument) when it was settled before.

  /// The item is done with.
  void ack() {
    require("ack");
    acknowledge();
    cell::destroy(item_.storage());
  }

  /// As ack, and gives the item. When moving it throws it is still leased.
  T take() {
    require("take");
    T result(std::move(**this));
    acknowledge();
    cell::destroy(item_.storage());
    return result;
  }

  /// The item goes back. `reason`: for whoever sees it next.
  void nack() {
    require("nack");
    give_back(detail::lease_end::returned);
  }
  void nack(std::string reason) {
    require("nack");
    record_->reason = std::move(reason);
    give_back(detail::lease_end::returned);
  }

  /// The item goes to the dead-letter hook.
  void reject(std::string reason = {}) {
    require("reject");
    record_->reason = std::move(reason);
    give_back(detail::lease_end::rejected);
  }

private:
  friend struct detail::lease_access;

  /// Takes over the record and the item in `from`, which is raw afterwards.
  leased(detail::lease_record* record, void* from) noexcept : record_(record) {
    record_->lender.retain();
    cell::relocate(item_.storage(), from);
  }

  void adopt(leased& other) noexcept {
    record_ = std::exchange(other.record_, nullptr);
    if (record_ != nullptr)
      cell::relocate(item_.storage(), other.item_.storage());
  }

  void require(const char* operation) const {
    if (record_ == nullptr)
      throw_error(make_error_code(errc::invalid_argument),
                  std::string{"leased::"} + operation
                    + ": the lease was settled before, or moved from; each is "
                      "settled once");
  }

  void acknowledge() noexcept {
    auto& channel = record_->lender;
    detail::lease_book::acknowledge(std::exchange(record_, nullptr));
    channel.release();
  }

  void give_back(detail::lease_end how) noexcept {
    if (record_ == nullptr)
      return;
    auto& channel = record_->lender;
    detail::lease_book::give_back(item_.storage(),
                                  std::exchange(record_, nullptr), how);
    channel.release();
  }

  /// Owned; null when there is no item.
  detail::lease_record* record_ = nullptr;
  mutable detail::cell_slot<T> item_;
};

template <class T>
inline constexpr bool moves_quietly<leased<T>> = true;

namespace detail {

struct lease_access {
  template <class T>
  static leased<T> make(lease_record* record, void* from) noexcept {
    return leased<T>{record, from};
  }
};

/// What the results of leasing share: a lease, or why there is none.
template <class T>
class lease_base : public outcome_base, public leased<T> {
public:
  /// True when there was an item, settled or not.
  using outcome_base::operator bool;

  /// The lease, to be kept; throws the exception that belongs to error() if
  /// there is none.
  leased<T>&& value() && {
    if (!*this)
      this->fail(endpoint::receiver);
    return std::move(*this);
  }

protected:
  lease_base(errc code, channel_core* where) noexcept
      : outcome_base(code, where) {
  }
  explicit lease_base(leased<T>&& item) noexcept : leased<T>(std::move(item)) {
  }
};

} // namespace detail

/// Of `lease`: a lease, or the channel is closed and drained.
template <class T>
class [[nodiscard]] lease_result : public detail::lease_base<T> {
public:
  explicit lease_result(errc code,
                        detail::channel_core* where = nullptr) noexcept
      : detail::lease_base<T>(code, where) {
  }
  explicit lease_result(leased<T>&& item) noexcept
      : detail::lease_base<T>(std::move(item)) {
  }
};

/// Of `try_lease`: as lease_result, or nothing is there right now.
template <class T>
class [[nodiscard]] try_lease_result : public detail::lease_base<T> {
public:
  explicit try_lease_result(errc code,
                            detail::channel_core* where = nullptr) noexcept
      : detail::lease_base<T>(code, where) {
  }
  explicit try_lease_result(leased<T>&& item) noexcept
      : detail::lease_base<T>(std::move(item)) {
  }

  bool empty() const noexcept {
    return this->code() == errc::empty;
  }
};

/// Of `lease_for`, `lease_until`: as lease_result, or the time passed.
template <class T>
class [[nodiscard]] timed_lease_result : public detail::lease_base<T> {
public:
  explicit timed_lease_result(errc code,
                              detail::channel_core* where = nullptr) noexcept
      : detail::lease_base<T>(code, where) {
  }
  explicit timed_lease_result(leased<T>&& item) noexcept
      : detail::lease_base<T>(std::move(item)) {
  }

  bool timed_out() const noexcept {
    return this->code() == errc::timed_out;
  }
};

} // namespace levada
