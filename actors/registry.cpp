#include <levada/actors/registry.hpp>

#include <algorithm>
#include <mutex>
#include <ostream>

#include <levada/actors/channel_actor.hpp>
#include <levada/actors/channel_failure.hpp>
#include <levada/actors/channel_info.hpp>
#include <levada/actors/lone_channels.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/runtime.hpp>

namespace levada::detail {

namespace {

/// All registries of the process. A task may wait at a channel of another
/// runtime, and knows only the id it has there.
class all_registries {
public:
  void add(channel_directory& which) {
    std::lock_guard guard{mutex_};
    which.retain();
    registries_.push_back(&which);
  }
  void remove(channel_directory& which) {
    {
      std::lock_guard guard{mutex_};
      std::erase(registries_, &which);
    }
    which.release();
  }
  /// All but `known`, each retained.
  std::vector<channel_directory*> others(const channel_directory& known) {
    std::vector<channel_directory*> result;
    std::lock_guard guard{mutex_};
    for (auto* each : registries_)
      if (each != &known) {
        each->retain();
        result.push_back(each);
      }
    return result;
  }

private:
  std::mutex mutex_;
  std::vector<channel_directory*> registries_;
};

all_registries& registries() {
  static all_registries instance;
  return instance;
}

/// The engine's view of the registry.
class engine_directory final : public directory {
public:
  explicit engine_directory(channel_directory& channels) : channels_(channels) {
    registries().add(channels_);
  }
  ~engine_directory() override {
    channels_.end_owner();
    registries().remove(channels_);
    channels_.release();
  }
  engine_directory(const engine_directory&) = delete;
  engine_directory& operator=(const engine_directory&) = delete;

  channel_directory& channels() noexcept {
    return channels_;
  }

  void cancel_wait(std::uint64_t id, const task_frame* root) override {
    if (id == nil_for_sending().id)
      nil_for_sending().cancel_wait(root);
    else if (id == nil_for_receiving().id)
      nil_for_receiving().cancel_wait(root);
    else {
      cancel_wait_in(channels_, id, root);
      // A channel of that id finds the task in its queues, or does nothing.
      for (auto* other : registries().others(channels_)) {
        cancel_wait_in(*other, id, root);
        other->release();
      }
    }
  }

  void tasks_ended() override {
    channels_.end_owner();
  }

  void close_all() override {
    channels_.start_closing();
    for (auto* channel : channels_.all()) {
      channel->close({close_reason::runtime_stopped});
      channel->release();
    }
  }

  void terminate_all() override {
    for (auto* channel : channels_.all()) {
      static_cast<channel_actor*>(channel)->end(close_reason::runtime_stopped);
      channel->release();
    }
  }

  void print(std::ostream& out) override {
    for (auto* channel : channels_.all()) {
      out << "  " << to_string(channel->info()) << '\n';
      channel->release();
    }
    channels_.parties.print(out);
  }

  bool has_parties() const noexcept override {
    return !channels_.parties.empty();
  }

  std::string name_of(std::uint64_t id) override {
    std::string result;
    if (auto* channel = channels_.find(id)) {
      result = channel->name();
      channel->release();
    }
    return result;
  }

private:
  static void cancel_wait_in(channel_directory& channels, std::uint64_t id,
                             const task_frame* root) {
    if (auto* channel = channels.find(id)) {
      channel->cancel_wait(root);
      channel->release();
    }
  }

