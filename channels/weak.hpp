// weak_sender, weak_receiver: handles that keep no end of a channel open.
#pragma once

#include <levada/channels/receiver.hpp>
#include <levada/channels/sender.hpp>

namespace levada {
namespace detail {

template <class Strong, class End>
class weak_handle : public handle_base {
public:
  weak_handle() noexcept = default;
  explicit weak_handle(const Strong& strong) noexcept
      : handle_base(core_pointer{handle_access::core(strong)}) {
    if (core_)
      core_->retain();
  }
  weak_handle(const weak_handle& other) noexcept : handle_base(other.core_) {
    if (core_)
      core_->retain();
  }
  weak_handle(weak_handle&& other) noexcept
      : handle_base(std::exchange(other.core_, core_pointer{})) {
  }
  weak_handle& operator=(weak_handle other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }
  ~weak_handle() {
    if (core_)
      core_->release();
  }

  friend bool operator==(const weak_handle& a, const weak_handle& b) noexcept {
    return a.core_.get() == b.core_.get();
  }

  /// A counted handle, or nil when the last one of this end has gone.
  Strong upgrade() const noexcept {
    if (!core_ || !End::add_if_any(*core_))
      return Strong{};
    return handle_access::adopt<Strong>(core_.get());
  }

private:
  friend struct handle_access;
};

} // namespace detail

template <class T>
class weak_sender : public detail::weak_handle<sender<T>, detail::sending_end> {
public:
  using detail::weak_handle<sender<T>, detail::sending_end>::weak_handle;
};

template <class T>
class weak_receiver
    : public detail::weak_handle<receiver<T>, detail::receiving_end> {
public:
  using detail::weak_handle<receiver<T>, detail::receiving_end>::weak_handle;
};

template <class T>
weak_sender<T> sender<T>::downgrade() const noexcept {
  return weak_sender<T>{*this};
}

template <class T>
weak_receiver<T> receiver<T>::downgrade() const noexcept {
  return weak_receiver<T>{*this};
}

} // namespace levada
