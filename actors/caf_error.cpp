#include <levada/actors/caf_error.hpp>

#include <caf/exit_reason.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

namespace levada {

namespace {

std::string text_of(const caf::message& context) {
  return context.match_elements<std::string>() ? context.get_as<std::string>(0)
                                               : std::string{};
}

class caf_category final : public std::error_category {
public:
  const char* name() const noexcept override {
    return "caf";
  }
  std::string message(int code) const override {
    return to_string(static_cast<caf::sec>(code));
  }
};

} // namespace

caf::error make_error(errc code) {
  return {static_cast<std::uint8_t>(code), error_category};
}

caf::error make_error(errc code, const std::string& context) {
  return {static_cast<std::uint8_t>(code), error_category,
          caf::make_message(context)};
}

std::string render_error(std::uint8_t code, caf::atom_value,
                         const caf::message& context) {
  const auto known = category().message(code);
  const auto more = text_of(context);
  return more.empty() ? known : more + ": " + known;
}

std::string to_text(const caf::error& error) {
  if (!error)
    return "none";
  if (error.category() == error_category)
    return render_error(error.code(), error_category, error.context());
  std::string result;
  if (error.category() == caf::atom("system"))
    result = to_string(static_cast<caf::sec>(error.code()));
  else if (error.category() == caf::atom("exit"))
    result = to_string(static_cast<caf::exit_reason>(error.code()));
  else
    result = to_string(error.category()) + " " + std::to_string(error.code());
  const auto more = text_of(error.context());
  return more.empty() ? result : result + ": " + more;
}

std::error_code to_error_code(const caf::error& error) {
  static const caf_category caf_errors;
  if (!error)
    return {};
  if (error.category() == error_category)
    return make_error_code(static_cast<errc>(error.code()));
  if (error == caf::sec::request_timeout)
    return make_error_code(errc::timed_out);
  if (error == caf::sec::request_receiver_down)
    return make_error_code(errc::closed);
  if (error.category() == caf::atom("system"))
    return {error.code(), caf_errors};
  return make_error_code(errc::dropped);
}

} // namespace levada
