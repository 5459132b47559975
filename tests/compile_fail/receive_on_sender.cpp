// A send-only end has no receive.
// covers: G-11
// expect: no member named
#include <levada/channels/channel.hpp>

bool use(const levada::sender<int>& tx, const levada::receiver<int>& rx) {
#ifdef MUST_FAIL
  (void)rx;
  return bool{tx.try_receive()};
#else
  (void)tx;
  return bool{rx.try_receive()};
#endif
}
