// A receive-only end has no send.
// covers: G-11, J-08
// expect: no member named
#include <levada/channels/channel.hpp>

bool use(const levada::sender<int>& tx, const levada::receiver<int>& rx) {
#ifdef MUST_FAIL
  (void)tx;
  return bool{rx.try_send(1)};
#else
  (void)rx;
  return bool{tx.try_send(1)};
#endif
}
