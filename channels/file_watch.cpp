#include <levada/channels/file_watch.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <poll.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace levada::detail {

namespace fs = std::filesystem;

namespace {

/// What comes into a folder, and goes.
constexpr std::uint32_t coming_and_going
  = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;
/// Of the folders in scope, and of those with a target that is a file.
constexpr std::uint32_t entry_events = coming_and_going | IN_MODIFY | IN_ATTRIB;
/// Of a folder itself.
constexpr std::uint32_t own_events = IN_MOVE_SELF | IN_DELETE_SELF;

/// The kernel has no more watches, or instances, to give.
struct out_of_watches {
  int error;
};

[[noreturn]] void refuse(const std::string& why) {
  throw_error(make_error_code(errc::invalid_argument), "file_watcher: " + why);
}

[[noreturn]] void fail(int error, const std::string& what) {
  throw_error(std::error_code{error, std::generic_category()},
              "file_watcher: " + what);
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder == "/" ? folder + name : folder + '/' + name;
}

/// True when `path` lies in `folder`, at any depth.
bool is_below(const std::string& path, const std::string& folder) noexcept {
  if (folder == "/")
    return path.size() > 1;
  return path.size() > folder.size() && path.starts_with(folder)
         && path[folder.size()] == '/';
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The keys of `map` that lie below `folder`.
template <class Map>
auto below(Map& map, const std::string& folder) {
  // ('0' follows '/')
  return folder == "/" ? std::pair{map.upper_bound("/"), map.end()}
                       : std::pair{map.lower_bound(folder + '/'),
                                   map.lower_bound(folder + '0')};
}

bool exists(const std::string& path) noexcept {
  struct stat found;
  return lstat(path.c_str(), &found) == 0;
}

bool is_link(const std::string& path) noexcept {
  struct stat found;
  return lstat(path.c_str(), &found) == 0 && S_ISLNK(found.st_mode);
}

bool is_folder(const std::string& path) noexcept {
  struct stat found;
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool is_link_to_file(const std::string& path) noexcept {
  struct stat found;
  return is_link(path) && stat(path.c_str(), &found) == 0
         && !S_ISDIR(found.st_mode);
}

/// True for file systems that other machines or programs change unheard.
bool reports_nothing(std::string path) {
  struct statfs found;
  while (statfs(path.c_str(), &found) != 0) {
    if (path == "/")
      return false;
    path = folder_of(path);
  }
  constexpr std::array<std::uint32_t, 8> silent{
    0x6969,     // NFS
    0x517B,     // SMB
    0xFF534D42, // CIFS
    0xFE534D42, // SMB2
    0x65735546, // FUSE
    0x01021997, // 9P
    0x5346414F, // AFS
    0x73757245, // Coda
  };
  return std::find(silent.begin(), silent.end(),
                   static_cast<std::uint32_t>(found.f_type))
         != silent.end();
}

std::int64_t nanoseconds_of(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

} // namespace

file_descriptor::~file_descriptor() {
  if (number_ >= 0)
    ::close(number_);
}

file_stamp::file_stamp(const struct stat& from) noexcept
    : directory(S_ISDIR(from.st_mode)),
      device(from.st_dev),
      inode(from.st_ino) {
  if (directory)
    return;
  size = from.st_size;
  modified = nanoseconds_of(from.st_mtim);
  changed = nanoseconds_of(from.st_ctim);
}

// -- making -------------------------------------------------------------------

file_watch::file_watch(const file_watcher::paths& targets,
                       const file_watcher_options& options)
    : options_(options) {
  if (targets.empty())
    refuse("no paths to watch");
  if (!includes(options.events, file_change::all))
    refuse("no kind of event is asked for");
  if (options.interval <= duration::zero())
    refuse("the interval must be positive");
  for (const auto& each : targets)
    targets_.push_back(make_target(each));
  begin();
}

file_watch::target file_watch::make_target(const fs::path& given) const {
  if (given.empty())
    refuse("an empty path");
  const auto plain = [](const fs::path& path) {
    auto text = path.lexically_normal().string();
    while (text.size() > 1 && text.back() == '/')
      text.pop_back();
    return text;
  };
  target result{plain(fs::absolute(given)), plain(given), false};
  const auto folder = folder_of(result.path);
  if (!exists(result.path) && !exists(folder))
    refuse("there is neither \"" + result.path + "\" nor the folder \"" + folder
           + "\" in which it could come to be");
  result.polled
    = options_.poll == file_polling::always
      || (options_.poll == file_polling::automatic
          && (is_link_to_file(result.path) || reports_nothing(result.path)));
  return result;
}

/// Looks at everything for the first time: nothing of it is news.
void file_watch::begin() {
  try {
    rearm();
  } catch (const out_of_watches& none) {
    if (options_.poll == file_polling::never)
      fail(none.error,
           "no inotify watches left (see "
           "/proc/sys/fs/inotify), and polling is not allowed");
    poll_everything();
  }
  changes_.clear();
}

bool file_watch::polls() const noexcept {
  return std::any_of(targets_.begin(), targets_.end(),
                     [](const target& each) { return each.polled; });
}

// -- what is there ------------------------------------------------------------

const file_watch::target*
file_watch::in_scope(const std::string& path) const noexcept {
  for (const auto& each : targets_) {
    if (path == each.path)
      return &each;
    if (is_below(path, each.path)
        && (options_.recursive || folder_of(path) == each.path))
      return &each;
  }
  return nullptr;
}

bool file_watch::is_target(const std::string& path) const noexcept {
  return std::any_of(targets_.begin(), targets_.end(),
                     [&](const target& each) { return each.path == path; });
}

/// Brings what is known about `path` and all below it up to date, and notes the
/// differences.
void file_watch::reconcile(const std::string& path, const target& of) {
  snapshot now;
  scan(path, of, now);
  if (stop_ != nullptr && stop_->stop_requested())
    return; // it was not looked through to its end
  compare(path, now);
  const auto [first, last] = below(known_, path);
  known_.erase(first, last);
  known_.erase(path);
  known_.merge(now);
}

void file_watch::scan(const std::string& path, const target& of,
                      snapshot& into) {
  std::vector<std::string> open{path};
  while (!open.empty()) {
    if (stop_ != nullptr && stop_->stop_requested())
      return;
    const auto at = std::move(open.back());
    open.pop_back();
    struct stat found;
    // A target may be a link to what is meant.
    const int failed
      = is_target(at) ? stat(at.c_str(), &found) : lstat(at.c_str(), &found);
    if (failed != 0) {
      if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        keep_known(at, into); // out of reach for now is not gone
      continue;
    }
    const file_stamp stamp{found};
    into.insert_or_assign(at, stamp);
    if (!stamp.directory || (at != of.path && !options_.recursive))
      continue;
    if (!of.polled && !watch(at, entry_events | own_events))
      continue; // it has gone; whoever removed it is heard of
    std::error_code unreadable;
    for (fs::directory_iterator each{at, unreadable}, end;
         !unreadable && each != end; each.increment(unreadable))
      open.push_back(joined(at, each->path().filename().string()));
    if (unreadable && unreadable != std::errc::no_such_file_or_directory)
      keep_known(at, into);
  }
}

void file_watch::keep_known(const std::string& path, snapshot& into) const {
  if (const auto self = known_.find(path); self != known_.end())
    into.insert(*self);
  const auto [first, last] = below(known_, path);
  into.insert(first, last);
}

void file_watch::compare(const std::string& path, const snapshot& now) {
  const auto gone = [&](const snapshot::value_type& before) {
    if (!now.contains(before.first)) {
      note(file_change::remove, before.first);
      if (before.second.directory)
        unwatch(before.first);
    }
  };
  if (const auto self = known_.find(path); self != known_.end())
    gone(*self);
  const auto [first, last] = below(known_, path);
  std::for_each(first, last, gone);
  for (const auto& [each, stamp] : now) {
    const auto before = known_.find(each);
    if (before == known_.end())
      note(file_change::create, each);
    else if (before->second != stamp
             && !(stamp.directory && before->second.directory))
      note(file_change::modify, each);
  }
}

/// What happens to one path during one batch adds up.
void file_watch::note(file_change kind, const std::string& path) {
  if (kind == file_change::modify
      && changes_.contains({path, file_change::create}))
    return;
  if (kind == file_change::remove)
    changes_.erase({path, file_change::modify});
  if (kind == file_change::create
      && changes_.erase({path, file_change::remove}) != 0)
    kind = file_change::modify;
  changes_.emplace(path, kind);
}

std::vector<file_event> file_watch::take_changes() {
  std::vector<file_event> result;
  for (const auto& [path, kind] : changes_) {
    if (!includes(options_.events, kind))
      continue;
    const auto* of = in_scope(path);
    result.push_back(
      {kind, of == nullptr ? path : of->given + path.substr(of->path.size())});
  }
  changes_.clear();
  return result;
}

// -- being told ---------------------------------------------------------------

/// Watches everything anew, and looks through it. Throws out_of_watches.
void file_watch::rearm() {
  file_descriptor old;
  folders_.clear();
  watches_.clear();
  hints_.clear();
  rescan_ = false;
  const bool told
    = std::any_of(targets_.begin(), targets_.end(),
                  [](const target& each) { return !each.polled; });
  std::swap(old, inotify_); // closed in the end: until then no inode is reused
  if (told) {
    inotify_ = file_descriptor{inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    if (!inotify_)
      throw out_of_watches{errno};
  }
  for (const auto& each : targets_)
    arm(each);
  next_poll_ = std::chrono::steady_clock::now() + options_.interval;
}

void file_watch::rescan() {
  try {
    rearm();
  } catch (const out_of_watches& none) {
    if (options_.poll == file_polling::never)
      fail(none.error, "no inotify watches left, and polling is not allowed");
    poll_everything();
  }
}

void file_watch::poll_everything() {
  for (auto& each : targets_)
    each.polled = true;
  rearm();
}

void file_watch::arm(const target& which) {
  if (!which.polled && which.path != "/")
    while (!arm_above(which)) {}
  reconcile(which.path, which);
}

/// Watches the folders above a target; false when they changed meanwhile.
bool file_watch::arm_above(const target& which) {
  const auto of_nearest
    = own_events | (is_folder(which.path) ? coming_and_going : entry_events);
  std::string lowest; // the lowest of them that exists
  for (auto each = folder_of(which.path);; each = folder_of(each)) {
    const bool nearest = lowest.empty();
    if (watch(each, nearest ? of_nearest : own_events) && nearest)
      lowest = each;
    if (is_link(each)) // it may be made to point elsewhere
      watch(folder_of(each), coming_and_going | own_events);
    if (each == "/")
      break;
  }
  const auto folder = folder_of(which.path);
  return lowest == folder || lowest.empty() || !exists(folder);
}

/// False when there is no such folder.
bool file_watch::watch(const std::string& folder, std::uint32_t mask) {
  const int found = inotify_add_watch(inotify_.number(), folder.c_str(),
                                      mask | IN_ONLYDIR | IN_MASK_ADD);
  if (found < 0) {
    if (errno == ENOSPC || errno == ENOMEM)
      throw out_of_watches{errno};
    return false;
  }
  const auto known = watches_.find(folder);
  if (known != watches_.end() && known->second != found)
    unwatch(folder); // another folder was here before
  if (watches_.emplace(folder, found).second)
    folders_[found].push_back(folder);
  return true;
}

/// `folder` is not reached by its path any more.
void file_watch::unwatch(const std::string& folder) {
  const auto known = watches_.find(folder);
  if (known == watches_.end())
    return;
  const int number = known->second;
  watches_.erase(known);
  auto& behind = folders_[number];
  std::erase(behind, folder);
  if (behind.empty()) {
    folders_.erase(number);
    inotify_rm_watch(inotify_.number(), number);
  }
}

void file_watch::read_events() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  // (bounded: who writes without end must not keep us from telling of it)
  for (int round = 0; round < 64; ++round) {
    const auto size = ::read(inotify_.number(), buffer.data(), buffer.size());
    if (size <= 0)
      return;
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const auto* event
        = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      decode(*event);
      at += sizeof(inotify_event) + event->len;
    }
  }
}

void file_watch::decode(const inotify_event& event) {
  if ((event.mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) != 0)
    rescan_ = true;
  const auto found = folders_.find(event.wd);
  if (found == folders_.end())
    return;
  if ((event.mask & IN_IGNORED) != 0) {
    for (const auto& each : found->second)
      watches_.erase(each);
    folders_.erase(found);
    return;
  }
  const bool moved
    = (event.mask & ~std::uint32_t{IN_MODIFY | IN_ATTRIB | IN_ISDIR}) != 0;
  if ((event.mask & IN_ISDIR) != 0 && !moved)
    return; // what a folder says of itself by its entries
  for (const auto& folder : found->second) {
    if (event.len == 0) {
      rescan_ = rescan_ || (moved && leads_to_target(folder));
      continue;
    }
    const auto path = joined(folder, event.name);
    if (in_scope(path) != nullptr) {
      auto& hint = hints_[path];
      hint.appeared |= (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      hint.written |= (event.mask & IN_MODIFY) != 0;
    } else if (moved && leads_to_target(path)) {
      rescan_ = true;
    }
  }
}

bool file_watch::leads_to_target(const std::string& path) const noexcept {
  return std::any_of(targets_.begin(), targets_.end(), [&](const target& each) {
    return is_below(each.path, path);
  });
}

/// Looks at what the kernel spoke of.
void file_watch::resolve() {
  for (const auto& [path, said] : std::exchange(hints_, {})) {
    const auto* of = in_scope(path);
    const bool was_there = known_.contains(path);
    reconcile(path, *of);
    const auto now = known_.find(path);
    if (path == of->path && !of->polled && said.appeared)
      watch(folder_of(path), entry_events); // it may be a file from now on
    if (now == known_.end()) {
      if (!was_there && said.appeared) { // it has gone again
        note(file_change::create, path);
        note(file_change::remove, path);
      }
    } else if (was_there && said.written && !now->second.directory) {
      note(file_change::modify, path); // stamps may be too coarse to show it
    }
  }
}

int file_watch::milliseconds_to_poll() const {
  if (!polls())
    return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(
    next_poll_ - std::chrono::steady_clock::now());
  return static_cast<int>(
    std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

std::vector<file_event> file_watch::wait(int wake,
                                         const std::stop_token& stop) {
  stop_ = &stop;
  for (;;) {
    std::array<pollfd, 2> watched{
      {{wake, POLLIN, 0}, {inotify_.number(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), milliseconds_to_poll()) < 0
        && errno != EINTR)
      fail(errno, "poll");
    if (stop.stop_requested())
      return {};
    if ((watched[1].revents & POLLIN) != 0) {
      read_events();
      try {
        if (!rescan_)
          resolve();
      } catch (const out_of_watches&) {
        rescan_ = true; // it will run into the same, and know what to do
      }
    }
    if (rescan_) {
      rescan();
    } else if (polls() && next_poll_ <= std::chrono::steady_clock::now()) {
      for (const auto& each : targets_)
        if (each.polled)
          reconcile(each.path, each);
      next_poll_ = std::chrono::steady_clock::now() + options_.interval;
    }
    if (stop.stop_requested())
      return {};
    if (auto result = take_changes(); !result.empty())
      return result;
  }
}

} // namespace levada::detail
