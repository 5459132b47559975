// A result that may hold the value back must not be dropped unseen.
// covers: B-08
// expect: nodiscard
#include <levada/channels/channel.hpp>

void use(const levada::sender<int>& tx) {
#ifdef MUST_FAIL
  tx.try_send(1);
#else
  static_cast<void>(tx.try_send(1));
#endif
}