  channel_directory& channels_;
};

} // namespace

void party_list::print(std::ostream& out) const {
  const std::lock_guard guard{mutex_};
  for (const auto* each = first_; each != nullptr; each = each->next)
    out << "  " << each->text
        << (each->waits.load(std::memory_order_relaxed) ? ", waits"
                                                        : ", has its turn")
        << '\n';
}

std::unique_ptr<directory> make_directory(outsider_count outsiders) {
  return channel_directory::make(std::move(outsiders));
}

std::unique_ptr<directory> channel_directory::make(outsider_count outsiders) {
  return std::make_unique<engine_directory>(
    *new channel_directory{std::move(outsiders)});
}

channel_directory& channel_directory::of(engine& where) {
  return static_cast<engine_directory&>(*where.channels).channels();
}

std::shared_ptr<owner_state> channel_directory::owner() {
  std::lock_guard guard{owner_mutex_};
  if (owner_ == nullptr) {
    owner_ = std::make_shared<owner_state>("runtime", false);
    if (owner_ended_)
      owner_->end(); // (nothing is bound to it yet)
  }
  return owner_;
}

void channel_directory::end_owner() {
  std::shared_ptr<owner_state> ending;
  {
    std::lock_guard guard{owner_mutex_};
    owner_ended_ = true;
    ending = owner_;
  }
  if (ending != nullptr)
    ending->end();
}

/// Ids are dense, and spread evenly over the buckets. Buckets by the million are
/// memory, too, and so is what they leave behind when they grow.
constexpr std::size_t longest_chain = 4;

channel_core*& channel_directory::bucket_of(shard& in,
                                            std::uint64_t id) noexcept {
  return in.buckets[(id / 16) & (in.buckets.size() - 1)];
}

void channel_directory::rehash(shard& which) {
  std::vector<channel_core*> old(
    std::max<std::size_t>(which.buckets.size() * longest_chain, 4), nullptr);
  old.swap(which.buckets);
  for (auto* channel : old)
    while (channel != nullptr) {
      auto* following = channel->registered_next_;
      auto*& bucket = bucket_of(which, channel->id);
      channel->registered_next_ = bucket;
      bucket = channel;
      channel = following;
    }
}

void channel_directory::add(channel_core& channel) {
  auto& mine = shard_of(channel.id);
  spin_guard guard{mine.lock};
  if (mine.count >= longest_chain * mine.buckets.size())
    rehash(mine);
  auto*& bucket = bucket_of(mine, channel.id);
  channel.registered_next_ = bucket;
  bucket = &channel;
  ++mine.count;
  retain();
}

void channel_directory::remove(channel_core& channel) noexcept {
  auto& mine = shard_of(channel.id);
  spin_guard guard{mine.lock};
  auto** link = &bucket_of(mine, channel.id);
  while (*link != nullptr && *link != &channel)
    link = &(*link)->registered_next_;
  if (*link == nullptr)
    return; // destroy() has removed it
  *link = channel.registered_next_;
  --mine.count;
}

channel_core* channel_directory::find(std::uint64_t id) noexcept {
  auto& mine = shard_of(id);
  spin_guard guard{mine.lock};
  if (mine.buckets.empty())
    return nullptr;
  for (auto* each = bucket_of(mine, id); each != nullptr;
       each = each->registered_next_)
    if (each->id == id)
      return static_cast<channel_actor*>(each)->retain_if_alive() ? each
                                                                  : nullptr;
  return nullptr;
}

std::vector<channel_core*> channel_directory::all() {
  std::vector<channel_core*> result;
  for (auto& each : shards_) {
    spin_guard guard{each.lock};
    for (auto* channel : each.buckets)
      for (; channel != nullptr; channel = channel->registered_next_)
        if (static_cast<channel_actor*>(channel)->retain_if_alive())
          result.push_back(channel);
  }
  std::sort(result.begin(), result.end(),
            [](const auto* a, const auto* b) { return a->id < b->id; });
  return result;
}

channel_core* find_channel(engine& where, std::uint64_t id) noexcept {
  return channel_directory::of(where).find(id);
}

} // namespace levada::detail

namespace levada {

namespace {

/// A channel found by id, released at the end of the scope.
class found_channel {
public:
  found_channel(detail::engine& where, std::uint64_t id)
      : channel_(detail::find_channel(where, id)) {
    if (channel_ == nullptr)
      throw channel_not_found("channel " + std::to_string(id), {.channel = id});
  }
  ~found_channel() {
    channel_->release();
  }
  found_channel(const found_channel&) = delete;
  found_channel& operator=(const found_channel&) = delete;

  detail::channel_core* operator->() const noexcept {
    return channel_;
  }
  detail::channel_core& operator*() const noexcept {
    return *channel_;
  }

private:
  detail::channel_core* channel_;
};

void close_channel(detail::engine& where, std::uint64_t id,
                   close_request request) {
  const found_channel channel{where, id};
  const bool draining
    = request.end == close_request::which::send && !request.force;
  const bool only_if_empty = !draining && !request.force;
  // One call decides and closes: nothing can slip in between.
  switch (channel->close({.reason = close_reason::closed,
                          .drop_buffered = request.force,
                          .only_if_empty = only_if_empty})) {
    case detail::close_outcome::done:
      return;
    case detail::close_outcome::was_closed:
      detail::fail_on(&*channel, errc::closed, "close", endpoint::none);
    case detail::close_outcome::not_empty:
      detail::fail_on(&*channel, errc::not_empty, "close", endpoint::none);
  }
}

void destroy_channel(detail::engine& where, std::uint64_t id) {
  const found_channel channel{where, id};
  detail::channel_directory::of(where).remove(*channel);
  static_cast<detail::channel_actor&>(*channel).end(close_reason::killed);
}

} // namespace

channel_list runtime::channels() const {
  return channel_list{*this};
}

channel_info runtime::find(std::uint64_t id) const {
  return found_channel {
    *engine_, id
  } -> info();
}

void runtime::close(std::uint64_t id, close_request request) {
  close_channel(*engine_, id, request);
}

void runtime::close(std::uint64_t id) {
  close_channel(*engine_, id, {});
}

void runtime::destroy(std::uint64_t id) {
  destroy_channel(*engine_, id);
}

channel_list::channel_list(const runtime& home) : home_(&home) {
  for (auto* channel : detail::channel_directory::of(home.engine()).all()) {
    push_back(channel->info());
    channel->release();
  }
}

channel_info channel_list::find(std::uint64_t id) const {
  return home_->find(id);
}

void channel_list::close(std::uint64_t id, close_request request) const {
  close_channel(home_->engine(), id, request);
}

void channel_list::destroy(std::uint64_t id) const {
  destroy_channel(home_->engine(), id);
}

std::size_t channel_list::count(std::uint64_t id) const {
  const found_channel channel{home_->engine(), id};
  detail::spin_guard guard{channel->lock};
  return channel->count;
}

std::vector<association> channel_list::owners(std::uint64_t id,
                                              channel_end end) const {
  const found_channel channel{home_->engine(), id};
  detail::require_owners(*channel, "owners");
  return detail::owner_table::users(*channel, end);
}

void channel_list::release(std::uint64_t id, const owner& who,
                           channel_end end) const {
  const found_channel channel{home_->engine(), id};
  detail::require_owners(*channel, "release");
  detail::owner_table::release(
    *channel, detail::owner_access::state(who, "release"), end);
}

} // namespace levada
