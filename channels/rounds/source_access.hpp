// What the combinators and select know of an any_receiver before it is defined.
#pragma once

#include <memory>

#include <levada/channels/rounds/source.hpp>

namespace levada {

template <class T>
class any_receiver;

namespace detail {

template <class T>
void as_any_receiver(const any_receiver<T>&);
template <class R>
concept is_any_receiver = requires(const R& one) { as_any_receiver(one); };

/// Lets the combinators take a receiver apart and make another one.
struct source_access {
  template <class T>
  static std::unique_ptr<source<T>> take(any_receiver<T> from) {
    static_cast<void>(from.made_source());
    return std::move(from.source_);
  }
  template <class T>
  static any_receiver<T> make(std::unique_ptr<source<T>> from) noexcept {
    return any_receiver<T>{std::move(from)};
  }
  template <class T>
  static source<T>& get(const any_receiver<T>& from) {
    return from.made_source();
  }
};

} // namespace detail
} // namespace levada
