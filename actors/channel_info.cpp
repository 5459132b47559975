#include <levada/actors/channel_info.hpp>

#include <ctime>
#include <sstream>

namespace levada {

const char* to_string(close_reason reason) noexcept {
  switch (reason) {
    case close_reason::open:
      return "open";
    case close_reason::finished:
      return "finished (the last sender went)";
    case close_reason::closed:
      return "closed";
    case close_reason::failed:
      return "closed with a cause";
    case close_reason::no_receivers:
      return "no receivers (the last one went)";
    case close_reason::killed:
      return "killed";
    case close_reason::runtime_stopped:
      return "the runtime stopped";
    case close_reason::owner_gone:
      return "its owners are gone";
  }
  return "?";
}

const char* to_string(dead_letter_reason reason) noexcept {
  switch (reason) {
    case dead_letter_reason::overflow:
      return "overflow";
    case dead_letter_reason::no_receivers:
      return "no receivers";
    case dead_letter_reason::killed:
      return "killed";
    case dead_letter_reason::abandoned:
      return "abandoned";
    case dead_letter_reason::owner_gone:
      return "owner gone";
    case dead_letter_reason::nack_limit:
      return "nack limit";
  }
  return "?";
}

const char* to_string(channel_state state) noexcept {
  switch (state) {
    case channel_state::open:
      return "open";
    case channel_state::closing:
      return "closing";
    case channel_state::closed:
      return "closed";
  }
  return "?";
}

std::string to_string(const close_record& record) {
  std::string result = to_string(record.reason);
  if (!record)
    return result;
  if (!record.who.empty())
    result += " by " + record.who;
  if (record.cause != nullptr) {
    try {
      std::rethrow_exception(record.cause);
    } catch (const std::exception& known) {
      result += std::string{": "} + known.what();
    } catch (...) { // described; record.cause still carries it
      result += ": an exception that is no std::exception";
    }
  }
  if (record.undelivered != 0)
    result += ", " + std::to_string(record.undelivered) + " undelivered";
  return result;
}

std::string to_string(const channel_info& info) {
  std::ostringstream out;
  out << "channel " << info.id;
  if (!info.name.empty())
    out << " \"" << info.name << '"';
  out << ": " << to_string(info.state);
  if (info.closed)
    out << " (" << to_string(info.closed) << ')';
  out << ", " << info.size << '/';
  if (info.capacity == UINT32_MAX)
    out << "unbounded";
  else
    out << info.capacity;
  out << " buffered, ";
  if (info.stats.leased != 0)
    out << info.stats.leased << " leased, ";
  out << "waiting: " << info.waiting_senders << " to send, "
      << info.waiting_receivers
      << " to receive, handles: " << info.sender_handles << " senders, "
      << info.receiver_handles << " receivers";
  return out.str();
}

} // namespace levada
