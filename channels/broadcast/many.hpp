// receive_many on a broadcast.
#pragma once

#include <levada/channels/broadcast/item.hpp>
#include <levada/channels/many.hpp>

namespace levada {

template <class T>
class broadcast_receiver;

/// Of `receive_many` on a broadcast: as receive_many_result, and how many items
/// were lost before those received, in all.
class [[nodiscard]] broadcast_many_result : public receive_many_result {
public:
  broadcast_many_result(std::size_t count, std::uint64_t lagged) noexcept
      : receive_many_result(count),
        lagged_(lagged) {
  }
  explicit broadcast_many_result(errc code) noexcept
      : receive_many_result(code) {
  }

  std::uint64_t lagged() const noexcept {
    return lagged_;
  }

private:
  std::uint64_t lagged_ = 0;
};

namespace detail {

/// Takes items, hands on values, and sums up what was lost.
template <class T, class Out>
struct broadcast_outlet {
  void push_back(broadcast_item<T>&& item) {
    lagged += item.lagged;
    if (item.sole())
      out.push_back(std::move(item.value()));
    else
      out.push_back(std::as_const(item.value()));
  }

  Out& out;
  std::uint64_t lagged = 0;
};

template <class T, class Out>
task<broadcast_many_result> broadcast_many_task(broadcast_receiver<T> in,
                                                Out* out, std::size_t most) {
  if (most == 0)
    co_return broadcast_many_result{0, 0};
  auto first = co_await in.receive();
  if (!first)
    co_return broadcast_many_result{static_cast<errc>(first.error().value())};
  const auto lagged = first.lagged();
  out->push_back(*std::move(first));
  broadcast_outlet<T, Out> outlet{*out};
  auto& channel = *handle_access::receiving(handle_access::inner(in));
  const auto more = drain_some<broadcast_item<T>>(channel, outlet, most - 1);
  co_return broadcast_many_result{more + 1, lagged + outlet.lagged};
}

template <class T, class Out>
broadcast_many_result blocking_broadcast_many(const broadcast_receiver<T>& in,
                                              Out& out, std::size_t most,
                                              const std::stop_token& stop) {
  forbid_blocking_in_task("blocking_receive_many");
  if (most == 0)
    return broadcast_many_result{0, 0};
  auto first = in.blocking_receive(stop);
  if (!first)
    return broadcast_many_result{static_cast<errc>(first.error().value())};
  const auto lagged = first.lagged();
  out.push_back(*std::move(first));
  broadcast_outlet<T, Out> outlet{out};
  auto& channel = *handle_access::receiving(handle_access::inner(in));
  const auto more = drain_some<broadcast_item<T>>(channel, outlet, most - 1);
  return broadcast_many_result{more + 1, lagged + outlet.lagged};
}

} // namespace detail
} // namespace levada
