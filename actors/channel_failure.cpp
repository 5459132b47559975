#include <levada/actors/channel_failure.hpp>

#include <cstdlib>
#include <memory>

#include <cxxabi.h>

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
    what += " on " + title_of(*where);
    if (auto record = where->record()) {
      what += " (" + to_string(record) + ')';
      origin.cause = record.cause;
      origin.closing = std::make_shared<const close_record>(std::move(record));
    }
  }
  throw_error(make_error_code(code), what, std::move(origin));
}

std::string title_of(const channel_core& channel) {
  auto result = "channel " + std::to_string(channel.id);
  const std::string name = channel.name();
  return name.empty() ? result : result + " \"" + name + '"';
}

std::string type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable{
    abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
  return readable != nullptr ? readable.get() : type.name();
}

} // namespace levada::detail
