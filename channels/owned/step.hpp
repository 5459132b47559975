// The steps of an owned channel: those of step.hpp, preceded under the same hold
// of the lock by the question whether the owner may use the end.
#pragma once

#include <new>
#include <utility>

#include <levada/channels/owned/item.hpp>
#include <levada/channels/owned/result.hpp>
#include <levada/channels/waiting/receipt_step.hpp>

namespace levada::detail {

/// Asks for admission before a step of `Step` settles anything. `member` is null
/// for handles that stand for no channel, or are detached.
template <class Step, bool sending>
class admitted_step : public Step {
public:
  template <class... Args>
  explicit admitted_step(member_pointer member, Args&&... args)
      : Step(std::forward<Args>(args)...),
        member_(std::move(member)) {
  }

  bool settle_quickly() noexcept {
    return admitted() && Step::settle_quickly();
  }
  waiter* settle_with_partner() noexcept {
    return admitted() ? Step::settle_with_partner() : nullptr;
  }
  bool must_wait() const noexcept
    requires requires(const Step& plain) { plain.must_wait(); }
  {
    return admitted() && Step::must_wait();
  }
  bool settle(wake_list& wakes, stray_list* strays) {
    if (admitted())
      return Step::settle(wakes, strays);
    this->result = outcome::released;
    return true;
  }

protected:
  const member_pointer& member() const noexcept {
    return member_;
  }

private:
  bool admitted() const noexcept {
    return member_ == nullptr || owner_table::admit(*member_, sending);
  }

  member_pointer member_;
};

/// The typed result of a received item.
template <class Result, class T>
Result owned_result_of(receive_result<owned_item<T>>&& got) {
  if (!got)
    return Result{static_cast<errc>(got.error().value())};
  if (got->kind != owned_kind::value)
    return Result{got->kind};
  return Result{std::in_place, got->take()};
}

template <class T, class Result>
class owned_receive_step
    : public admitted_step<
        receive_step<owned_item<T>, receive_result<owned_item<T>>>, false> {
  using base
    = admitted_step<receive_step<owned_item<T>, receive_result<owned_item<T>>>,
                    false>;

public:
  using result_type = Result;
  using base::base;

  /// While it waits, the storage says who does.
  void enlist() noexcept {
    base::enlist();
    if (this->member() != nullptr)
      ::new (this->slot) owned_tag{this->member()->who->id};
  }

  result_type finish(errc why) {
    return owned_result_of<result_type>(base::finish(why));
  }
};

/// A send or receipt step: `Step<owned_item<T>, send_result<owned_item<T>>>`.
template <class Result, class Step>
class owned_sending_step : public admitted_step<Step, true> {
  using base = admitted_step<Step, true>;

public:
  using result_type = Result;
  using base::base;

  result_type finish(errc why) {
    auto sent = base::finish(why);
    if (sent)
      return result_type{sent.status()};
    return result_type{static_cast<errc>(sent.error().value()),
                       std::move(sent).value().take()};
  }
};

template <class T, class Result>
using owned_send_step
  = owned_sending_step<Result,
                       send_step<owned_item<T>, send_result<owned_item<T>>>>;

template <class T, class Result>
using owned_receipt_step
  = owned_sending_step<Result,
                       receipt_step<owned_item<T>, send_result<owned_item<T>>>>;

} // namespace levada::detail
