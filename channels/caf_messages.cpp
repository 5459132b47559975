#include <levada/channels/caf_messages.hpp>

#include <levada/actors/channel_actor.hpp>

namespace levada::detail {

void teach(channel_core* core, std::unique_ptr<channel_speech> speech) {
  if (core == nullptr)
    throw_error(make_error_code(errc::nil_channel), "speak_caf");
  static_cast<channel_actor&>(*core).door().learn(std::move(speech));
}

} // namespace levada::detail
