#include <levada/channels/handle.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>

#include <levada/actors/channel_actor.hpp>

namespace levada::detail {

std::size_t handle_base::capacity() const noexcept {
  if (!core_)
    return 0;
  return core_->capacity == channel_core::unbounded ? SIZE_MAX
                                                    : core_->capacity;
}

std::size_t handle_base::size() const noexcept {
  if (!core_)
    return 0;
  spin_guard guard{core_->lock};
  return core_->count;
}

close_record handle_base::close_record() const {
  return core_ ? core_->record() : levada::close_record{};
}

channel_stats handle_base::stats() const {
  return info().stats;
}

channel_info handle_base::info() const {
  return core_ ? core_->info() : channel_info{};
}

channel_core& handle_base::require(const char* operation) const {
  if (!core_)
    throw_error(make_error_code(errc::nil_channel), operation);
  return *core_;
}

caf::actor handle_base::as_actor() const {
  auto& core = require("as_actor");
  {
    spin_guard guard{core.lock};
    core.exposed = true;
  }
  core.end_if_drained(); // in case it was over before anybody could be told
  auto pointer = static_cast<channel_actor&>(core).pointer();
  return caf::actor_cast<caf::actor>(pointer);
}

} // namespace levada::detail
