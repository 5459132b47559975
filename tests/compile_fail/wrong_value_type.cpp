// A value of another type is refused by its channel.
// covers: I-15
// expect: basic_string
#include <string>

#include <levada/channels/channel.hpp>

bool use(const levada::sender<int>& tx, const std::string& text) {
#ifdef MUST_FAIL
  return bool{tx.try_send(text)};
#else
  return bool{tx.try_send(static_cast<int>(text.size()))};
#endif
}
