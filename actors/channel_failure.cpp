#include <levada/actors/channel_failure.hpp>

#include <memory>

#include <levada/runtime/directory.hpp>

namespace levada::detail {

void fail_on(channel_core* where, errc code, const char* operation,
             endpoint end) {
  std::string what = operation;
  error_origin origin;
  origin.end = end;
  if (where == nullptr) {
    // nothing to add
  } else if (where->id >= first_nil_id) {
    if (code == errc::closed)
      what += ": this handle was closed";
  } else {
    origin.channel = where->id;
    origin.name = where->name();
    what += " on channel " + std::to_string(where->id);
    if (!origin.name.empty())
      what += " \"" + origin.name + '"';
    if (auto record = where->record()) {
      what += " (" + to_string(record) + ')';
      origin.cause = record.cause;
      origin.closing = std::make_shared<const close_record>(std::move(record));
    }
  }
  throw_error(make_error_code(code), what, std::move(origin));
}

} // namespace levada::detail
