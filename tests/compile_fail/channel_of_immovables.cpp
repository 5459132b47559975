// covers: I-15
// expect: T must be move- or copy-
#include <memory>
#include <mutex>

#include <levada/channels/channel.hpp>

void use(const levada::runtime& rt) {
#ifdef MUST_FAIL
  auto ends = levada::make_channel<std::mutex>(rt);
#else
  auto ends = levada::make_channel<std::unique_ptr<std::mutex>>(rt);
#endif
  (void)ends;
}
