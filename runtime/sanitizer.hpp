// Which sanitizer this is compiled for: each compiler has its own way to say so.
// For .cpp files of the library only: a program and the library may differ.
#pragma once

#if defined(__SANITIZE_THREAD__)
#  define LEVADA_THREAD_SANITIZER
#elif defined(__SANITIZE_ADDRESS__)
#  define LEVADA_ADDRESS_SANITIZER
#elif defined(__has_feature)
#  if __has_feature(thread_sanitizer)
#    define LEVADA_THREAD_SANITIZER
#  elif __has_feature(address_sanitizer)
#    define LEVADA_ADDRESS_SANITIZER
#  endif
#endif
