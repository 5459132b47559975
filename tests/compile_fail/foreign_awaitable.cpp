// A task awaits what the library can park; anything else would resume it behind
// the scheduler's back.
// expect: a levada::task can only co_await
#include <coroutine>

#include <levada/runtime/pause.hpp>
#include <levada/runtime/task.hpp>

levada::task<> use() {
#ifdef MUST_FAIL
  co_await std::suspend_always();
#else
  co_await levada::yield();
#endif
}
