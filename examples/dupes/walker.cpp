#include "walker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace dupes {

namespace {

using inode = std::pair<dev_t, ino_t>;

struct entry {
  file which;
  inode id;
};

struct listing {
  inode id;
  std::vector<entry> files;
  std::vector<std::string> folders;
  std::vector<problem> problems;
};

struct closer {
  void operator()(DIR* folder) const noexcept {
    closedir(folder);
  }
};

std::string in_folder(const std::string& folder, const char* name) {
  return folder.ends_with('/') ? folder + name : folder + '/' + name;
}

void add(listing& to, std::string path, const struct stat& facts) {
  // Devices, pipes, sockets and symbolic links have no contents to compare.
  if (S_ISDIR(facts.st_mode))
    to.folders.push_back(std::move(path));
  else if (S_ISREG(facts.st_mode))
    to.files.push_back(
      {{std::move(path), static_cast<std::uint64_t>(facts.st_size)},
       {facts.st_dev, facts.st_ino}});
}

void read_entries(DIR* folder, const std::string& path, listing& to) {
  for (;;) {
    errno = 0;
    const auto* next = readdir(folder);
    if (next == nullptr) {
      if (errno != 0)
        to.problems.push_back({path, std::strerror(errno)});
      return;
    }
    const auto* name = next->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0)
      continue;
    struct stat facts{};
    if (fstatat(dirfd(folder), name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
      add(to, in_folder(path, name), facts);
    else
      to.problems.push_back({in_folder(path, name), std::strerror(errno)});
  }
}

listing list(const std::string& path) {
  listing result;
  const std::unique_ptr<DIR, closer> folder{opendir(path.c_str())};
  struct stat facts{};
  if (folder == nullptr || fstat(dirfd(folder.get()), &facts) != 0) {
    result.problems.push_back({path, std::strerror(errno)});
    return result;
  }
  result.id = {facts.st_dev, facts.st_ino};
  read_entries(folder.get(), path, result);
  std::ranges::sort(result.files, {},
                    [](const entry& each) { return each.which.path; });
  // The last one is visited first.
  std::ranges::sort(result.folders, std::greater{});
  return result;
}

} // namespace

levada::task<> walk(std::vector<std::string> roots, std::uint64_t min_size,
                    levada::sender<file> out, levada::sender<problem> problems,
                    tally* counts) {
  std::set<inode> seen;
  std::vector<std::string> pending(roots.rbegin(), roots.rend());
  while (!pending.empty() && !out.is_closed()) {
    const auto path = std::move(pending.back());
    pending.pop_back();
    auto found = co_await levada::blocking([&path] { return list(path); });
    for (auto& each : found.problems) {
      auto told = co_await problems.send(std::move(each));
      if (!told)
        co_return;
    }
    if (!seen.insert(found.id).second)
      continue;
    for (auto& each : found.files) {
      if (each.which.size < std::max<std::uint64_t>(min_size, 1)
          || !seen.insert(each.id).second)
        continue;
      counts->files.add(1);
      counts->bytes.add(each.which.size);
      auto sent = co_await out.send(std::move(each.which));
      if (!sent)
        co_return; // interrupted
    }
    std::ranges::move(found.folders, std::back_inserter(pending));
  }
}

} // namespace dupes
