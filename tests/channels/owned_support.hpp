// What the tests of owned channels share.
#pragma once

#include <functional>

#include "support.hpp"

#include <levada/channels/owned.hpp>

namespace levada_tests {

using levada::channel_end;
using levada::close_reason;
using levada::dead_letter_reason;
using levada::end_use;
using levada::make_owned_channel;
using levada::owned_receiver;
using levada::owned_sender;
using levada::owner;
using levada::owner_gone;
using levada::unread_items;

/// One received item as a word: its number, "unbound", "gone", or the error.
template <class Result>
std::string word(const Result& got) {
  if (got.has_value())
    return std::to_string(*got);
  if (got.is_unbound())
    return "unbound";
  if (got.is_owner_gone())
    return "gone";
  return got.error().message();
}

/// All that can be received now, in words.
inline std::vector<std::string> words(const owned_receiver<int>& rx) {
  std::vector<std::string> result;
  while (true) {
    auto got = rx.try_receive();
    if (!got)
      return result;
    result.push_back(word(got));
  }
}

using list = std::vector<std::string>;

/// The code of the channel_error that `call` throws, or none.
inline errc thrown(const std::function<void()>& call) {
  try {
    call();
  } catch (const levada::channel_error& error) {
    return static_cast<errc>(error.code().value());
  }
  return errc{};
}

/// The ids of the owners that use an end.
template <class Handle>
std::vector<std::uint64_t> users(const Handle& handle, channel_end end) {
  std::vector<std::uint64_t> result;
  for (const auto& each : handle.owners(end))
    result.push_back(each.owner);
  return result;
}

} // namespace levada_tests
