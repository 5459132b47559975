// grouping_latest_value_cache: the newest thing that was received for each key.
//
//   auto id_of = [](const reading& one) { return one.sensor; };
//   levada::grouping_latest_value_cache newest{rt, std::move(rx), id_of};
//   if (auto one = newest.get(7))
//     show(*one);
//
// As latest_value_cache (see there for closing, threads and errors), for keys
// that can be hashed and compared. Keys are in the order in which they first
// came; a newer value does not move its key.
//
// What gives several of them (keys(), items(), ==) looks at one instant and gives
// a copy: a view that changes while another thread looks at it would be of no
// use.
#pragma once

#include <algorithm>
#include <functional>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include <levada/channels/rounds/group_keeper.hpp>

namespace levada {
namespace detail {

template <receivable R, class KeyOf>
using group_key
  = std::decay_t<std::invoke_result_t<KeyOf&, const received_type<R>&>>;

} // namespace detail

template <class K, class T, class KeyOf = std::function<K(const T&)>>
class grouping_latest_value_cache {
  using keeper_type = detail::group_keeper<K, T, KeyOf>;
  using here = std::source_location;

public:
  using key_type = K;
  using mapped_type = T;

  /// `key_of(item)` is the item's key; it runs in the cache's task. Otherwise as
  /// latest_value_cache.
  template <receivable R>
  grouping_latest_value_cache(R from, KeyOf key_of,
                              std::string name = "grouping latest value cache",
                              here at = here::current())
      : grouping_latest_value_cache(nullptr, any_receiver<T>{std::move(from)},
                                    std::move(key_of), std::move(name), at) {
  }
  template <receivable R>
  grouping_latest_value_cache(const runtime& home, R from, KeyOf key_of,
                              std::string name = "grouping latest value cache",
                              here at = here::current())
      : grouping_latest_value_cache(&home, any_receiver<T>{std::move(from)},
                                    std::move(key_of), std::move(name), at) {
  }
  grouping_latest_value_cache(grouping_latest_value_cache&&) noexcept = default;
  grouping_latest_value_cache&
  operator=(grouping_latest_value_cache&& other) noexcept {
    auto old = std::exchange(keeper_, std::move(other.keeper_));
    if (old && old != keeper_)
      old->stop();
    return *this;
  }
  ~grouping_latest_value_cache() {
    if (keeper_)
      keeper_->stop();
  }

  // -- looking: all of them throw what ended the receiving, if anything did -----

  /// A copy of the newest value of that key, or errc::empty.
  try_receive_result<T> get(const K& key) const {
    return copy_of(checked().find(key));
  }
  /// The value itself, which stays as it is; or null.
  std::shared_ptr<const T> view(const K& key) const {
    auto found = checked().find(key);
    return found ? std::shared_ptr<const T>{found, &found->value} : nullptr;
  }
  bool contains(const K& key) const {
    return checked().find(key) != nullptr;
  }
  std::size_t size() const {
    return checked().size();
  }
  bool empty() const {
    return size() == 0;
  }

  std::vector<K> keys() const {
    return copies<K>([](const auto& each) { return each.key; });
  }
  std::vector<T> values() const {
    return copies<T>([](const auto& each) { return each.value; });
  }
  std::vector<std::pair<K, T>> items() const {
    return copies<std::pair<K, T>>(
      [](const auto& each) { return std::pair<K, T>{each.key, each.value}; });
  }

  /// The same keys with equal values, in any order; also compared with a map.
  friend bool operator==(const grouping_latest_value_cache& a,
                         const grouping_latest_value_cache& b) {
    return a == b.as_map();
  }
  template <class Map>
    requires std::is_same_v<typename Map::mapped_type, T>
  friend bool operator==(const grouping_latest_value_cache& self,
                         const Map& map) {
    const auto all = self.checked().all();
    return all.size() == map.size()
           && std::all_of(all.begin(), all.end(), [&map](const auto& each) {
                const auto found = map.find(each->key);
                return found != map.end() && found->second == each->value;
              });
  }

  // -- removing: a key that comes again is there again -------------------------

  /// Takes the value of that key out, or errc::empty.
  try_receive_result<T> pop(const K& key) {
    for (;;) {
      const auto found = checked().find(key);
      auto result = copy_of(found);
      if (!found || keeper_->remove(found))
        return result;
    }
  }
  /// Takes the key that came last out, with its value, or errc::empty.
  try_receive_result<std::pair<K, T>> pop_last() {
    using result_type = try_receive_result<std::pair<K, T>>;
    for (;;) {
      const auto found = checked().last();
      if (!found)
        return result_type{errc::empty};
      result_type result{std::in_place, found->key, found->value};
      if (keeper_->remove(found))
        return result;
    }
  }
  /// False when there is no such key.
  bool erase(const K& key) {
    for (;;) {
      const auto found = checked().find(key);
      if (!found || keeper_->remove(found))
        return found != nullptr;
    }
  }
  void clear() {
    checked().clear();
  }

  // -- as latest_value_cache ---------------------------------------------------

  bool stop() {
    return keeper().stop();
  }
  bool is_running() const {
    return !keeper().is_over();
  }
  std::exception_ptr error() const {
    return keeper().error();
  }

private:
  grouping_latest_value_cache(const runtime* home, any_receiver<T> from,
                              KeyOf key_of, std::string name, here at)
      : keeper_(std::make_shared<keeper_type>(std::move(key_of))) {
    detail::start_feeding(home, keeper_, std::move(from), std::move(name), at);
  }

  keeper_type& keeper() const {
    if (!keeper_)
      throw_error(make_error_code(errc::nil_channel),
                  "grouping_latest_value_cache: this one was moved from");
    return *keeper_;
  }
  keeper_type& checked() const {
    keeper().check();
    return *keeper_;
  }
  static try_receive_result<T>
  copy_of(const typename keeper_type::entry_ptr& found) {
    if (!found)
      return try_receive_result<T>{errc::empty};
    return try_receive_result<T>{std::in_place, found->value};
  }
  template <class Result, class F>
  std::vector<Result> copies(F copy) const {
    const auto all = checked().all();
    std::vector<Result> result;
    result.reserve(all.size());
    for (const auto& each : all)
      result.push_back(copy(*each));
    return result;
  }
  std::unordered_map<K, T> as_map() const {
    const auto all = items();
    return {all.begin(), all.end()};
  }

  std::shared_ptr<keeper_type> keeper_;
};

template <receivable R, class KeyOf>
grouping_latest_value_cache(R, KeyOf)
  -> grouping_latest_value_cache<detail::group_key<R, KeyOf>, received_type<R>,
                                 KeyOf>;
template <receivable R, class KeyOf>
grouping_latest_value_cache(const runtime&, R, KeyOf)
  -> grouping_latest_value_cache<detail::group_key<R, KeyOf>, received_type<R>,
                                 KeyOf>;

} // namespace levada
