// What a grouping_latest_value_cache keeps.
//
// How it works: under the lock, entries are found by the number that hashing a
// key has given; keys are compared, and entries made, copied and destroyed,
// outside. What somebody else has changed meanwhile is seen by the entry's
// address, and done again. Only the feeding task adds keys.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <vector>

#include <levada/channels/rounds/feeding.hpp>

namespace levada::detail {

template <class K, class T>
struct grouped_entry {
  template <class V>
  grouped_entry(K k, V&& v) : key(std::move(k)),
                              value(std::forward<V>(v)) {
  }
  K key;
  T value;
};

template <class K, class T, class KeyOf>
class group_keeper final : public feeding {
public:
  using entry = grouped_entry<K, T>;
  using entry_ptr = std::shared_ptr<const entry>;

  explicit group_keeper(KeyOf key_of) : key_of_(std::move(key_of)) {
  }

  std::shared_ptr<T> keep(T&& item) {
    K key(std::invoke(key_of_, std::as_const(item)));
    const auto hash = std::hash<K>{}(key);
    auto made = std::make_shared<entry>(std::move(key), std::move(item));
    const entry_ptr old = find(hash, made->key);
    entry_ptr next = made;
    const std::lock_guard guard{mutex_};
    if (over_) // (shares the entry's memory)
      return {made, &made->value};
    if (auto* place = locate(hash, old.get()))
      place->swap(next);
    else
      add(hash, std::move(next));
    return nullptr;
  }

  entry_ptr find(std::size_t hash, const K& key) const {
    std::vector<entry_ptr> alike; // mostly one
    {
      const std::lock_guard guard{mutex_};
      const auto [first, last] = by_hash_.equal_range(hash);
      for (auto each = first; each != last; ++each)
        alike.push_back(in_order_.at(each->second).held);
    }
    for (auto& each : alike)
      if (each->key == key)
        return std::move(each);
    return nullptr;
  }
  entry_ptr find(const K& key) const {
    return find(std::hash<K>{}(key), key);
  }
  entry_ptr last() const {
    const std::lock_guard guard{mutex_};
    return in_order_.empty() ? nullptr : in_order_.rbegin()->second.held;
  }
  std::vector<entry_ptr> all() const {
    std::vector<entry_ptr> result;
    const std::lock_guard guard{mutex_};
    result.reserve(in_order_.size());
    for (const auto& [number, each] : in_order_)
      result.push_back(each.held);
    return result;
  }
  std::size_t size() const noexcept {
    const std::lock_guard guard{mutex_};
    return in_order_.size();
  }

  /// False when the entry is not there any more.
  bool remove(const entry_ptr& which) {
    const auto hash = std::hash<K>{}(which->key);
    const std::lock_guard guard{mutex_};
    const auto [first, last] = by_hash_.equal_range(hash);
    const auto found = std::find_if(first, last, [&](const auto& each) {
      return in_order_.at(each.second).held == which;
    });
    if (found == last)
      return false;
    in_order_.erase(found->second); // `which` keeps the entry
    by_hash_.erase(found);
    return true;
  }
  void clear() {
    decltype(in_order_) gone;
    const std::lock_guard guard{mutex_};
    gone.swap(in_order_);
    by_hash_.clear();
  }

private:
  struct place {
    entry_ptr held;
  };
  struct as_it_is {
    std::size_t operator()(std::size_t hash) const noexcept {
      return hash;
    }
  };

  entry_ptr* locate(std::size_t hash, const entry* which) noexcept {
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto each = first; each != last; ++each)
      if (auto& held = in_order_.at(each->second).held; held.get() == which)
        return &held;
    return nullptr;
  }
  void add(std::size_t hash, entry_ptr next) {
    const auto where = in_order_.emplace_hint(in_order_.end(), next_number_,
                                              place{std::move(next)});
    try {
      by_hash_.emplace(hash, next_number_);
    } catch (...) { // no memory: as if it had never come
      in_order_.erase(where);
      throw;
    }
    ++next_number_;
  }

  KeyOf key_of_;
  // Guarded by the mutex:
  std::map<std::uint64_t, place> in_order_;
  std::unordered_multimap<std::size_t, std::uint64_t, as_it_is> by_hash_;
  std::uint64_t next_number_ = 0;
};

} // namespace levada::detail
