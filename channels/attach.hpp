// Ends made from an id, typed and checked:
//
//   auto rx = levada::attach_receiver<int>(rt, 7);
//   auto tx = rt.channels().sender<int>(7);          // the same, said shorter
//
// What an id stands for is decided here and now, not at the first use:
//   negative, or larger than any id        channel_error(invalid_argument)
//   unknown, or of a destroyed channel     channel_not_found
//   a channel of other items               channel_error(type_mismatch)
// An attached end counts as any copy of one. When the last one of its kind has
// gone before, the channel is closed, and the end says so.
// Threads: any. Cost: one look-up.
#pragma once

#include <concepts>
#include <cstdint>
#include <typeinfo>
#include <utility>

#include <levada/channels/channel.hpp>
#include <levada/channels/owned/ends.hpp>

namespace levada {
namespace detail {

/// The channel with one reference retained; throws as said above.
LEVADA_API channel_core& attach_core(engine& where, std::uint64_t id,
                                     const std::type_info& item);

/// Throws channel_error(invalid_argument) for numbers that are never ids.
LEVADA_API std::uint64_t checked_id(bool negative, std::uint64_t id);

template <class Handle, class End, class Item>
Handle attach(const runtime& home, std::integral auto id) {
  auto& core = attach_core(
    home.engine(),
    checked_id(std::cmp_less(id, 0), static_cast<std::uint64_t>(id)),
    typeid(Item));
  if (!End::add_if_any(core))
    return handle_access::adopt_detached<Handle>(&core);
  core.release(); // the end has one of its own
  return handle_access::adopt<Handle>(&core);
}

} // namespace detail

template <class T>
sender<T> attach_sender(const runtime& home, std::integral auto id) {
  return detail::attach<sender<T>, detail::sending_end, T>(home, id);
}
template <class T>
receiver<T> attach_receiver(const runtime& home, std::integral auto id) {
  return detail::attach<receiver<T>, detail::receiving_end, T>(home, id);
}

/// The same for an owned channel of T.
template <class T>
owned_sender<T> attach_owned_sender(const runtime& home,
                                    std::integral auto id) {
  using item = detail::owned_item<T>;
  return detail::owned_access::make<owned_sender<T>>(
    detail::attach<sender<item>, detail::sending_end, item>(home, id));
}
template <class T>
owned_receiver<T> attach_owned_receiver(const runtime& home,
                                        std::integral auto id) {
  using item = detail::owned_item<T>;
  return detail::owned_access::make<owned_receiver<T>>(
    detail::attach<receiver<item>, detail::receiving_end, item>(home, id));
}

template <class T>
levada::sender<T> channel_list::sender(std::integral auto id) const {
  return attach_sender<T>(*home_, id);
}
template <class T>
levada::receiver<T> channel_list::receiver(std::integral auto id) const {
  return attach_receiver<T>(*home_, id);
}

} // namespace levada
