#include <levada/actors/owner.hpp>

#include <map>
#include <mutex>
#include <utility>

#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>

#include <levada/actors/owner_table.hpp>
#include <levada/actors/registry.hpp>
#include <levada/runtime/error.hpp>
#include <levada/runtime/runtime.hpp>
#include <levada/runtime/scope.hpp>

namespace levada {

namespace {

/// The owners that are actors: one each, so that asking twice gives the same.
/// An actor leaves the map when it ends.
class owning_actors {
public:
  std::shared_ptr<detail::owner_state> of(const caf::actor& actor) {
    const auto address = actor.address();
    std::shared_ptr<detail::owner_state> made;
    {
      std::lock_guard guard{mutex_};
      auto& known = owners_[address];
      if (known != nullptr)
        return known;
      made = known = std::make_shared<detail::owner_state>(
        "actor " + std::to_string(actor.id()), false);
    }
    // (called at once for an actor that has ended, hence without the lock)
    actor->attach_functor([this, address, made](const caf::error&) {
      {
        std::lock_guard guard{mutex_};
        owners_.erase(address);
      }
      made->end();
    });
    return made;
  }

private:
  std::mutex mutex_;
  std::map<caf::actor_addr, std::shared_ptr<detail::owner_state>> owners_;
};

/// A scope as an owner.
class owning_scope final : public detail::scope_watcher {
public:
  void scope_gone() noexcept override {
    state->end();
  }

  const std::shared_ptr<detail::owner_state> state
    = std::make_shared<detail::owner_state>("scope", false);
};

} // namespace

const char* to_string(owner_gone policy) noexcept {
  switch (policy) {
    case owner_gone::keep:
      return "keep";
    case owner_gone::replace:
      return "replace";
    case owner_gone::error:
      return "error";
    case owner_gone::remove:
      return "remove";
  }
  return "?";
}

const char* to_string(channel_end end) noexcept {
  switch (end) {
    case channel_end::both:
      return "both";
    case channel_end::send:
      return "send";
    case channel_end::receive:
      return "receive";
  }
  return "?";
}

const char* to_string(end_use use) noexcept {
  switch (use) {
    case end_use::unused:
      return "unused";
    case end_use::open:
      return "open";
    case end_use::released:
      return "released";
  }
  return "?";
}

owner::owner(std::shared_ptr<detail::owner_state> state) noexcept
    : state_(std::move(state)) {
  state_->add_handle();
}

owner::owner(std::string name)
    : owner(std::make_shared<detail::owner_state>(std::move(name), true)) {
}

owner owner::of(const caf::actor& actor) {
  if (actor == nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                "owner::of: the handle holds no actor");
  // (never destroyed: actors may end after main has returned)
  static auto& actors = *new owning_actors;
  return owner{actors.of(actor)};
}

owner owner::of(const scope& scope) {
  const auto watcher
    = scope.state().watcher([]() -> std::shared_ptr<detail::scope_watcher> {
        return std::make_shared<owning_scope>();
      });
  return owner{static_cast<owning_scope&>(*watcher).state};
}

owner owner::of(const runtime& runtime) {
  return owner{detail::channel_directory::of(runtime.engine()).owner()};
}

owner::owner(const owner& other) noexcept : state_(other.state_) {
  if (state_ != nullptr)
    state_->add_handle();
}

owner& owner::operator=(owner other) noexcept {
  state_.swap(other.state_);
  return *this;
}

owner::~owner() {
  if (state_ != nullptr)
    state_->drop_handle();
}

bool owner::end() {
  const auto& state = detail::owner_access::state(*this, "owner::end");
  if (!state->free_standing)
    throw_error(make_error_code(errc::invalid_argument),
                "owner::end: \"" + state->name
                  + "\" ends with the thing it is; end that instead");
  return state->end();
}

bool owner::is_gone() const noexcept {
  return state_ == nullptr || state_->gone();
}

std::uint64_t owner::id() const noexcept {
  return state_ == nullptr ? 0 : state_->id;
}

std::string owner::name() const {
  return state_ == nullptr ? "" : state_->name;
}

namespace detail {

const std::shared_ptr<owner_state>& owner_access::state(const owner& owner,
                                                        const char* operation) {
  if (owner.state_ == nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                std::string{operation}
                  + ": a moved-from owner is nobody; copy owners instead");
  return owner.state_;
}

} // namespace detail
} // namespace levada
