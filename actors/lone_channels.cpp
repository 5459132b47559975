#include <levada/actors/lone_channels.hpp>

#include <levada/runtime/directory.hpp>

namespace levada::detail {

namespace {

constexpr cell_type no_items{0, [](void*, void*) noexcept {},
                             [](void*) noexcept {}};

constexpr channel_setup no_setup{&no_items};

class lone_core final : public channel_core {
public:
  lone_core(std::uint64_t id, close_reason state) : channel_core(no_setup, id) {
    closed = state;
  }
};

} // namespace

channel_core& nil_for_sending() noexcept {
  static lone_core instance{first_nil_id, close_reason::open};
  return instance;
}

channel_core& nil_for_receiving() noexcept {
  static lone_core instance{first_nil_id + 1, close_reason::open};
  return instance;
}

channel_core& detached_channel() noexcept {
  static lone_core instance{first_nil_id + 2, close_reason::closed};
  return instance;
}

} // namespace levada::detail
