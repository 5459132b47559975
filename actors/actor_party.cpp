#include <levada/actors/actor_party.hpp>

#include <utility>

#include <caf/scheduled_actor.hpp>

#include <levada/actors/registry.hpp>

namespace levada::detail {

bool actor_party::enter(const caf::scheduled_actor& self, const char* does,
                        channel_core* channel, std::size_t more) {
  if (channel == nullptr || channel->id == 0 || channel->id >= first_nil_id)
    return false;
  party_.text = "actor " + std::to_string(self.id()) + " \"" + self.name()
                + "\": " + does + " channel " + std::to_string(channel->id);
  if (*channel->name() != '\0')
    party_.text += std::string{" \""} + channel->name() + '"';
  if (more != 0)
    party_.text += " and " + std::to_string(more) + " more";
  channel->retain();
  at_ = channel;
  channel->home().parties.add(party_);
  return true;
}

void actor_party::leave() noexcept {
  if (at_ == nullptr)
    return;
  at_->home().parties.remove(party_);
  std::exchange(at_, nullptr)->release();
}

} // namespace levada::detail
