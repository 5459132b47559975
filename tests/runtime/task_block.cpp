// The end of a task, and of the memory in front of its frame, in every order of
// what the task and its handle do.
#include <catch.hpp>

#include <atomic>
#include <memory>
#include <new>
#include <thread>

#include <levada/runtime/task_promise.hpp>
#include <levada/runtime/thread_waiter.hpp>

using levada::detail::allocate_frame;
using levada::detail::release_result_block;
using levada::detail::result_block;
using levada::detail::thread_waiter;

namespace {

using shared_result = std::shared_ptr<int>;
using block = result_block<shared_result>;

/// As a task's that has returned `value`, with a handle or without.
block& make_block(shared_result value, std::uint16_t references) {
  auto* made = ::new (allocate_frame(sizeof(block))) block;
  made->bytes = sizeof(block);
  made->references.store(references);
  ::new (static_cast<void*>(made->storage)) shared_result(std::move(value));
  made->has_value = true;
  return *made;
}

} // namespace

TEST_CASE("a task without a handle ends without anybody to tell") {
  const auto value = std::make_shared<int>(1);
  auto& ended = make_block(value, 1);
  CHECK(ended.is_last());
  CHECK(ended.end(nullptr) == nullptr);
  CHECK(ended.done());
  CHECK(value.use_count() == 2);
  release_result_block<shared_result>(ended);
  CHECK(value.use_count() == 1);
}

TEST_CASE("a handle that goes before the end leaves the block to the task") {
  const auto value = std::make_shared<int>(1);
  auto& ended = make_block(value, 2);
  CHECK_FALSE(ended.is_last());
  release_result_block<shared_result>(ended); // the handle
  CHECK(value.use_count() == 2);
  CHECK(ended.is_last());
  CHECK(ended.end(nullptr) == nullptr);
  release_result_block<shared_result>(ended);
  CHECK(value.use_count() == 1);
}

TEST_CASE("a handle that waits is told, and goes last with the result") {
  const auto value = std::make_shared<int>(1);
  auto& ended = make_block(value, 2);
  auto& waiting = thread_waiter::mine();
  REQUIRE(ended.join(waiting));
  CHECK(ended.end(nullptr) == &waiting);
  CHECK(ended.done());
  release_result_block<shared_result>(ended); // the task
  CHECK(ended.value() == value);
  CHECK(value.use_count() == 2);
  release_result_block<shared_result>(ended);
  CHECK(value.use_count() == 1);
}

TEST_CASE("a handle that comes after the end need not wait") {
  const auto value = std::make_shared<int>(1);
  auto& ended = make_block(value, 2);
  CHECK(ended.end(nullptr) == nullptr);
  release_result_block<shared_result>(ended); // the task
  CHECK_FALSE(ended.join(thread_waiter::mine()));
  CHECK(ended.done());
  release_result_block<shared_result>(ended);
  CHECK(value.use_count() == 1);
}

TEST_CASE("task and handle that go at once give the block up once") {
  const auto value = std::make_shared<int>(1);
  std::atomic<block*> shared{nullptr};
  std::atomic<int> round{0};
  constexpr int rounds = 20'000;
  std::thread handle{[&] {
    for (int i = 1; i <= rounds; ++i) {
      while (round.load(std::memory_order_acquire) != i) {}
      release_result_block<shared_result>(*shared.load());
      round.store(-i, std::memory_order_release);
    }
  }};
  bool once = true;
  for (int i = 1; i <= rounds; ++i) {
    auto& ended = make_block(value, 2);
    shared.store(&ended);
    round.store(i, std::memory_order_release);
    const auto* told = ended.end(nullptr);
    release_result_block<shared_result>(ended);
    while (round.load(std::memory_order_acquire) != -i) {}
    once = once && told == nullptr && value.use_count() == 1;
  }
  handle.join();
  CHECK(once);
}
