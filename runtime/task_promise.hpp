// The promise behind task<T>: where a coroutine's result goes, what it may await,
// and what happens at its end. Read task_frame.hpp first.
#pragma once

#include <coroutine>
#include <new>
#include <type_traits>
#include <utility>

#include <levada/runtime/task_frame.hpp>

namespace levada {

template <class T>
class task;

namespace detail {

/// Where a task's result is kept when its frame is gone.
template <class T>
struct result_block : task_block {
  static_assert(alignof(T) <= 16,
                "a task cannot return an over-aligned type: "
                "return a std::unique_ptr to it");
  alignas(T) std::byte storage[sizeof(T)];

  T& value() noexcept {
    return *std::launder(reinterpret_cast<T*>(storage));
  }
};

template <class T>
struct result_block<T&> : task_block {
  T* pointer = nullptr;
};

template <>
struct result_block<void> : task_block {};

/// Forgets the failure in `block`; reports it when nobody has looked at it.
LEVADA_API void drop_failure(task_block& block) noexcept;

/// Throws the failure in `block`, which counts as looked at from then on.
[[noreturn]] LEVADA_API void rethrow_failure(task_block& block);

template <class T>
void release_result_block(task_block& base) noexcept {
  // acq_rel: the last one sees the result as the other side left it
  if (!base.is_last()
      && base.references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  auto& block = static_cast<result_block<T>&>(base);
  if (block.failure() != nullptr) [[unlikely]]
    drop_failure(block);
  if constexpr (std::is_object_v<T>) {
    if (block.has_value)
      block.value().~T();
  }
  const auto bytes = block.bytes;
  block.~result_block<T>();
  release_frame(&block, bytes);
}

/// What `co_await` may be applied to inside a task.
template <class A>
concept task_awaitable
  = requires { typename std::remove_cvref_t<A>::levada_awaitable; };

/// Passes an awaiter through await_transform. (g++ 12 copies what comes out of
/// it as a reference, and awaiters have fixed addresses.)
template <class A>
class awaiter_ref {
public:
  explicit awaiter_ref(A& inner) noexcept : inner_(inner) {
  }
  bool await_ready() const noexcept {
    return inner_.await_ready();
  }
  // (always: g++ otherwise decides by how many tasks a program has)
  template <class Promise>
  [[gnu::always_inline]] decltype(auto)
  await_suspend(std::coroutine_handle<Promise> leaf) const {
    return inner_.await_suspend(leaf);
  }
  decltype(auto) await_resume() const {
    return inner_.await_resume();
  }

private:
  A& inner_;
};

template <class T>
class task_promise_base : public task_frame {
public:
  using block_type = result_block<T>;

  static void* operator new(std::size_t size) {
    const auto bytes = size + sizeof(block_type);
    auto* memory = static_cast<std::byte*>(allocate_frame(bytes));
    auto* block = ::new (static_cast<void*>(memory)) block_type;
    block->bytes = static_cast<std::uint32_t>(bytes);
    return memory + sizeof(block_type);
  }

  static void operator delete(void* frame, std::size_t) noexcept {
    auto& block = block_before(frame);
    if (!block.outlives_frame)
      release_result_block<T>(block);
  }

  std::suspend_always initial_suspend() const noexcept {
    return {};
  }

  struct final_awaiter {
    bool await_ready() const noexcept {
      return false;
    }
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) const noexcept {
      self.promise().finish();
    }
    void await_resume() const noexcept {
    }
  };

  final_awaiter final_suspend() noexcept {
    return {};
  }

  void unhandled_exception() noexcept {
    this->keep(std::current_exception());
  }

  template <class A>
  decltype(auto) await_transform(A&& awaitable) const {
    static_assert(task_awaitable<A>,
                  "a levada::task can only co_await levada's operations and "
                  "other tasks; for work that blocks use levada::blocking(fn), "
                  "for another library's event send it through a channel");
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); })
      return std::forward<A>(awaitable).operator co_await();
    else
      return awaiter_ref<std::remove_reference_t<A>>{awaitable};
  }

  block_type& result() noexcept {
    return block_before(this->self_handle().address());
  }

protected:
  using task_frame::task_frame;

  task_block& block() noexcept final {
    return result();
  }

  release_block block_releaser() const noexcept final {
    return &release_result_block<T>;
  }

private:
  static block_type& block_before(void* frame) noexcept {
    return *std::launder(reinterpret_cast<block_type*>(
      static_cast<std::byte*>(frame) - sizeof(block_type)));
  }
};

template <class T>
class task_promise final : public task_promise_base<T> {
public:
  explicit task_promise(std::source_location code
                        = std::source_location::current()) noexcept
      : task_promise_base<T>(code) {
  }

  task<T> get_return_object() noexcept;

  template <class U>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    auto& block = this->result();
    if constexpr (std::is_reference_v<T>)
      block.pointer = std::addressof(static_cast<T>(value));
    else
      ::new (static_cast<void*>(block.storage)) T(std::forward<U>(value));
    block.has_value = true;
  }

private:
  std::coroutine_handle<> self_handle() noexcept override {
    return std::coroutine_handle<task_promise>::from_promise(*this);
  }
};

template <>
class task_promise<void> final : public task_promise_base<void> {
public:
  explicit task_promise(std::source_location code
                        = std::source_location::current()) noexcept
      : task_promise_base<void>(code) {
  }

  task<void> get_return_object() noexcept;

  void return_void() noexcept {
    this->result().has_value = true;
  }

private:
  std::coroutine_handle<> self_handle() noexcept override {
    return std::coroutine_handle<task_promise>::from_promise(*this);
  }
};

/// Takes the result out of a block that is done: returns it or throws.
template <class T>
T take_result(result_block<T>& block) {
  if (block.failure() != nullptr) [[unlikely]]
    rethrow_failure(block);
  if constexpr (std::is_reference_v<T>)
    return static_cast<T>(*block.pointer);
  else if constexpr (!std::is_void_v<T>)
    return std::move(block.value());
}

} // namespace detail
} // namespace levada
