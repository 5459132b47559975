// duplex: two channels crossed, for a conversation.
//
//   auto [client, service] = levada::make_duplex<request, reply>(rt);
//   co_await client.send(question);        // service.receive() gives it
//   auto answer = co_await client.receive();
//
// Each end is a sender of the one channel and a receiver of the other, with their
// contract; ends are copied and counted like these. When an end goes, with all
// its copies, both channels close: the other end receives what was sent, then
// `closed`, and its sends fail.
#pragma once

#include <string>
#include <utility>

#include <levada/channels/channel.hpp>

namespace levada {

/// One side of a conversation.
template <class Sends, class Receives>
class duplex_end {
  using here = std::source_location;

public:
  duplex_end() noexcept = default;
  duplex_end(sender<Sends> tx, receiver<Receives> rx) noexcept
      : tx_(std::move(tx)),
        rx_(std::move(rx)) {
  }

  /// The handles, for all that they can do, and for select.
  const sender<Sends>& tx() const noexcept {
    return tx_;
  }
  const receiver<Receives>& rx() const noexcept {
    return rx_;
  }

  /// False for a default-constructed or moved-from one.
  explicit operator bool() const noexcept {
    return static_cast<bool>(tx_);
  }

  // The usual operations, as documented at sender and receiver.
  auto send(Sends value, here line = here::current()) const {
    return tx_.send(std::move(value), line);
  }
  try_send_result<Sends> try_send(Sends value) const {
    return tx_.try_send(std::move(value));
  }
  send_result<Sends> blocking_send(Sends value) const {
    return tx_.blocking_send(std::move(value));
  }
  auto receive(here line = here::current()) const {
    return rx_.receive(line);
  }
  try_receive_result<Receives> try_receive() const {
    return rx_.try_receive();
  }
  receive_result<Receives> blocking_receive() const {
    return rx_.blocking_receive();
  }

  /// Ends the conversation from this side: what was sent is still received by
  /// the other one; this handle receives no more. True when sending was open.
  /// Throws channel_error(nil_channel) on nil.
  bool close() {
    const bool was_open = tx_.close();
    rx_.close();
    return was_open;
  }
  /// True when receives can only fail.
  bool is_closed() const noexcept {
    return rx_.is_closed();
  }

private:
  sender<Sends> tx_;
  receiver<Receives> rx_;
};

/// Both sides: `auto [client, service] = make_duplex<…>(…)`.
template <class Request, class Reply>
struct duplex {
  duplex_end<Request, Reply> client;
  duplex_end<Reply, Request> service;
};

struct duplex_options {
  /// The channels are called name + " requests" and name + " replies".
  std::string name = "duplex";
  /// Of each of them.
  channel_capacity capacity = 0;
};

namespace detail {

template <class Request, class Reply>
duplex<Request, Reply> make_duplex_in(engine& home,
                                      const duplex_options& options) {
  auto requests = make_channel_in<Request>(
    home, {.name = options.name + " requests", .capacity = options.capacity});
  auto replies = make_channel_in<Reply>(
    home, {.name = options.name + " replies", .capacity = options.capacity});
  return {{std::move(requests.tx), std::move(replies.rx)},
          {std::move(replies.tx), std::move(requests.rx)}};
}

} // namespace detail

/// Makes both channels in `home`; throws as make_channel does.
template <class Request, class Reply>
duplex<Request, Reply> make_duplex(const runtime& home,
                                   const duplex_options& options = {}) {
  return detail::make_duplex_in<Request, Reply>(home.engine(), options);
}

/// The same in the runtime of the task that calls it.
template <class Request, class Reply>
duplex<Request, Reply> make_duplex(const duplex_options& options = {}) {
  return detail::make_duplex_in<Request, Reply>(
    detail::require_current_engine("make_duplex"), options);
}

} // namespace levada
