#include "stages.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace dupes {

namespace {

/// Of what may be large: the rest is left for the other workers.
constexpr std::size_t few = 16;

} // namespace

levada::task<> hash_heads(levada::receiver<file> in,
                          levada::sender<hashed_file> out,
                          levada::sender<problem> problems, reader from) {
  std::vector<file> files;
  while (auto got = co_await in.receive_many(files, many / 4)) {
    auto heads = co_await levada::blocking(
      [&] { return from.hash_heads(std::exchange(files, {})); });
    auto told = co_await problems.send_many(std::move(heads.problems));
    auto sent = co_await out.send_many(std::move(heads.hashed));
    if (!told || !sent)
      co_return;
  }
}

levada::task<> hash_contents(levada::receiver<hashed_file> in,
                             levada::sender<hashed_file> out,
                             levada::sender<problem> problems, reader from) {
  std::vector<hashed_file> files;
  while (auto got = co_await in.receive_many(files, few)) {
    auto whole = co_await levada::blocking(
      [&] { return from.hash_contents(std::exchange(files, {})); });
    auto told = co_await problems.send_many(std::move(whole.problems));
    auto sent = co_await out.send_many(std::move(whole.hashed));
    if (!told || !sent)
      co_return;
  }
}

levada::task<> pair_up(levada::receiver<hashed_file> in,
                       levada::sender<twins> out, tally* counts) {
  std::map<std::pair<std::uint64_t, digest>, file> firsts;
  std::vector<hashed_file> files;
  while (auto got = co_await in.receive_many(files, many)) {
    std::vector<twins> pairs;
    for (auto& next : files) {
      const std::pair key{next.which.size, next.hash};
      const auto [known, is_first] = firsts.try_emplace(key);
      if (is_first) {
        known->second = std::move(next.which);
        continue;
      }
      counts->planned.add(2 * next.which.size);
      pairs.push_back({known->second, std::move(next.which)});
    }
    files.clear();
    auto sent = co_await out.send_many(std::move(pairs));
    if (!sent)
      co_return;
  }
}

levada::task<> confirm(levada::receiver<twins> in, levada::sender<twins> out,
                       levada::sender<problem> problems, reader from) {
  std::vector<twins> pairs;
  while (auto got = co_await in.receive_many(pairs, few)) {
    auto compared = co_await levada::blocking(
      [&] { return from.compare(std::exchange(pairs, {})); });
    auto told = co_await problems.send_many(std::move(compared.problems));
    auto sent = co_await out.send_many(std::move(compared.equal));
    if (!told || !sent)
      co_return;
  }
}

levada::task<std::vector<group>> collect(levada::receiver<twins> in) {
  std::unordered_map<std::string, group> groups; // by the path of the first
  while (auto pair = co_await in.receive()) {
    auto& paths = groups[pair->first.path].paths;
    if (paths.empty()) {
      groups[pair->first.path].size = pair->first.size;
      paths.push_back(pair->first.path);
    }
    paths.push_back(std::move(pair->later.path));
  }
  std::vector<group> result;
  for (auto& [first, each] : groups) {
    std::ranges::sort(each.paths);
    result.push_back(std::move(each));
  }
  std::ranges::sort(result, [](const group& a, const group& b) {
    return std::tie(b.size, a.paths.front())
           < std::tie(a.size, b.paths.front());
  });
  co_return result;
}

} // namespace dupes
