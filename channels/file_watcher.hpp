// file_watcher: what happens to files, as a receiver.
//
//   levada::file_watcher changes{rt, {"/etc/app"}, {.name = "config"}};
//   while (auto event = co_await changes.receive())
//     reload(event->path);
//
// Characteristics
//   who receives       as of a channel: each event reaches one receiver
//   buffered           without a bound, or up to `capacity`
//   when full          overflow::wait: the kernel's own queue holds them, and
//                      when that overflows everything is looked through again;
//                      or a policy that drops, counted in stats()
//   when closed        by close(), the destructor or a failure: what was seen is
//                      received first
//   order              events of one batch by path, then kind; batches in order
//   cost               one thread; with inotify it sleeps until something
//                      happens, and each folder costs one watch
//
// What is told: the difference between what was known about a path and what is
// there now, once per batch. A file replaced by another (editors save so) was
// modified; one that came and went unseen was created and removed; folders are
// created and removed, never modified. A file that was created in steps may be
// told of as created and then modified.
// Nothing is lost silently: a folder is watched before it is read, an overflow of
// the kernel's queue means looking through everything, and a path that goes and
// comes back (its folders too) is watched again.
//
// File systems that report nothing (NFS, SMB, FUSE, 9P) are looked through every
// `interval` instead, as are targets that are symbolic links to files, and
// everything when the kernel has no watches left.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <levada/channels/select/cases.hpp>

namespace levada {

/// What happened to a path; also a set of these.
enum class file_change : std::uint8_t {
  create = 1,
  modify = 2,
  remove = 4,
  all = 7
};

constexpr file_change operator|(file_change a, file_change b) noexcept {
  return static_cast<file_change>(static_cast<unsigned>(a)
                                  | static_cast<unsigned>(b));
}
constexpr bool includes(file_change set, file_change one) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

LEVADA_API const char* to_string(file_change change) noexcept;

struct file_event {
  file_change kind = file_change::modify;
  /// Spelled as the watched path was: relative if that was.
  std::filesystem::path path = {};

  friend bool operator==(const file_event&, const file_event&) = default;
};

template <>
inline constexpr bool moves_quietly<file_event> = true;

/// Whether to look again and again, instead of being told by the kernel.
enum class file_polling : std::uint8_t {
  automatic, ///< where the kernel does not tell
  always,
  never, ///< what the kernel does not tell is not seen; no watches: an error
};

struct file_watcher_options {
  file_change events = file_change::all;
  file_polling poll = file_polling::automatic;
  /// How often to look, where looking is needed.
  duration interval = std::chrono::seconds{1};
  /// Folders with all that is below them, else only what is in them.
  bool recursive = true;
  std::string name = {};
  channel_capacity capacity = unbounded;
  /// `reject` means `drop_incoming` here.
  overflow on_full = overflow::wait;
};

namespace detail {
class file_watch_thread;
}

/// Watches files and folders. It is a receiver<file_event>: whatever takes one
/// takes it, select too, and a copy as such a receiver goes on receiving.
/// Movable.
class LEVADA_API file_watcher : public receiver<file_event> {
public:
  using paths = std::vector<std::filesystem::path>;

  /// Tells of whatever changes from now on. A path need not exist yet, if its
  /// folder does. Throws channel_error(invalid_argument) when neither does, when
  /// there is no path, no kind of event, or an interval that is not positive;
  /// and std::system_error when the system refuses what it needs.
  file_watcher(const runtime& home, const paths& watched,
               const file_watcher_options& options = {});
  /// The same in the runtime of the task that calls it.
  explicit file_watcher(const paths& watched,
                        const file_watcher_options& options = {});

  file_watcher(file_watcher&& other) noexcept;
  file_watcher& operator=(file_watcher&& other) noexcept;
  /// As close().
  ~file_watcher();

  /// A plain receiver of the same events.
  levada::receiver<file_event> receiver() const noexcept {
    return *this;
  }

  /// Ends the watching and closes the channel; what was seen can still be
  /// received. Waits for the thread, which has nothing to wait for. False when
  /// it was closed before.
  bool close() noexcept;
  bool stop() noexcept {
    return close();
  }

  /// True when some target is looked at every `interval`.
  bool polls() const noexcept;

private:
  file_watcher(detail::engine& home, const paths& watched,
               const file_watcher_options& options);

  std::unique_ptr<detail::file_watch_thread> thread_;
};

} // namespace levada
