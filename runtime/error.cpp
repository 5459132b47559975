#include <levada/runtime/error.hpp>

namespace levada {

namespace {

class levada_category final : public std::error_category {
public:
  const char* name() const noexcept override {
    return "levada";
  }

  std::string message(int code) const override {
    switch (static_cast<errc>(code)) {
      case errc::closed:
        return "the channel is closed";
      case errc::empty:
        return "nothing to receive right now";
      case errc::full:
        return "the channel is full";
      case errc::timed_out:
        return "the time given passed first";
      case errc::cancelled:
        return "the wait was cancelled";
      case errc::not_empty:
        return "the channel still holds items: receive them or close by force";
      case errc::not_found:
        return "no channel of that id in this runtime";
      case errc::invalid_argument:
        return "invalid argument";
      case errc::nil_channel:
        return "the handle stands for no channel (default-constructed or "
               "moved from)";
      case errc::not_ready:
        return "consume() needs a true ready() first, and nobody else taking "
               "the value in between";
      case errc::runtime_stopped:
        return "the runtime is stopping";
      case errc::wrong_thread:
        return "a blocking call inside a task or on a worker: co_await the "
               "operation instead";
      case errc::type_mismatch:
        return "the channel carries items of another type";
      case errc::owner_gone:
        return "the item's owner is gone";
      case errc::owner_released:
        return "the owner is gone, or has released this end of the channel";
      case errc::sender_closed:
        return "this sender has been used up, moved from or detached: send "
               "through another one";
      case errc::dropped:
        return "the item was dropped before anybody received it";
      case errc::too_many_restarts:
        return "a supervised child ended too often";
    }
    return "unknown levada error " + std::to_string(code);
  }

  std::error_condition
  default_error_condition(int code) const noexcept override {
    switch (static_cast<errc>(code)) {
      case errc::timed_out:
        return std::errc::timed_out;
      case errc::cancelled:
      case errc::runtime_stopped:
        return std::errc::operation_canceled;
      case errc::invalid_argument:
        return std::errc::invalid_argument;
      default:
        return {code, *this};
    }
  }
};

} // namespace

const std::error_category& category() noexcept {
  static const levada_category instance;
  return instance;
}

std::string to_string(errc code) {
  return category().message(static_cast<int>(code));
}

channel_error::channel_error(std::error_code code, const std::string& what,
                             error_origin from)
    : std::system_error(code, what) {
  if (from.channel != 0 || from.end != endpoint::none || from.cause != nullptr)
    origin_ = std::make_shared<const error_origin>(std::move(from));
}

unhandled_selected::unhandled_selected(std::size_t index)
    : unhandled_selected(
        index, index == static_cast<std::size_t>(-1)
                 ? "the select was cancelled, and nothing handles that"
                 : "case " + std::to_string(index)
                     + " of the select happened, and nothing handles it") {
}

unhandled_selected::unhandled_selected(std::size_t index,
                                       const std::string& what)
    : channel_error(make_error_code(errc::invalid_argument), what),
      index_(index) {
}

void throw_error(std::error_code code, const std::string& what,
                 error_origin from) {
  if (code.category() == category()) {
    switch (static_cast<errc>(code.value())) {
      case errc::closed:
        if (from.end == endpoint::sender)
          throw sender_closed(what, std::move(from));
        if (from.end == endpoint::receiver)
          throw receiver_closed(what, std::move(from));
        throw channel_closed(what, std::move(from));
      case errc::empty:
        throw channel_empty(what, std::move(from));
      case errc::not_empty:
        throw channel_not_empty(what, std::move(from));
      case errc::not_found:
        throw channel_not_found(what, std::move(from));
      case errc::owner_gone:
        throw item_owner_gone(what);
      case errc::timed_out:
        throw operation_timed_out(what, std::move(from));
      case errc::cancelled:
      case errc::runtime_stopped:
        throw operation_cancelled(static_cast<errc>(code.value()), what,
                                  std::move(from));
      default:
        break;
    }
  }
  throw channel_error(code, what, std::move(from));
}

} // namespace levada
