// What a file_watcher's thread works with: what is known about the watched
// files, and the ways to learn that it has changed. Private to the library.
//
// Invariants
//  - `known_` holds every path in scope that was there when last looked at; each
//    event told is a difference between it and what is there now.
//  - A folder is watched before it is read, so what comes in between is told
//    twice rather than never; `known_` sorts that out.
//  - A watch descriptor stands for the paths through which its folder was
//    reached, and for no path that was replaced since.
//
// How targets come and go: the folder above a target tells of the target
// itself; every folder further up tells only of its own going; then everything
// is armed and looked through anew.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include <levada/channels/file_watcher.hpp>

struct inotify_event;

namespace levada::detail {

/// A file descriptor that is closed in the end.
class file_descriptor {
public:
  explicit file_descriptor(int number = -1) noexcept : number_(number) {
  }
  file_descriptor(file_descriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {
  }
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~file_descriptor();

  int number() const noexcept {
    return number_;
  }
  explicit operator bool() const noexcept {
    return number_ >= 0;
  }

private:
  int number_;
};

/// What tells two states of one path apart.
struct file_stamp {
  explicit file_stamp(const struct stat& from) noexcept;

  bool directory;
  std::uint64_t device;
  std::uint64_t inode;
  // of anything but folders, else 0
  std::int64_t size = 0;
  std::int64_t modified = 0;
  std::int64_t changed = 0;

  friend bool operator==(const file_stamp&, const file_stamp&) noexcept
    = default;
};

class file_watch {
public:
  /// Throws as file_watcher's constructor.
  file_watch(const file_watcher::paths& targets,
             const file_watcher_options& options);

  /// Waits for events, at least one; none when `wake` became readable.
  std::vector<file_event> wait(int wake, const std::stop_token& stop);

  bool polls() const noexcept;

private:
  struct target {
    std::string path;  ///< absolute
    std::string given; ///< as it is to be reported
    bool polled;
  };
  /// What the kernel said about a path.
  struct hint {
    bool appeared = false;
    bool written = false;
  };
  using snapshot = std::map<std::string, file_stamp>;

  // -- what is there ----------------------------------------------------------

  void reconcile(const std::string& path, const target& of);
  void scan(const std::string& path, const target& of, snapshot& into);
  void keep_known(const std::string& path, snapshot& into) const;
  void compare(const std::string& path, const snapshot& now);
  const target* in_scope(const std::string& path) const noexcept;
  bool is_target(const std::string& path) const noexcept;
  void note(file_change kind, const std::string& path);
  std::vector<file_event> take_changes();

  // -- being told -------------------------------------------------------------

  target make_target(const std::filesystem::path& given) const;
  void begin();
  void rearm();
  void rescan();
  void arm(const target& which);
  bool arm_above(const target& which);
  bool watch(const std::string& folder, std::uint32_t mask);
  void unwatch(const std::string& folder);
  void poll_everything();
  void read_events();
  void decode(const ::inotify_event& event);
  void resolve();
  bool leads_to_target(const std::string& path) const noexcept;
  int milliseconds_to_poll() const;

  const file_watcher_options options_;
  std::vector<target> targets_;
  /// Everything in scope, as last seen.
  snapshot known_;
  /// To be told, in the order of telling.
  std::set<std::pair<std::string, file_change>> changes_;
  /// Set while wait() runs.
  const std::stop_token* stop_ = nullptr;

  file_descriptor inotify_;
  /// Paths behind a watch descriptor, and the other way round.
  std::unordered_map<int, std::vector<std::string>> folders_;
  std::map<std::string, int> watches_;
  /// What the events read so far are about.
  std::map<std::string, hint> hints_;
  bool rescan_ = false;
  std::chrono::steady_clock::time_point next_poll_;
};

} // namespace levada::detail
