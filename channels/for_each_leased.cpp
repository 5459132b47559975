#include <levada/channels/for_each_leased.hpp>

namespace levada::detail {

std::string reason_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) { // described, not swallowed: the caller passes it on
    return "an exception that is no std::exception";
  }
}

bool is_stopping(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const operation_cancelled&) {
    return true;
  } catch (...) { // any other exception is a failure; the caller passes it on
    return false;
  }
}

} // namespace levada::detail
