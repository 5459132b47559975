// Throwing an error that says which channel it is about.
#pragma once

#include <string>
#include <typeinfo>

#include <levada/actors/channel_core.hpp>
#include <levada/runtime/error.hpp>

namespace levada::detail {

/// Throws the exception that belongs to `code`, about `where` (null: about no
/// channel); when that is closed, with its close record and cause.
[[noreturn]] LEVADA_API void fail_on(channel_core* where, errc code,
                                     const char* operation, endpoint end);

/// `channel 7 "numbers"`.
std::string title_of(const channel_core& channel);

/// A type's name as one writes it.
LEVADA_API std::string type_name(const std::type_info& type);

} // namespace levada::detail
