// Every live channel of a runtime, by id.
//
// Lifetime: the engine holds one reference, each channel one, so that a handle
// that outlives its runtime finds a registry to leave.
//
// Lock order: shard → channel. A channel is retained under the shard's lock and
// released after it, since the last release runs the channel's destructor.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/owner_table.hpp>
#include <levada/actors/party_list.hpp>
#include <levada/runtime/directory.hpp>
#include <levada/runtime/spin_lock.hpp>

namespace levada::detail {

class channel_directory {
public:
  /// The engine's view of a new registry.
  static std::unique_ptr<directory> make(outsider_count outsiders);

  /// The registry of `where`.
  static channel_directory& of(engine& where);

  std::uint64_t next_id() noexcept {
    return last_id_.fetch_add(1, std::memory_order_relaxed) + 1;
  }

  void add(channel_core& channel);
  void remove(channel_core& channel) noexcept;

  /// The channel with one reference retained, or null.
  channel_core* find(std::uint64_t id) noexcept;

  /// All channels, each retained, oldest first.
  std::vector<channel_core*> all();

  /// Channels are asked to close as soon as they are made.
  bool closing() const noexcept {
    return closing_.load(std::memory_order_acquire);
  }
  void start_closing() noexcept {
    closing_.store(true, std::memory_order_seq_cst);
  }

  /// Those who use these channels and are no tasks.
  party_list parties;
  /// The engine's.
  const outsider_count outsiders;

  /// The runtime as an owner, made when it is first asked for.
  std::shared_ptr<owner_state> owner();
  /// It owns nothing any more.
  void end_owner();

  void retain() noexcept {
    references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete this;
  }

private:
  struct alignas(64) shard {
    spin_lock lock;
    std::vector<channel_core*> buckets;
    std::size_t count = 0;
  };

  explicit channel_directory(outsider_count outsiders) noexcept
      : outsiders(std::move(outsiders)) {
  }
  ~channel_directory() = default;

  shard& shard_of(std::uint64_t id) noexcept {
    return shards_[id % shards_.size()];
  }
  static channel_core*& bucket_of(shard& in, std::uint64_t id) noexcept;
  static void rehash(shard& which);

  std::atomic<std::uint64_t> last_id_{0};
  std::atomic<std::uint32_t> references_{1};
  std::atomic<bool> closing_{false};
  std::array<shard, 16> shards_;
  /// Guards the two below.
  std::mutex owner_mutex_;
  std::shared_ptr<owner_state> owner_;
  bool owner_ended_ = false;
};

} // namespace levada::detail
