// shared_buffer: bytes that several tasks see at once. Sending one through a
// channel sends a view of the same memory, and copies nothing; a write is seen
// at all ends.
//
// Lifetime     the memory lives until its last view has gone; a slice is a view.
// Data races   the buffer does not synchronize: two threads must not touch the
//              same byte at once when one of them writes. Passing turns through
//              channels is enough: what was written before a send is visible
//              after the receive of that item. Say who writes when, as in: the
//              sender fills, sends, and does not touch it until the answer came.
// Another machine has other memory: a buffer is sent within one process only.
// Threads      views are independent objects; each is used by one at a time.
// Cost         one allocation per buffer; copying and sending a view counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <levada/channels/waiting/cell.hpp>
#include <levada/runtime/error.hpp>

namespace levada {

class shared_buffer {
public:
  /// No bytes.
  shared_buffer() noexcept = default;

  /// So many bytes, all zero, aligned for anything.
  explicit shared_buffer(std::size_t size)
      : memory_(std::shared_ptr<std::byte[]>(new std::byte[size]())),
        bytes_(static_cast<std::byte*>(memory_.get()), size) {
  }

  /// Takes over the memory of `items`, without copying it.
  template <class T>
    requires std::is_trivially_copyable_v<T> && (!std::is_same_v<T, bool>)
  static shared_buffer from(std::vector<T>&& items) {
    auto kept = std::make_shared<std::vector<T>>(std::move(items));
    const auto bytes = std::as_writable_bytes(std::span{*kept});
    return {std::move(kept), bytes};
  }

  /// A copy of `bytes`.
  static shared_buffer copy_of(std::span<const std::byte> bytes) {
    shared_buffer result{bytes.size()};
    if (!bytes.empty())
      std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }

  std::span<std::byte> bytes() const noexcept {
    return bytes_;
  }
  std::byte* data() const noexcept {
    return bytes_.data();
  }
  std::size_t size() const noexcept {
    return bytes_.size();
  }
  bool empty() const noexcept {
    return bytes_.empty();
  }

  /// The bytes as T. Throws channel_error(invalid_argument) when they are no whole
  /// number of them, or not aligned for them.
  template <class T>
    requires std::is_trivially_copyable_v<T>
  std::span<T> as() const {
    if (size() % sizeof(T) != 0)
      throw_error(make_error_code(errc::invalid_argument),
                  "shared_buffer::as: " + std::to_string(size())
                    + " bytes are no whole number of items of "
                    + std::to_string(sizeof(T)) + "; take a slice that is");
    if (reinterpret_cast<std::uintptr_t>(data()) % alignof(T) != 0)
      throw_error(
        make_error_code(errc::invalid_argument),
        "shared_buffer::as: the bytes are not aligned for such items; "
        "take a slice that begins at a multiple of "
          + std::to_string(alignof(T)));
    return {reinterpret_cast<T*>(data()), size() / sizeof(T)};
  }

  /// A view of `count` bytes from `offset` on, which keeps all of the memory.
  /// Throws channel_error(invalid_argument) when they are not in this view.
  shared_buffer slice(std::size_t offset, std::size_t count) const {
    if (offset > size() || count > size() - offset)
      throw_error(make_error_code(errc::invalid_argument),
                  "shared_buffer::slice: " + std::to_string(count)
                    + " bytes from " + std::to_string(offset)
                    + " on are not within " + std::to_string(size()));
    return {memory_, bytes_.subspan(offset, count)};
  }

  /// True when writes through one are seen through the other, were they of the
  /// same bytes.
  bool shares_memory_with(const shared_buffer& other) const noexcept {
    return memory_ != nullptr && !memory_.owner_before(other.memory_)
           && !other.memory_.owner_before(memory_);
  }

  /// Views of the memory that live now; a hint while others copy.
  std::size_t views() const noexcept {
    return static_cast<std::size_t>(memory_.use_count());
  }

private:
  shared_buffer(std::shared_ptr<void> memory,
                std::span<std::byte> bytes) noexcept
      : memory_(std::move(memory)),
        bytes_(bytes) {
  }

  std::shared_ptr<void> memory_;
  std::span<std::byte> bytes_;
};

template <>
inline constexpr bool moves_quietly<shared_buffer> = true;

} // namespace levada
