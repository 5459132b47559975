#include <levada/channels/handle.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>

#include <levada/actors/channel_actor.hpp>

namespace levada::detail {

namespace {

constexpr cell_type no_items{0, [](void*, void*) noexcept {},
                             [](void*) noexcept {}};

constexpr channel_setup no_setup{&no_items};

/// A channel that is no actor and in no registry.
class lone_core final : public channel_core {
public:
  explicit lone_core(close_reason state) : channel_core(no_setup, 0, nullptr) {
    closed = state;
  }
};

} // namespace

channel_core& nil_for_sending() noexcept {
  static lone_core instance{close_reason::open};
  return instance;
}

channel_core& nil_for_receiving() noexcept {
  static lone_core instance{close_reason::open};
  return instance;
}

channel_core& handle_access::detached_channel() noexcept {
  static lone_core instance{close_reason::closed};
  return instance;
}

std::size_t handle_base::capacity() const noexcept {
  if (core_ == nullptr)
    return 0;
  return core_->capacity == channel_core::unbounded ? SIZE_MAX
                                                    : core_->capacity;
}

std::size_t handle_base::size() const noexcept {
  if (core_ == nullptr)
    return 0;
  spin_guard guard{core_->lock};
  return core_->count;
}

close_record handle_base::close_record() const {
  return core_ == nullptr ? levada::close_record{} : core_->record();
}

channel_stats handle_base::stats() const {
  return info().stats;
}

channel_info handle_base::info() const {
  return core_ == nullptr ? channel_info{} : core_->info();
}

channel_core& handle_base::require(const char* operation) const {
  if (core_ == nullptr)
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
