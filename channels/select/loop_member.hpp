// One receiver of a `selecting` loop, and all of them, untyped.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <levada/channels/any_receiver.hpp>

namespace levada::detail {

/// One receiver of a loop, untyped.
class loop_member {
public:
  explicit loop_member(std::size_t index) noexcept : index(index) {
  }
  loop_member(const loop_member&) = delete;
  loop_member& operator=(const loop_member&) = delete;
  virtual ~loop_member() = default;

  /// How select knows the receiver again.
  virtual const void* identity() const noexcept = 0;

  void wish(wish_list& list) {
    first_ = list.next();
    do_wish(list);
    last_ = list.next();
  }
  bool wished(std::uint32_t which) const noexcept {
    return first_ <= which && which < last_;
  }
  /// That came true. True: there is a result.
  virtual bool look(std::uint32_t which) = 0;
  /// The result, a receive_result<T>.
  virtual void* last() noexcept = 0;
  virtual std::shared_ptr<void> move_last() = 0;

  /// Position among the arguments.
  const std::size_t index;
  /// Its end has been reported.
  bool stopped = false;

private:
  virtual void do_wish(wish_list& list) = 0;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
};

template <class R>
class typed_loop_member : public loop_member {
public:
  using result = receive_result<received_type<R>>;

  typed_loop_member(const R& from, std::size_t index) noexcept
      : loop_member(index),
        from_(from) {
  }
  const void* identity() const noexcept override {
    return identity_of(from_);
  }
  void* last() noexcept override {
    return last_ ? &*last_ : nullptr;
  }
  std::shared_ptr<void> move_last() override {
    return std::make_shared<result>(*std::move(last_));
  }

protected:
  bool report(std::optional<result> got) {
    if (!got)
      return false;
    last_.emplace(*std::move(got));
    this->stopped = !*last_;
    return true;
  }
  const R& from_;

private:
  std::optional<result> last_;
};

/// A plain receiver, or a channel.
template <class R>
class channel_loop_member final : public typed_loop_member<R> {
  using slot = receive_slot<received_type<R>>;

public:
  using typed_loop_member<R>::typed_loop_member;

  bool look(std::uint32_t) override {
    return this->report(wish_->finish());
  }

private:
  void do_wish(wish_list& list) override {
    const receiver<received_type<R>>& from = this->from_;
    list.add(wish_.emplace(list.claim(), list.next(), from));
  }
  std::optional<slot> wish_;
};

template <class R>
class source_loop_member final : public typed_loop_member<R> {
public:
  using typed_loop_member<R>::typed_loop_member;

  bool look(std::uint32_t which) override {
    auto& from = source_access::get(this->from_);
    return from.look(which) && this->report(from.take());
  }

private:
  void do_wish(wish_list& list) override {
    source_access::get(this->from_).wish(list);
  }
};

template <class R>
using loop_member_of
  = std::conditional_t<is_any_receiver<R>, source_loop_member<R>,
                       channel_loop_member<R>>;

/// One that a select_set owns.
template <class T>
class owned_loop_member final : public loop_member {
public:
  owned_loop_member(any_receiver<T> from, std::uint64_t index)
      : loop_member(index),
        from_(std::move(from)),
        member_(from_, index) {
  }
  const void* identity() const noexcept override {
    return member_.identity();
  }
  bool look(std::uint32_t which) override {
    const bool result = member_.look(which);
    this->stopped = member_.stopped;
    return result;
  }
  void* last() noexcept override {
    return member_.last();
  }
  std::shared_ptr<void> move_last() override {
    return member_.move_last();
  }

private:
  void do_wish(wish_list& list) override {
    member_.wish(list);
  }
  any_receiver<T> from_;
  source_loop_member<any_receiver<T>> member_;
};

/// The members, and whose turn it is.
class LEVADA_API loop_core {
public:
  explicit loop_core(bool checked) noexcept : checked_(checked) {
  }

  /// False when it is in already.
  template <class R>
  bool add(const R& from) {
    const auto index = next_index_++;
    const auto* const who = identity_of(from);
    if (who != nullptr && find(who) != nullptr)
      return false;
    members_.push_back(std::make_unique<loop_member_of<R>>(from, index));
    return true;
  }
  bool remove(const void* who) noexcept;
  /// Those that have not stopped.
  std::size_t size() const noexcept;

  /// Before each wait: throws for an event that nobody asked for.
  void begin();
  /// Adds what all wait for; whose turn it is comes first.
  void wish(wish_list& list);
  /// That came true: whose event it is, or null.
  loop_member* settle(std::uint32_t which);

  void ask() noexcept {
    asked_ = true;
  }

private:
  loop_member* find(const void* who) const noexcept;

  const bool checked_;
  /// By index. Those that have stopped go with the next begin().
  std::vector<std::unique_ptr<loop_member>> members_;
  /// Whose event is out, and whether it was asked for.
  loop_member* out_ = nullptr;
  bool asked_ = true;
  /// Index of who came last.
  std::size_t before_ = SIZE_MAX;
  std::size_t next_index_ = 0;
};

/// The result `last` of the receiver `who`, if that is `from`.
template <class R>
receive_result<received_type<R>>* loop_result(const void* who, void* last,
                                              const R& from) noexcept {
  const auto* const asked = identity_of(from);
  return asked != nullptr && asked == who
           ? static_cast<receive_result<received_type<R>>*>(last)
           : nullptr;
}

} // namespace levada::detail
