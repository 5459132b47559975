// Many at once: send_many, receive_many, drain, force_send. One lock is taken
// for as many items as fit or are there.
#pragma once

#include <iterator>
#include <vector>

#include <levada/actors/channel_failure.hpp>
#include <levada/channels/handle.hpp>
#include <levada/channels/waiting/rows.hpp>
#include <levada/channels/waiting/thread_wait.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

template <class T>
class sender;
template <class T>
class receiver;

/// Of `send_many`: true when all went; else why not, and the rest.
template <class T>
class [[nodiscard]] send_many_result : public detail::outcome_base {
public:
  explicit send_many_result(std::size_t sent) noexcept : sent_(sent) {
  }
  send_many_result(std::size_t sent, errc code, std::vector<T> rest) noexcept
      : outcome_base(code),
        sent_(sent),
        rest_(std::move(rest)) {
  }

  /// How many were sent.
  std::size_t sent() const noexcept {
    return sent_;
  }
  /// Those that were not, in order.
  std::vector<T>& rest() noexcept {
    return rest_;
  }

private:
  std::size_t sent_;
  std::vector<T> rest_;
};

/// Of `receive_many`: how many were received; none only when the channel is
/// closed and drained, or the wait was cancelled.
class [[nodiscard]] receive_many_result : public detail::outcome_base {
public:
  explicit receive_many_result(std::size_t count) noexcept : count_(count) {
  }
  explicit receive_many_result(errc code) noexcept : outcome_base(code) {
  }

  std::size_t count() const noexcept {
    return count_;
  }

private:
  std::size_t count_ = 0;
};

namespace detail {

template <class T, class Range>
std::vector<T> to_vector(Range&& items) {
  if constexpr (std::is_same_v<std::decay_t<Range>, std::vector<T>>) {
    return std::forward<Range>(items);
  } else {
    std::vector<T> result;
    for (auto&& each : items)
      result.push_back(std::forward<decltype(each)>(each));
    return result;
  }
}

template <class T, class Out>
task<receive_many_result> receive_many_task(receiver<T> in, Out* out,
                                            std::size_t most) {
  if (most == 0)
    co_return receive_many_result{std::size_t{0}};
  auto first = co_await in.receive();
  if (!first)
    co_return receive_many_result{static_cast<errc>(first.error().value())};
  out->push_back(*std::move(first));
  const auto more
    = receive_some<T>(*handle_access::receiving(in), *out, most - 1);
  co_return receive_many_result{more + 1};
}

template <class T, class Out>
receive_many_result blocking_receive_many(const receiver<T>& in, Out& out,
                                          std::size_t most,
                                          const std::stop_token& stop) {
  forbid_blocking_in_task("blocking_receive_many");
  auto& channel = *handle_access::receiving(in);
  const auto there = receive_some<T>(channel, out, most);
  if (there != 0 || most == 0)
    return receive_many_result{there};
  auto first = in.blocking_receive(stop);
  if (!first)
    return receive_many_result{static_cast<errc>(first.error().value())};
  out.push_back(*std::move(first));
  return receive_many_result{1 + receive_some<T>(channel, out, most - 1)};
}

/// Buffers or hands over as many of `items` from `first` on as go at once.
template <class T>
std::size_t offer_some(channel_core& channel, std::vector<T>& items,
                       std::size_t first) {
  auto next = first;
  while (next < items.size()) {
    if constexpr (goes_by_row<T>) {
      next = send_quickly(channel, items, next);
      if (next == items.size())
        break;
    }
    send_step<T, try_send_result<T>> step{std::in_place, &channel,
                                          std::move(items[next])};
    auto went = try_now(step, errc::full);
    if (!went) {
      items[next] = std::move(went).value();
      break;
    }
    ++next;
  }
  return next;
}

template <class T>
task<send_many_result<T>> send_many_task(sender<T> out, std::vector<T> items) {
  auto& channel = *handle_access::sending(out);
  std::size_t next = 0;
  while (next < items.size()) {
    next = offer_some(channel, items, next);
    if (next == items.size())
      break;
    auto went = co_await out.send(std::move(items[next]));
    if (!went) {
      items[next] = std::move(went).value();
      const auto code = static_cast<errc>(went.error().value());
      items.erase(items.begin(),
                  items.begin() + static_cast<std::ptrdiff_t>(next));
      co_return send_many_result<T>{next, code, std::move(items)};
    }
    ++next;
  }
  co_return send_many_result<T>{next};
}

template <class T>
send_many_result<T> blocking_send_many(channel_core& channel,
                                       std::vector<T> items) {
  forbid_blocking_in_task("blocking_send_many");
  std::size_t next = 0;
  while (next < items.size()) {
    if constexpr (goes_by_row<T>) {
      next = send_quickly(channel, items, next);
      if (next == items.size())
        break;
    }
    send_step<T, send_result<T>> step{std::in_place, &channel,
                                      std::move(items[next])};
    auto went = wait_on_thread(step, "blocking_send_many");
    if (!went) {
      items[next] = std::move(went).value();
      const auto code = static_cast<errc>(went.error().value());
      items.erase(items.begin(),
                  items.begin() + static_cast<std::ptrdiff_t>(next));
      return {next, code, std::move(items)};
    }
    ++next;
  }
  return send_many_result<T>{next};
}

template <class T>
std::optional<T> force_send(channel_core& channel, T value) {
  if (channel.capacity == 0)
    throw_error(make_error_code(errc::invalid_argument),
                "force_send: a rendezvous channel has nothing to take out");
  using item_cell = cell<T>;
  full_cell<T> item{std::in_place, std::move(value)};
  cell_slot<T> oldest;
  bool displaced = false;
  auto how = offered::closed;
  {
    wake_list wakes;
    spin_guard guard{channel.lock};
    const typed_mover<item_cell> mover;
    how = offer(channel, item.storage(), mover, wakes);
    if (how == offered::refused && channel.count != 0) {
      unstore(channel, oldest.storage(), mover, wakes, outcome::dropped);
      ++channel.sent;
      channel.count_handed_back(1);
      store(channel, item.storage(), mover);
      displaced = true;
      how = offered::queued;
    }
  }
  if (how == offered::closed || how == offered::refused)
    fail_on(&channel, how == offered::closed ? errc::closed : errc::full,
            "force_send", endpoint::sender);
  item.moved();
  std::optional<T> result;
  if (displaced)
    item_cell::take(oldest.storage(),
                    [&result](T&& back) { result.emplace(std::move(back)); });
  return result;
}

} // namespace detail
} // namespace levada
