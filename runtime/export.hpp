#pragma once

/// @file
/// LEVADA_API marks what a shared liblevada exports; everything else in it is
/// hidden. CMake defines LEVADA_SHARED for the library and for its users (as
/// does levada.pc), LEVADA_BUILDING for the library alone. In a static library
/// the mark means nothing. It is a [[gnu::…]] attribute because it stands beside
/// [[nodiscard]], which __attribute__ may not before g++ 13.

#include <levada/runtime/requirements.hpp>

#if !defined(LEVADA_SHARED)
#  define LEVADA_API
#elif !defined(_WIN32)
#  define LEVADA_API [[gnu::visibility("default")]]
#elif defined(LEVADA_BUILDING)
#  define LEVADA_API __declspec(dllexport)
#else
#  define LEVADA_API __declspec(dllimport)
#endif
