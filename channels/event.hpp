// event: something that happens, as something to receive.
//
//   levada::event changed{rt, "changed"};
//   changed.set();                       // from anywhere
//   co_await changed.receive();          // waits for it, and resets it
//
// It is a channel of one place that set() fills; setting it again before it was
// received changes nothing. Copies are handles of the same event: one of those
// who receive has it. After stop() a signal that is there is still received, then
// receives say closed. Threads and cost: as receiver.
#pragma once

#include <string>
#include <utility>

#include <levada/channels/channel.hpp>

namespace levada {

class event : public receiver<unit> {
public:
  /// In the runtime of the task that makes it; throws channel_error(wrong_thread)
  /// when there is none.
  explicit event(std::string name = {})
      : event(make_channel<unit>(options(std::move(name)))) {
  }
  explicit event(runtime& home, std::string name = {})
      : event(make_channel<unit>(home, options(std::move(name)))) {
  }

  /// Lets one receiver go on, now or when it asks. False when it was set already
  /// or is stopped. Never waits.
  bool set() const {
    return static_cast<bool>(setter_.try_send(unit{}));
  }
  /// No more signals. False when it was stopped.
  bool stop() const {
    return setter_.close();
  }

  bool is_set() const noexcept {
    return this->size() != 0;
  }
  bool is_stopped() const noexcept {
    return setter_.is_closed();
  }

private:
  static channel_options<unit> options(std::string name) {
    return {.name = std::move(name), .capacity = 1};
  }
  explicit event(channel_ends<unit> both)
      : receiver<unit>(std::move(both.rx)),
        setter_(std::move(both.tx)) {
  }

  sender<unit> setter_;
};

} // namespace levada
