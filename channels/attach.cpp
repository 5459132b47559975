#include <levada/channels/attach.hpp>

#include <string>

#include <levada/actors/channel_failure.hpp>
#include <levada/runtime/directory.hpp>

namespace levada::detail {

std::uint64_t checked_id(bool negative, std::uint64_t id) {
  if (negative)
    throw_error(make_error_code(errc::invalid_argument),
                "channel id: negative; ids count from 1");
  if (id >= first_nil_id)
    throw_error(make_error_code(errc::invalid_argument),
                "channel id: larger than any id; take it from id() of an end");
  return id;
}

channel_core& attach_core(engine& where, std::uint64_t id,
                          const std::type_info& item) {
  auto* channel = find_channel(where, id);
  if (channel == nullptr)
    throw channel_not_found("channel " + std::to_string(id));
  if (*channel->type.item == item)
    return *channel;
  const auto carried = type_name(*channel->type.item);
  channel->release();
  throw_error(make_error_code(errc::type_mismatch),
              "channel " + std::to_string(id) + " carries " + carried + ", not "
                + type_name(item));
}

} // namespace levada::detail
