// A channel narrows to one end, and one end does not become the other.
// covers: G-11
// expect: sender<int>
#include <levada/channels/channel.hpp>

levada::sender<int> narrow(const levada::channel<int>& both,
                           const levada::receiver<int>& rx) {
#ifdef MUST_FAIL
  (void)both;
  return rx;
#else
  (void)rx;
  return both;
#endif
}
