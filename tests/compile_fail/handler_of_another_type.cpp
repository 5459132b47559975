// A handler takes what its receiver gives (F-53).
// expect: the handler must take what rx gives
#include <string>

#include <levada/channels/for_each_selected.hpp>

auto use(levada::receiver<int>& from) {
#ifdef MUST_FAIL
  return levada::on(from, [](const std::string&) {});
#else
  return levada::on(from, [](int) {});
#endif
}
