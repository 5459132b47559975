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

/// What the directory itself says about it spares asking the file.
bool is_neither_file_nor_folder(const dirent& which) {
  return which.d_type != DT_REG && which.d_type != DT_DIR
         && which.d_type != DT_UNKNOWN;
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
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0
        || is_neither_file_nor_folder(*next))
      continue;
    if (next->d_type == DT_DIR) {
      to.folders.push_back(in_folder(path, name));
      continue;
    }
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

/// Goes through the folders on a thread of its own: it waits for the disk all
/// the time. What it finds it sends many at a time; that wakes fewer tasks.
class walker {
public:
  walker(std::vector<std::string> roots, std::uint64_t min_size,
         levada::sender<file> out, levada::sender<problem> problems,
         tally* counts)
      : pending_(roots.rbegin(), roots.rend()),
        min_size_(std::max<std::uint64_t>(min_size, 1)),
        out_(std::move(out)),
        problems_(std::move(problems)),
        counts_(counts) {
  }

  void run() {
    while (!pending_.empty() && !out_.is_closed()) {
      const auto path = std::move(pending_.back());
      pending_.pop_back();
      auto found = list(path);
      if (!problems_.blocking_send_many(std::move(found.problems)))
        return;
      if (!seen_.insert(found.id).second)
        continue;
      take(found.files);
      std::ranges::move(found.folders, std::back_inserter(pending_));
      if (files_.size() >= many && !send())
        return; // interrupted
    }
    send();
  }

private:
  static constexpr std::size_t many = 256;

  void take(std::vector<entry>& found) {
    for (auto& each : found) {
      if (each.which.size < min_size_ || !seen_.insert(each.id).second)
        continue;
      counts_->files.add(1);
      counts_->bytes.add(each.which.size);
      files_.push_back(std::move(each.which));
    }
  }

  bool send() {
    return bool{out_.blocking_send_many(std::exchange(files_, {}))};
  }

  std::vector<std::string> pending_; ///< folders; the last one is next
  std::set<inode> seen_;
  std::vector<file> files_; ///< found, and not sent yet
  std::uint64_t min_size_;
  levada::sender<file> out_;
  levada::sender<problem> problems_;
  tally* counts_;
};

} // namespace

levada::task<> walk(std::vector<std::string> roots, std::uint64_t min_size,
                    levada::sender<file> out, levada::sender<problem> problems,
                    tally* counts) {
  walker here{std::move(roots), min_size, std::move(out), std::move(problems),
              counts};
  co_await levada::blocking([&here] { here.run(); });
}

} // namespace dupes
