// In for_each_selected no receiver can be forgotten (F-53).
// expect: every receiver needs a handler
#include <levada/channels/for_each_selected.hpp>

levada::task<bool> use(levada::receiver<int> one, levada::receiver<int> two) {
  auto first = levada::on(one, [](int) {});
#ifdef MUST_FAIL
  co_return co_await levada::for_each_selected(std::move(first), two);
#else
  auto second = levada::on(two, [](int) {});
  co_return co_await levada::for_each_selected(std::move(first),
                                               std::move(second));
#endif
}
