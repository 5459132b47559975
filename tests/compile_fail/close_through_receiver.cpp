// Who only receives cannot close the channel for the others with a cause, nor
// through a const handle.
// covers: G-08, G-11
// expect: close
#include <levada/channels/channel.hpp>

bool use(const levada::sender<int>& tx, const levada::receiver<int>& rx) {
#ifdef MUST_FAIL
  (void)tx;
  return rx.close();
#else
  (void)rx;
  return tx.close();
#endif
}
