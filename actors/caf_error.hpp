// levada's error codes as CAF errors: what channels and task actors answer.
//
//   if (error == levada::errc::closed) …      // of a caf::error
//
// The category is the atom "levada"; the context, if any, is one string that
// says which channel, and why. to_text() says it all in one line; to teach it to
// actor_system::render(), configure the system with
//   config.add_error_category(levada::error_category, levada::render_error);
#pragma once

#include <cstdint>
#include <string>

#include <caf/atom.hpp>
#include <caf/error.hpp>

#include <levada/runtime/error.hpp>

namespace levada {

inline constexpr caf::atom_value error_category = caf::atom("levada");

/// (CAF finds it by the type of its argument, and makes errors of codes by it.)
LEVADA_API caf::error make_error(errc code);
LEVADA_API caf::error make_error(errc code, const std::string& context);

/// The renderer of the category.
LEVADA_API std::string render_error(std::uint8_t code, caf::atom_value,
                                    const caf::message& context);

/// One line for people about any error, which needs no actor system: category
/// and code, and the context if that is a string.
LEVADA_API std::string to_text(const caf::error& error);

/// The same as a standard code: levada's own as errc, CAF's system errors in a
/// category "caf", all others as errc::dropped. A time-out is errc::timed_out, a
/// receiver that is down errc::closed.
LEVADA_API std::error_code to_error_code(const caf::error& error);

} // namespace levada
