#include <levada/actors/owner_table.hpp>

#include <algorithm>
#include <string>
#include <utility>

#include <levada/actors/channel_actor.hpp>
#include <levada/actors/registry.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/error.hpp>

namespace levada::detail {

namespace {

std::uint64_t next_owner_id() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// (a member's items begin with their tags: see owned_item)
const owned_tag& tag_in(const void* cell) noexcept {
  return *static_cast<const owned_tag*>(cell);
}

/// Applies its policy to every item of one owner.
class policy_judge final : public item_judge {
public:
  policy_judge(std::uint64_t owner, owner_table::split_function split) noexcept
      : owner_(owner),
        split_(split) {
  }

  verdict judge(const void* cell) noexcept override {
    const auto& tag = tag_in(cell);
    if (tag.owner != owner_ || tag.policy == owner_gone::keep)
      return verdict::keep;
    return tag.policy == owner_gone::remove ? verdict::remove
                                            : verdict::replace;
  }
  void replace(void* cell, void* taken) noexcept override {
    split_(cell, taken);
  }

private:
  std::uint64_t owner_;
  owner_table::split_function split_;
};

/// Finds the waits of one owner.
class wait_judge final : public item_judge {
public:
  explicit wait_judge(std::uint64_t owner) noexcept : owner_(owner) {
  }
  verdict judge(const void* cell) noexcept override {
    return tag_in(cell).owner == owner_ ? verdict::remove : verdict::keep;
  }
  void replace(void*, void*) noexcept override {
  }

private:
  std::uint64_t owner_;
};

} // namespace

// -- the owner ----------------------------------------------------------------

owner_state::owner_state(std::string name, bool free_standing)
    : id(next_owner_id()),
      name(std::move(name)),
      free_standing(free_standing) {
}

bool owner_state::end() noexcept {
  // This may be the last reference to leave the list.
  const auto self = shared_from_this();
  std::vector<member_pointer> members;
  {
    std::lock_guard guard{mutex_};
    if (gone())
      return false;
    gone_.store(true, std::memory_order_release);
    members.swap(members_);
    // Channels that are being destroyed wait for this lock to leave the list:
    // until then their memory is there, but they must not be revived.
    for (auto& each : members)
      if (!static_cast<channel_actor&>(each->channel).retain_if_alive())
        each.reset();
  }
  for (auto& each : members) {
    if (each == nullptr)
      continue;
    auto& channel = each->channel;
    owner_table::died(*each);
    each.reset();
    channel.release();
  }
  return true;
}

void owner_state::drop_handle() noexcept {
  // acq_rel: the last one sees what the others did with theirs
  if (handles_.fetch_sub(1, std::memory_order_acq_rel) == 1 && free_standing)
    end();
}

bool owner_state::add(const member_pointer& member) {
  std::lock_guard guard{mutex_};
  if (gone())
    return false;
  member->place = members_.size();
  members_.push_back(member);
  return true;
}

void owner_state::remove(owned_member& member) noexcept {
  member_pointer last;
  std::lock_guard guard{mutex_};
  if (member.place >= members_.size()
      || members_[member.place].get() != &member)
    return; // end() has taken the list
  last = std::move(members_.back());
  members_.pop_back();
  if (last.get() == &member)
    return;
  last->place = member.place;
  last.swap(members_[member.place]);
}

// -- the table ----------------------------------------------------------------

owner_table::~owner_table() {
  for (auto& each : members_)
    each->who->remove(*each);
}

member_pointer owner_table::find(std::uint64_t owner) const {
  for (const auto& each : members_)
    if (each->who->id == owner)
      return each;
  return nullptr;
}

member_pointer owner_table::join(channel_core& channel,
                                 const std::shared_ptr<owner_state>& who) {
  auto& table = *channel.owners();
  {
    spin_guard guard{channel.lock};
    if (auto known = table.find(who->id))
      return known;
  }
  auto made = std::make_shared<owned_member>(channel, who);
  {
    spin_guard guard{channel.lock};
    if (auto known = table.find(who->id))
      return known;
    table.members_.push_back(made);
  }
  // Only now does the owner's death visit this channel; somebody else may have
  // found the member already, and sent.
  if (!who->add(made))
    died(*made);
  return made;
}

member_pointer owner_table::join_current(channel_core& channel) {
  auto* here = current_engine();
  auto& registry
    = here != nullptr ? channel_directory::of(*here) : channel.home();
  return join(channel, registry.owner());
}

bool owner_table::admit_first(owned_member& member, bool sending) noexcept {
  auto& channel = member.channel;
  // (using a closed end fails for that reason, and leaves no trace)
  if (sending ? !channel.is_open() : channel.is_drained())
    return true;
  auto& use = sending ? member.send : member.receive;
  if (use == end_use::released)
    return false;
  use = end_use::open;
  auto& table = *channel.owners();
  ++table.open_ends_;
  table.used_ = true;
  return true;
}

void owner_table::release_end(owned_member& member, bool sending,
                              wake_list& wakes) {
  auto& use = sending ? member.send : member.receive;
  if (use == end_use::open)
    --open_ends_;
  use = end_use::released;
  wait_judge mine{member.who->id};
  auto& channel = member.channel;
  channel.end_waits(sending ? channel.senders : channel.receivers, mine, wakes);
}

void owner_table::close_if_unowned(channel_core& channel, stray_list& strays,
                                   wake_list& wakes) {
  if (used_ && open_ends_ == 0)
    channel.close_locked({.reason = close_reason::owner_gone,
                          .drop_buffered = unread_ == unread_items::drop},
                         strays, wakes);
}

void owner_table::died(owned_member& member) noexcept {
  auto& channel = member.channel;
  auto& table = *channel.owners();
  member_pointer kept;
  {
    stray_list strays{channel.type};
    wake_list wakes;
    spin_guard guard{channel.lock};
    const auto found
      = std::find_if(table.members_.begin(), table.members_.end(),
                     [&](const auto& each) { return each.get() == &member; });
    if (found == table.members_.end())
      return;
    const bool had_used
      = member.send == end_use::open || member.receive == end_use::open;
    table.release_end(member, true, wakes);
    table.release_end(member, false, wakes);
    policy_judge judge{member.who->id, table.split_};
    channel.sweep(judge, strays, wakes);
    kept = std::move(*found);
    table.members_.erase(found);
    if (had_used)
      table.close_if_unowned(channel, strays, wakes);
    else if (channel.is_drained())
      channel.release_receivers(wakes); // the last item went by the sweep
  }
  channel.end_if_drained();
}

void owner_table::release(channel_core& channel,
                          const std::shared_ptr<owner_state>& who,
                          channel_end end) {
  const auto member = join(channel, who);
  auto& table = *channel.owners();
  bool was_closed = false;
  {
    stray_list strays{channel.type};
    wake_list wakes;
    spin_guard guard{channel.lock};
    was_closed = channel.is_drained();
    if (!was_closed && table.find(who->id) == member) {
      // (an end that was never used counts as used from now on)
      table.used_ = true;
      if (end != channel_end::receive)
        table.release_end(*member, true, wakes);
      if (end != channel_end::send)
        table.release_end(*member, false, wakes);
      table.close_if_unowned(channel, strays, wakes);
    }
  }
  if (was_closed)
    throw channel_closed("release: channel " + std::to_string(channel.id));
  channel.end_if_drained();
}

std::vector<association> owner_table::associations(channel_core& channel) {
  std::vector<member_pointer> members;
  std::vector<association> result;
  {
    spin_guard guard{channel.lock};
    members = channel.owners()->members_;
    for (const auto& each : members)
      result.push_back({each->who->id, {}, each->send, each->receive});
  }
  for (std::size_t i = 0; i < members.size(); ++i)
    result[i].name = members[i]->who->name;
  return result;
}

std::vector<association> owner_table::users(channel_core& channel,
                                            channel_end end) {
  if (end == channel_end::both)
    throw_error(make_error_code(errc::invalid_argument),
                "owners: name one end, send or receive");
  const bool sending = end == channel_end::send;
  auto result = associations(channel);
  bool closed = false;
  {
    spin_guard guard{channel.lock};
    closed = sending ? !channel.is_open() : channel.is_drained();
  }
  if (closed)
    throw channel_closed("owners: channel " + std::to_string(channel.id));
  std::erase_if(result, [sending](const association& each) {
    return (sending ? each.send : each.receive) != end_use::open;
  });
  return result;
}

owner_table& require_owners(channel_core& channel, const char* operation) {
  auto* table = channel.owners();
  if (table == nullptr)
    throw_error(make_error_code(errc::invalid_argument),
                std::string{operation} + ": channel "
                  + std::to_string(channel.id)
                  + " has no owners; make it with make_owned_channel");
  return *table;
}

} // namespace levada::detail
