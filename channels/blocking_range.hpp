// `for (auto& v : rx.blocking())` on a thread.
#pragma once

#include <iterator>
#include <optional>
#include <utility>

#include <levada/channels/result.hpp>

namespace levada {

template <class T>
class receiver;

/// The values of a channel until it is closed and drained, as an input range.
/// Each value may be moved from. Single pass; one thread.
template <class T, class From = receiver<T>, class Result = receive_result<T>>
class blocking_range {
public:
  explicit blocking_range(From from) : from_(std::forward<From>(from)) {
  }

  class iterator {
  public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    iterator() noexcept = default;
    explicit iterator(blocking_range& range) : range_(&range) {
      ++*this;
    }

    T& operator*() const noexcept {
      return **range_->current_;
    }
    T* operator->() const noexcept {
      return &**range_->current_;
    }
    iterator& operator++() {
      range_->current_.emplace(range_->from_.blocking_receive());
      return *this;
    }
    void operator++(int) {
      ++*this;
    }
    friend bool operator==(const iterator& self,
                           std::default_sentinel_t) noexcept {
      return self.ended();
    }

  private:
    bool ended() const noexcept {
      return !*range_->current_;
    }

    blocking_range* range_ = nullptr;
  };

  /// Waits for the first value.
  iterator begin() {
    return iterator{*this};
  }
  std::default_sentinel_t end() const noexcept {
    return {};
  }

private:
  From from_;
  std::optional<Result> current_;
};

} // namespace levada
