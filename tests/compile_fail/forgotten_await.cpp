// expect: co_await it
#include <levada/channels/channel.hpp>

levada::task<> use(levada::receiver<int> rx) {
#ifdef MUST_FAIL
  rx.receive();
  co_return;
#else
  auto got = co_await rx.receive();
  (void)got;
#endif
}
