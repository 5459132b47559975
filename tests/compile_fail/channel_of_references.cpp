// covers: I-15
// expect: channels carry objects
#include <levada/channels/channel.hpp>

void use(const levada::runtime& rt) {
#ifdef MUST_FAIL
  auto ends = levada::make_channel<int&>(rt);
#else
  auto ends = levada::make_channel<int*>(rt);
#endif
  (void)ends;
}
