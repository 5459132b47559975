// What a runtime knows of the channels in it, without knowing what a channel
// is: the actors layer implements it.
#pragma once

#include <atomic>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include <levada/runtime/error.hpp>

namespace levada::detail {

class task_frame;

/// Ids from here on stand for no channel: waits on nil handles.
inline constexpr std::uint64_t first_nil_id = std::uint64_t{1} << 55;

/// How many parties outside of the tasks may yet wake one: threads of the
/// library's own, actors. Outlives the engine, as they may.
using outsider_count = std::shared_ptr<std::atomic<std::uint32_t>>;

class directory {
public:
  virtual ~directory() = default;

  /// Withdraws `root` from channel `id`, if it is parked there and cancelled.
  virtual void cancel_wait(std::uint64_t id, const task_frame* root) = 0;

  /// Closes every channel because the runtime stops.
  virtual void close_all() = 0;

  /// Every task has ended, and none will start: the runtime owns nothing more.
  virtual void tasks_ended() = 0;

  /// Ends the actors behind the channels; nothing waits any more.
  virtual void terminate_all() = 0;

  /// True while somebody who is no task uses channels and may wake one.
  virtual bool has_parties() const noexcept = 0;

  /// Prints one line a channel, and one for each of those parties.
  virtual void print(std::ostream& out) = 0;

  /// The name of channel `id`, or "".
  virtual std::string name_of(std::uint64_t id) = 0;
};

/// An empty directory. Defined in actors/registry.cpp: the one function that the
/// runtime calls and does not have.
std::unique_ptr<directory> make_directory(outsider_count outsiders);

} // namespace levada::detail
