// std::hash of channel ends: as their ==, by channel, and by kind of end.
#pragma once

#include <cstddef>
#include <functional>

#include <levada/channels/channel.hpp>
#include <levada/channels/owned/ends.hpp>

namespace levada::detail {

template <class Handle>
struct end_hash {
  std::size_t operator()(const Handle& end) const noexcept {
    return std::hash<const void*>{}(handle_access::core(end));
  }
};

} // namespace levada::detail

template <class T>
struct std::hash<levada::sender<T>>
    : levada::detail::end_hash<levada::sender<T>> {};
template <class T>
struct std::hash<levada::receiver<T>>
    : levada::detail::end_hash<levada::receiver<T>> {};
template <class T>
struct std::hash<levada::weak_sender<T>>
    : levada::detail::end_hash<levada::weak_sender<T>> {};
template <class T>
struct std::hash<levada::weak_receiver<T>>
    : levada::detail::end_hash<levada::weak_receiver<T>> {};
template <class T>
struct std::hash<levada::channel<T>> {
  std::size_t operator()(const levada::channel<T>& both) const noexcept {
    return std::hash<levada::sender<T>>{}(both.tx());
  }
};
template <class T>
struct std::hash<levada::owned_sender<T>> {
  std::size_t operator()(const levada::owned_sender<T>& end) const noexcept {
    return std::hash<const void*>{}(levada::detail::owned_access::core(end));
  }
};
template <class T>
struct std::hash<levada::owned_receiver<T>> {
  std::size_t operator()(const levada::owned_receiver<T>& end) const noexcept {
    return std::hash<const void*>{}(levada::detail::owned_access::core(end));
  }
};
