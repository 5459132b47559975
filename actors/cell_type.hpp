// What the untyped code knows about the items of a channel, and what becomes of
// items that nobody receives.
#pragma once

#include <cstdint>
#include <typeinfo>

#include <levada/actors/close_record.hpp>
#include <levada/runtime/export.hpp>

namespace levada::detail {

class channel_core;

/// What the untyped code must know about the items of a channel.
struct cell_type {
  /// No item in a buffer takes more bytes: larger ones are boxed.
  static constexpr std::uint32_t largest = 256;

  std::uint32_t size;
  /// Moves the item in `from` to raw storage `to`; `from` is raw afterwards.
  void (*relocate)(void* to, void* from) noexcept;
  void (*destroy)(void* cell) noexcept;
  /// The item's type, for handles made from an id.
  const std::type_info* item = &typeid(void);
};

/// A typed dead-letter hook behind an untyped face.
class dead_letter_sink {
public:
  virtual ~dead_letter_sink() = default;
  /// Consumes the item in `cell`; the storage is raw afterwards.
  virtual void consume(void* cell, dead_letter_reason why) noexcept = 0;
  /// The same for an item that was lent in vain.
  virtual void consume_poison(void* cell, const poison_info&) noexcept {
    consume(cell, dead_letter_reason::nack_limit);
  }
};

/// Looks at items one by one; see channel_core::sweep().
class item_judge {
public:
  enum class verdict : std::uint8_t { keep, replace, remove };

  /// What to do with the item in `cell`.
  virtual verdict judge(const void* cell) noexcept = 0;
  /// Moves the item in `cell` to raw storage `taken` and leaves another one.
  virtual void replace(void* cell, void* taken) noexcept = 0;

protected:
  ~item_judge() = default;
};

/// Items that lie somewhere in a row.
class item_row {
public:
  /// The cell of the item at `position`, counted from 0.
  virtual void* cell(std::uint32_t position) noexcept = 0;

protected:
  ~item_row() = default;
};

/// Items on their way out: destroyed, through the hook, after unlocking.
class LEVADA_API stray_list {
public:
  explicit stray_list(const cell_type& type) noexcept : type_(type) {
  }
  stray_list(const stray_list&) = delete;
  stray_list& operator=(const stray_list&) = delete;
  /// Passes every item to the channel's hook, or destroys it.
  ~stray_list() {
    if (first_ != nullptr || kept_ != nullptr) [[unlikely]]
      dispose();
  }

  /// Takes the item in `cell`, which is raw afterwards.
  void add(void* cell, dead_letter_reason why, dead_letter_sink* sink);

  /// The channel, and so its hook, stays until the items have gone.
  void keep(channel_core& channel) noexcept;

  bool empty() const noexcept {
    return first_ == nullptr;
  }

private:
  struct stray;
  void dispose() noexcept;

  const cell_type& type_;
  stray* first_ = nullptr;
  stray* last_ = nullptr;
  channel_core* kept_ = nullptr;
};

} // namespace levada::detail
