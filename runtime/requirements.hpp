#pragma once

/// @file
/// What the compiler must be told for levada to work; here, below everything, so
/// that its absence is the first thing a user reads and not a page of templates.

// clang-format off

// A channel knows its items by std::type_info, as CAF knows its messages.
#if !defined(__cpp_rtti)
#  error "levada needs RTTI, and so does CAF: compile this file without -fno-rtti; code that must do without it talks to levada through a header of its own (docs/embedding.md)"
#endif

// A task keeps what it threw for whoever joins it; built without exceptions it
// could neither catch nor rethrow, silently.
#if !defined(__cpp_exceptions)
#  error "levada needs exceptions, and so does CAF: compile this file without -fno-exceptions; code that must do without them talks to levada through a header of its own (docs/embedding.md)"
#endif
