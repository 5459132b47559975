#include "contents.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace dupes {

namespace {

constexpr std::size_t block_size = std::size_t{256} * 1024;

struct interruption {};

class unreadable : public std::runtime_error {
public:
  unreadable(std::string path, const std::string& reason)
      : std::runtime_error(reason),
        path(std::move(path)) {
  }
  const std::string path;
};

/// A file that is open and as large as it was when it was found.
class open_file {
public:
  explicit open_file(const file& which)
      : path_(which.path),
        // Not blocking: it may have become a pipe in the meantime.
        descriptor_(
          open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {
    if (descriptor_ < 0)
      fail();
    struct stat facts{};
    if (fstat(descriptor_, &facts) == 0 && S_ISREG(facts.st_mode)
        && static_cast<std::uint64_t>(facts.st_size) == which.size)
      return;
    close(descriptor_);
    fail_changed();
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;
  ~open_file() {
    close(descriptor_);
  }

  /// Fills `into`.
  void read(std::span<std::byte> into) {
    while (!into.empty()) {
      const auto got = ::read(descriptor_, into.data(), into.size());
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        fail();
      if (got == 0)
        fail_changed();
      into = into.subspan(static_cast<std::size_t>(got));
    }
  }

private:
  [[noreturn]] void fail() const {
    throw unreadable{path_, std::strerror(errno)};
  }
  [[noreturn]] void fail_changed() const {
    throw unreadable{path_, "it changes while it is being looked at"};
  }

  const std::string& path_;
  int descriptor_;
};

/// Calls `use(size)` for one block after the other of `size` bytes.
template <class Use>
void each_block(std::uint64_t size, const std::stop_token& stop, Use&& use) {
  while (size != 0) {
    if (stop.stop_requested())
      throw interruption{};
    const auto block = std::min<std::uint64_t>(size, block_size);
    use(static_cast<std::size_t>(block));
    size -= block;
  }
}

/// Calls `look(item)` for each, which reads; whom that fails for is left out and
/// told. An interruption leaves out the rest.
template <class Item, class Look>
void for_each_readable(std::vector<Item>& items, std::vector<problem>& problems,
                       Look&& look) {
  for (auto& each : items) {
    try {
      look(each);
    } catch (const interruption&) {
      return;
    } catch (const unreadable& error) {
      problems.push_back({error.path, error.what()});
    }
  }
}

/// One per blocking thread, and kept: most files are smaller than the buffer.
std::span<std::byte> buffer(std::size_t size, int which = 0) {
  thread_local std::vector<std::byte> memory[2];
  memory[which].resize(std::max(memory[which].size(), size));
  return {memory[which].data(), size};
}

struct free_state {
  void operator()(XXH3_state_t* state) const noexcept {
    XXH3_freeState(state);
  }
};

} // namespace

digest reader::hash_up_to(const file& which, std::uint64_t size) const {
  open_file from{which};
  const std::unique_ptr<XXH3_state_t, free_state> state{XXH3_createState()};
  XXH3_128bits_reset(state.get());
  each_block(size, stop_, [&](std::size_t block) {
    const auto bytes = buffer(block);
    from.read(bytes);
    XXH3_128bits_update(state.get(), bytes.data(), bytes.size());
    counts_->read.add(block);
  });
  const auto result = XXH3_128bits_digest(state.get());
  return {result.high64, result.low64};
}

bool reader::equal(const file& a, const file& b) const {
  open_file first{a};
  open_file second{b};
  bool same = true;
  each_block(b.size, stop_, [&](std::size_t block) {
    if (!same)
      return;
    const auto left = buffer(block, 0);
    const auto right = buffer(block, 1);
    first.read(left);
    second.read(right);
    same = std::memcmp(left.data(), right.data(), block) == 0;
    counts_->read.add(2 * block);
  });
  return same;
}

hashed_files reader::hash_heads(std::vector<file> files) const {
  hashed_files result;
  for_each_readable(files, result.problems, [&](file& each) {
    const auto head = hash_up_to(each, std::min(each.size, head_size));
    result.hashed.push_back({std::move(each), head});
  });
  return result;
}

hashed_files reader::hash_contents(std::vector<hashed_file> files) const {
  hashed_files result;
  for_each_readable(files, result.problems, [&](hashed_file& each) {
    if (each.which.size > head_size)
      each.hash = hash_up_to(each.which, each.which.size);
    result.hashed.push_back(std::move(each));
  });
  return result;
}

compared_twins reader::compare(std::vector<twins> pairs) const {
  compared_twins result;
  for_each_readable(pairs, result.problems, [&](twins& each) {
    if (equal(each.first, each.later))
      result.equal.push_back(std::move(each));
  });
  return result;
}

} // namespace dupes
