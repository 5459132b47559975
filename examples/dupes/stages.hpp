// The stages between the walker and the result. Each is a task (or several of
// them) that takes from one channel and sends into the next; it ends when its
// input is closed and drained, and thereby closes its output.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "contents.hpp"
#include "file.hpp"

namespace dupes {

/// How many items a stage takes at a time. Sending and waking cost the same for
/// one item as for many, and a file is often read in less time than that.
inline constexpr std::size_t many = 256;

/// Passes on the items that share their key with another one, as soon as that
/// is known; an item that is alone stays. `cost(item)`: the bytes the next stage
/// will read for it.
template <class Item, class KeyOf, class Cost>
levada::task<> keep_shared(levada::receiver<Item> in, levada::sender<Item> out,
                           KeyOf key_of, Cost cost, tally* counts) {
  // Engaged: the only one with this key so far.
  std::map<decltype(key_of(std::declval<Item&>())), std::optional<Item>> alone;
  std::vector<Item> items;
  while (auto got = co_await in.receive_many(items, many)) {
    std::vector<Item> shared;
    for (auto& next : items) {
      auto [place, is_first] = alone.try_emplace(key_of(next));
      if (is_first) {
        place->second = std::move(next);
        continue;
      }
      if (auto first = std::exchange(place->second, std::nullopt)) {
        counts->planned.add(cost(*first));
        shared.push_back(*std::move(first));
      }
      counts->planned.add(cost(next));
      shared.push_back(std::move(next));
    }
    items.clear();
    auto sent = co_await out.send_many(std::move(shared));
    if (!sent)
      co_return;
  }
}

/// A worker: hashes the beginnings of files.
levada::task<> hash_heads(levada::receiver<file> in,
                          levada::sender<hashed_file> out,
                          levada::sender<problem> problems, reader from);

/// A worker: hashes whole files, where the beginning was not the whole.
levada::task<> hash_contents(levada::receiver<hashed_file> in,
                             levada::sender<hashed_file> out,
                             levada::sender<problem> problems, reader from);

/// Pairs every file with the first one of the same digest.
levada::task<> pair_up(levada::receiver<hashed_file> in,
                       levada::sender<twins> out, tally* counts);

/// A worker: passes on the pairs that are equal, byte by byte.
levada::task<> confirm(levada::receiver<twins> in, levada::sender<twins> out,
                       levada::sender<problem> problems, reader from);

/// The last stage: makes groups of the pairs. The largest files first, then in
/// the order of the first path; the paths of a group are sorted.
levada::task<std::vector<group>> collect(levada::receiver<twins> in);

} // namespace dupes
