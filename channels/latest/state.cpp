#include <levada/channels/latest/state.hpp>

#include <algorithm>

namespace levada::detail {

namespace {

channel_ends<unit> make_signal(engine& home, const std::string& name) {
  return make_channel_in<unit>(home, {.name = name, .capacity = 1});
}

} // namespace

latest_core::latest_core(engine& home, std::string name)
    : home_(home),
      name_(std::move(name)),
      anchor_(make_signal(home, name_)) {
}

channel_ends<unit> latest_core::make_bell() const {
  if (anchor_.tx.is_closed())
    throw_error(make_error_code(errc::runtime_stopped),
                "latest: the runtime it was made in has stopped");
  return make_signal(home_, name_);
}

std::shared_ptr<const latest_bell> latest_core::attach() {
  auto bell = std::make_shared<const latest_bell>(make_bell());
  const std::lock_guard guard{readers_mutex_};
  readers_.push_back(bell);
  return bell;
}

void latest_core::detach(const latest_bell& gone) noexcept {
  std::shared_ptr<const latest_bell> bell;
  std::optional<channel_ends<unit>> nobody;
  const std::lock_guard guard{readers_mutex_};
  const auto found
    = std::find_if(readers_.begin(), readers_.end(),
                   [&gone](const auto& each) { return each.get() == &gone; });
  if (found == readers_.end())
    return;
  bell = std::move(*found);
  *found = std::move(readers_.back());
  readers_.pop_back();
  if (readers_.empty())
    nobody.swap(presence_);
}

std::size_t latest_core::readers() const noexcept {
  const std::lock_guard guard{readers_mutex_};
  return readers_.size();
}

sender<unit> latest_core::presence() {
  {
    const std::lock_guard guard{readers_mutex_};
    if (readers_.empty())
      return {};
    if (presence_)
      return presence_->tx;
  }
  auto made = make_bell();
  const std::lock_guard guard{readers_mutex_};
  if (readers_.empty())
    return {};
  if (!presence_)
    presence_ = std::move(made);
  return presence_->tx;
}

void latest_core::ring_all() const noexcept {
  const std::lock_guard guard{readers_mutex_};
  for (const auto& each : readers_)
    each->ring();
}

} // namespace levada::detail
