#include "stages.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

namespace dupes {

levada::task<> hash_heads(levada::receiver<file> in,
                          levada::sender<hashed_file> out,
                          levada::sender<problem> problems, reader from) {
  // A beginning is read faster than a thread is woken: hence many at a time.
  constexpr std::size_t most = 64;
  std::vector<file> files;
  while (auto got = co_await in.receive_many(files, most)) {
    auto heads = co_await levada::blocking(
      [&] { return from.hash_heads(std::exchange(files, {})); });
    auto told = co_await problems.send_many(std::move(heads.problems));
    if (!told)
      co_return;
    auto sent = co_await out.send_many(std::move(heads.hashed));
    if (!sent)
      co_return;
  }
}

levada::task<> hash_contents(levada::receiver<hashed_file> in,
                             levada::sender<hashed_file> out,
                             levada::sender<problem> problems, reader from) {
  while (auto next = co_await in.receive()) {
    if (next->which.size > head_size) {
      auto all
        = co_await levada::blocking([&] { return from.hash(next->which); });
      if (all.trouble) {
        auto told = co_await problems.send(*std::move(all.trouble));
        if (!told)
          co_return;
      }
      if (!all.value)
        continue;
      next->hash = *all.value;
    }
    auto sent = co_await out.send(*std::move(next));
    if (!sent)
      co_return;
  }
}

levada::task<> pair_up(levada::receiver<hashed_file> in,
                       levada::sender<twins> out, tally* counts) {
  std::map<std::pair<std::uint64_t, digest>, file> firsts;
  while (auto next = co_await in.receive()) {
    const std::pair key{next->which.size, next->hash};
    const auto known = firsts.find(key);
    if (known == firsts.end()) {
      firsts.emplace(key, std::move(next->which));
      continue;
    }
    counts->planned.add(2 * next->which.size);
    twins pair{known->second, std::move(next->which)};
    auto sent = co_await out.send(std::move(pair));
    if (!sent)
      co_return;
  }
}

levada::task<> confirm(levada::receiver<twins> in, levada::sender<twins> out,
                       levada::sender<problem> problems, reader from) {
  while (auto next = co_await in.receive()) {
    auto same = co_await levada::blocking(
      [&] { return from.equal(next->first, next->later); });
    if (same.trouble) {
      auto told = co_await problems.send(*std::move(same.trouble));
      if (!told)
        co_return;
    }
    if (!same.value.value_or(false))
      continue;
    auto sent = co_await out.send(*std::move(next));
    if (!sent)
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
