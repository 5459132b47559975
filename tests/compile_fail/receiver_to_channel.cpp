// One end does not become both again.
// covers: G-11
// expect: receiver<int>
#include <levada/channels/channel.hpp>

int use(const levada::channel<int>& both) {
  return both.try_receive().value_or(0);
}

int use_end(const levada::receiver<int>& rx, const levada::channel<int>& ch) {
#ifdef MUST_FAIL
  (void)ch;
  return use(rx);
#else
  (void)rx;
  return use(ch);
#endif
}
