// The parts of a channel that few channels have.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <source_location>
#include <string>

#include <levada/actors/channel_core.hpp>
#include <levada/actors/lease.hpp>
#include <levada/actors/owner_table.hpp>

namespace levada::detail {

/// What a flavour built on channels keeps with one of them.
class channel_attachment {
public:
  channel_attachment() = default;
  channel_attachment(const channel_attachment&) = delete;
  channel_attachment& operator=(const channel_attachment&) = delete;
  virtual ~channel_attachment() = default;
};

class channel_door;

struct channel_extras {
  std::string name;
  std::unique_ptr<dead_letter_sink> sink;
  std::unique_ptr<owner_table> owners;
  /// The task function that closed it.
  std::source_location closed_by{};
  /// What close(cause) was given.
  std::exception_ptr cause;
  std::uint64_t dead_lettered = 0;
  std::uint64_t handed_back = 0;
  /// Dead-lettered, or handed back by the closing.
  std::uint64_t undelivered = 0;
  /// The receipt_nodes whose items are buffered, by position.
  wait_queue receipts;
  /// Position of the buffer's front; counts only while receipts are waited for.
  std::uint64_t left = 0;
  /// What is lent, and what came back.
  lease_book leases;
  /// Who waits for the closing.
  wait_queue closers;
  /// Open credit of actors: see receive_window.hpp.
  wait_queue windows;
  /// The actor's, which makes and destroys it: null until somebody has sent a
  /// message that it knows.
  std::atomic<channel_door*> door{nullptr};
  /// Of the exit message that closed it: what the actor ends with, or null.
  std::shared_ptr<channel_attachment> exit_reason;
  /// Set before the channel is shown to anybody; lives as long as the channel.
  std::unique_ptr<channel_attachment> attachment;
};

} // namespace levada::detail
