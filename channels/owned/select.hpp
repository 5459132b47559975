// The ends of an owned channel as cases of a select: an owned_receiver, and
// sending(tx, value). A case whose owner may not use the end (any more) happens
// at once, with errc::owner_released; so does a case that waits when its owner
// dies. A select that waits counts as a use of its ends.
#pragma once

#include <new>
#include <utility>

#include <levada/channels/owned/ends.hpp>
#include <levada/channels/select.hpp>

namespace levada {

/// A send to an owned channel as a case: see send_case.
template <class T>
class owned_send_case {
public:
  owned_send_case(const owned_sender<T>& to, T value, owned_send how)
      : to_(&to),
        value_(std::move(value)),
        how_(how) {
  }

  const owned_sender<T>& to() const noexcept {
    return *to_;
  }
  owned_send how() const noexcept {
    return how_;
  }
  T&& value() noexcept {
    return std::move(value_);
  }

private:
  const owned_sender<T>* to_;
  T value_;
  owned_send how_;
};

template <class T, class U>
  requires std::constructible_from<T, U>
owned_send_case<T> sending(const owned_sender<T>& to, U&& value,
                           owned_send how = {}) {
  return owned_send_case<T>{to, T(std::forward<U>(value)), how};
}

namespace detail {

/// A case that is asked for admission.
class owned_case : public select_case {
public:
  owned_case(select_claim& claim, std::uint32_t index, channel_core* channel,
             bool sending, member_pointer member) noexcept
      : select_case(claim, index, channel, sending),
        member_(std::move(member)) {
    if (member_ != nullptr)
      this->admit = [](select_case& self) noexcept {
        return owner_table::admit(*static_cast<owned_case&>(self).member_,
                                  self.sending);
      };
  }

protected:
  const member_pointer& member() const noexcept {
    return member_;
  }

private:
  member_pointer member_;
};

template <class T>
class owned_receive_slot : public owned_case {
  using item = owned_item<T>;

public:
  using result = owned_result<T>;
  static constexpr bool on_channel = true;

  owned_receive_slot(select_claim& claim, std::uint32_t index,
                     const owned_receiver<T>& from)
      : owned_case(claim, index, owned_access::target(from), false,
                   owned_access::member(from)) {
    slot = item_.storage();
    // While it waits, the storage says who does.
    if (this->member() != nullptr)
      ::new (slot) owned_tag{this->member()->who->id};
  }
  ~owned_receive_slot() {
    if (this->select_case::result == outcome::done) // won, but never finished
      cell<item>::destroy(slot);
  }

  result finish() {
    if (this->select_case::result != outcome::done)
      return result{errc_of(this->select_case::result)};
    this->select_case::result = outcome::pending;
    return cell<item>::take(slot, [](item&& got) {
      if (got.kind != owned_kind::value)
        return result{got.kind};
      return result{std::in_place, got.take()};
    });
  }

private:
  cell_slot<item> item_;
};

template <class T>
class owned_send_slot : public owned_case {
  using item = owned_item<T>;

public:
  using result = send_result<T>;
  static constexpr bool on_channel = true;

  owned_send_slot(select_claim& claim, std::uint32_t index,
                  owned_send_case<T>& from)
      : owned_case(claim, index, owned_access::target(from.to()), true,
                   owned_access::member(from.to())) {
    cell<item>::make(item_.storage(), from.to().tag(this->member(), from.how()),
                     from.value());
    slot = item_.storage();
  }
  ~owned_send_slot() {
    if (slot != nullptr && this->select_case::result != outcome::done)
      cell<item>::destroy(slot);
  }

  result finish() {
    const auto why = errc_of(this->select_case::result);
    auto* storage = std::exchange(slot, nullptr);
    if (this->select_case::result == outcome::done)
      return result{send_status::queued};
    return cell<item>::take(
      storage, [why](item&& back) { return result{why, back.take()}; });
  }

private:
  cell_slot<item> item_;
};

template <class T>
struct case_traits<owned_receiver<T>> {
  using slot = owned_receive_slot<T>;
  static const void* identity(const owned_receiver<T>& from) noexcept {
    return owned_access::core(from);
  }
};
template <class T>
struct case_traits<owned_send_case<T>> {
  using slot = owned_send_slot<T>;
  static const void* identity(const owned_send_case<T>& to) noexcept {
    return owned_access::core(to.to());
  }
};

} // namespace detail
} // namespace levada
