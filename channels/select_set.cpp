#include <levada/channels/select_set.hpp>

#include <algorithm>

#include <levada/channels/select/set_rounds.hpp>
#include <levada/runtime/engine.hpp>

namespace levada::detail {

bool set_member::told(set_node& base, wake_list& wakes) noexcept {
  auto& self = static_cast<set_member&>(base);
  return self.set.told(self, wakes);
}

// -- set_core -----------------------------------------------------------------

set_core::set_core() = default;

set_core::~set_core() {
  for (auto& member : members_)
    disarm(*member);
}

std::uint64_t set_core::next_index() noexcept {
  spin_guard guard{lock_};
  return ++last_index_;
}

void set_core::add(std::unique_ptr<set_member> member) {
  auto& added = *member;
  {
    spin_guard guard{lock_};
    members_.push_back(std::move(member));
  }
  wake_list wakes;
  look(added, true, wakes);
}

/// What the member's channel has: into the member's slot, when `told()` or the
/// caller may take it; armed when it has nothing.
bool set_core::look(set_member& member, bool ask, wake_list& wakes) {
  auto& channel = *member.channel;
  bool ended = false;
  {
    seat_guard guard{channel.lock};
    const bool something = channel.count != 0 || !channel.senders.empty();
    if (!something && !channel.is_drained()) {
      channel.receivers.push_back(member); // armed
      return false;
    }
    if (ask && !told(member, wakes))
      return false; // nobody waits: it is on the ready list
    if (take(channel, member.slot, erased_mover{channel.type}, wakes))
      member.result = outcome::done;
    else if (channel.is_drained())
      member.result = outcome::closed;
    else if (ask)
      member.result = outcome::pending; // every sender had gone: an empty wake
    else
      channel.receivers.push_back(member);
    if (ask)
      wakes.add(*member.who);
    ended = !channel.is_open();
  }
  if (ended)
    channel.end_if_drained();
  return member.result != outcome::pending;
}

bool set_core::remove(std::uint64_t index) {
  std::unique_ptr<set_member> gone;
  std::vector<round_member> gone_in_rounds;
  wake_list wakes;
  {
    spin_guard guard{lock_};
    const auto found = std::find_if(
      members_.begin(), members_.end(),
      [index](const auto& each) { return each->index == index; });
    if (found == members_.end()) {
      const auto other = std::find_if(
        in_rounds_.begin(), in_rounds_.end(),
        [index](const auto& each) { return each.held->index == index; });
      if (other == in_rounds_.end() || other->removed)
        return false;
      other->removed = true;
      if (running_)
        tell_round(wakes); // next() takes it out
      else
        gone_in_rounds = take_gone();
      return true;
    }
    if ((*found)->removed)
      return false;
    auto& member = **found;
    member.removed = true; // from now on nobody puts it on the ready list
    if (&member == busy_ || &member == delivered_)
      return true; // next() forgets it when its event has been seen
    gone = extract(member);
    if (members_.empty() && who_ != nullptr)
      wakes.add(*std::exchange(who_, nullptr));
    tell_round(wakes);
  }
  disarm(*gone);
  return true;
}

void set_core::disarm(set_member& member) noexcept {
  spin_guard guard{member.channel->lock};
  if (member.enlisted())
    member.channel->receivers.remove(member);
}

std::size_t set_core::size() const noexcept {
  spin_guard guard{lock_};
  return static_cast<std::size_t>(
    std::count_if(members_.begin(), members_.end(),
                  [](const auto& each) { return !each->removed; })
    + std::count_if(in_rounds_.begin(), in_rounds_.end(),
                    [](const auto& each) { return !each.removed; }));
}

bool set_core::told(set_member& member, wake_list& wakes) noexcept {
  // inside the channel's; that may be inside a broadcast's
  innermost_guard guard{lock_};
  if (who_ == nullptr || member.removed) {
    if (!member.removed) {
      push_ready(member);
      tell_round(wakes);
    }
    return false;
  }
  delivered_ = &member;
  member.who = std::exchange(who_, nullptr);
  return true;
}

void set_core::push_ready(set_member& member) noexcept {
  member.is_ready = true;
  member.next_ready = nullptr;
  (first_ready_ == nullptr ? first_ready_ : last_ready_->next_ready) = &member;
  last_ready_ = &member;
}

void set_core::unlink_ready(set_member& member) noexcept {
  set_member* before = nullptr;
  for (auto* each = first_ready_; each != &member; each = each->next_ready)
    before = each;
  (before == nullptr ? first_ready_ : before->next_ready) = member.next_ready;
  if (last_ready_ == &member)
    last_ready_ = before;
  member.is_ready = false;
}

/// The next one to look at, or null.
set_member* set_core::pop_ready(bool first) noexcept {
  if (first) {
    if (!in_rounds_.empty() || (busy_ != nullptr && busy_->removed))
      return nullptr;
    if (busy_ != nullptr)
      push_ready(*std::exchange(busy_, nullptr)); // it may have more
  }
  auto* const member = first_ready_;
  if (member == nullptr)
    return nullptr;
  first_ready_ = member->next_ready;
  member->is_ready = false;
  busy_ = member;
  return member;
}

set_member* set_core::poll(bias_seat& seat, bool first) {
  for (;; first = false) {
    lock_.lock(seat);
    auto* const member = pop_ready(first);
    lock_.unlock(seat);
    if (member == nullptr)
      return nullptr;
    if (member->take_quickly(seat)) [[likely]]
      return member;
    wake_list wakes;
    if (look(*member, false, wakes))
      return member;
    std::unique_ptr<set_member> gone;
    {
      seat_guard guard{lock_};
      busy_ = nullptr;
      if (member->removed)
        gone = extract(*member);
    }
    if (gone)
      disarm(*gone);
  }
}

std::unique_ptr<set_member> set_core::extract(set_member& member) {
  if (member.is_ready)
    unlink_ready(member);
  const auto found
    = std::find_if(members_.begin(), members_.end(),
                   [&](const auto& each) { return each.get() == &member; });
  auto result = std::move(*found);
  members_.erase(found);
  return result;
}

waiter* set_core::interrupt(outcome why) noexcept {
  spin_guard guard{lock_};
  if (delivered_ != nullptr && who_ == nullptr)
    return nullptr; // an item was faster
  verdict_ = why;
  return std::exchange(who_, nullptr);
}

void set_core::report(set_member& member) {
  if (member.result == outcome::pending)
    return;
  const bool closed = member.result == outcome::closed;
  member.finish();
  if (!closed)
    return;
  spin_guard guard{lock_};
  member.removed = true; // told once, then left out
}

set_core::way set_core::begin_next(bias_seat& seat) {
  std::unique_ptr<set_member> gone;
  auto result = way::waits;
  {
    lock_.lock(seat);
    adopted_seat_guard guard{lock_, seat};
    running_ = true;
    out_ = nullptr;
    if (!in_rounds_.empty())
      return way::in_rounds;
    runs_plainly_ = true;
    gone = take_seen();
    if (first_ready_ != nullptr)
      result = way::looks;
  }
  if (gone)
    disarm(*gone);
  return result;
}

void set_core::forget_removed() {
  std::unique_ptr<set_member> gone;
  {
    seat_guard guard{lock_};
    gone = take_seen();
  }
  if (gone)
    disarm(*gone);
}

std::unique_ptr<set_member> set_core::take_seen() {
  if (busy_ == nullptr)
    return nullptr;
  auto& member = *std::exchange(busy_, nullptr);
  if (member.removed)
    return extract(member);
  push_ready(member); // it may have more
  return nullptr;
}

set_member* set_core::end_next(bias_seat& seat, set_member* found,
                               outcome& verdict) noexcept {
  lock_.lock(seat);
  adopted_seat_guard guard{lock_, seat};
  running_ = false;
  runs_plainly_ = false;
  verdict = std::exchange(verdict_, outcome::pending);
  if (found == nullptr)
    found = busy_ = std::exchange(delivered_, nullptr);
  return found;
}

// -- set_next -----------------------------------------------------------------

void set_next::clean_up() noexcept {
  lift_limits();
  // Still waiting only when shutdown destroys the frame.
  if (aside_)
    set_.interrupt(outcome::cancelled);
  if (!ended_ && !in_rounds_)
    set_.end_rounds(); // that, or making a result has thrown
}

bool set_next::starts_in_rounds(task_frame& root) {
  waits_ = true;
  root_ = &root;
  way_ = set_.begin_next(root.seat());
  if (way_ != set_core::way::in_rounds) [[likely]]
    return false;
  auto work = levada::detail::next_in_rounds(&set_, length_, token_, line_);
  in_rounds_.emplace(task_access::take(work));
  return true;
}

bool set_next::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  who_ = &root;
  for (;; way_ = set_core::way::looks) {
    if (way_ == set_core::way::looks) {
      found_ = set_.poll(root.seat(), false);
      if (found_ != nullptr)
        return gone_on(root, leaf);
    }
    if (!limited_ && !set_limits())
      return false;
    aside_ = true;
    if (root.park_aside(leaf, wait_reason::set, *this, &set_next::publish,
                        line_))
      return true;
    aside_ = false;
    if (root.cancelled()) {
      how_ = outcome::cancelled;
      return false;
    }
    if (start_ != set_core::wait_start::look_again)
      return false;
  }
}

set_event set_next::resume_after_wait() {
  if (in_rounds_)
    return in_rounds_->await_resume();
  if (aside_)
    root_->leave_aside();
  aside_ = false;
  return finish();
}

set_event set_next::block() {
  forbid_blocking_in_task("select_set::blocking_next");
  auto& self = thread_waiter::mine();
  who_ = &self;
  waits_ = true;
  if (set_.begin_next(this_seat()) == set_core::way::in_rounds)
    return block_in_rounds(set_, length_, token_);
  auto deadline = time_point::max();
  for (;;) {
    found_ = set_.poll(this_seat(), false);
    if (found_ != nullptr)
      return finish();
    if (!limited_) {
      if (!set_limits())
        return finish();
      deadline = saturating_add(std::chrono::steady_clock::now(), length_);
    }
    start_ = set_.start_waiting(self, [&self] { self.reset(); });
    if (start_ == set_core::wait_start::waits)
      sleep(self, deadline);
    if (start_ != set_core::wait_start::look_again)
      return finish();
  }
}

void set_next::sleep(thread_waiter& self, time_point deadline) noexcept {
  if (deadline == time_point::max()
      || (!self.wait_until(deadline)
          && set_.interrupt(outcome::timed_out) == nullptr))
    self.wait(); // (in time: somebody was faster and has signalled, or will)
}

bool set_next::set_limits() {
  limited_ = true;
  if (length_ <= duration::zero()) {
    how_ = outcome::timed_out;
    return false;
  }
  if (token_.stop_possible())
    stop_.emplace(token_, stopper{this});
  if (root_ != nullptr && length_ != duration::max()) {
    when = saturating_add(root_->home().time.now(), length_);
    root_->home().timers.arm(*this);
    armed_ = true;
  }
  return true;
}

void set_next::lift_limits() noexcept {
  stop_.reset();
  if (std::exchange(armed_, false))
    root_->home().timers.disarm(*this);
}

set_event set_next::finish() {
  lift_limits();
  ended_ = true;
  const bool polled = found_ != nullptr;
  auto verdict = outcome::pending;
  found_ = set_.end_next(root_ != nullptr ? root_->seat() : this_seat(), found_,
                         verdict);
  // (A member that was handed nothing: its sender had gone.)
  if (polled || (found_ != nullptr && found_->result != outcome::pending)) {
    set_.report(*found_);
    return set_event{found_};
  }
  if (how_ == outcome::pending)
    how_ = verdict;
  switch (how_) {
    case outcome::cancelled:
      return set_event{errc_in_task(outcome::cancelled)};
    case outcome::timed_out:
      return set_event{errc::timed_out};
    default:
      return set_event{errc::empty};
  }
}

bool set_next::publish(side_wait& base) {
  auto& self = static_cast<set_next&>(base);
  self.start_ = self.set_.start_waiting(*self.who_, [] {});
  return self.start_ == set_core::wait_start::waits;
}

bool set_next::cancel_wait(side_wait& base, errc) noexcept {
  return static_cast<set_next&>(base).set_.interrupt(outcome::cancelled)
         != nullptr;
}

void set_next::expire(timer_node& node, wake_list& wakes) noexcept {
  auto& self = static_cast<set_next&>(node);
  if (auto* who = self.set_.interrupt(outcome::timed_out))
    wakes.add(*who);
}

void set_next::stopper::operator()() const noexcept {
  if (auto* who = self->set_.interrupt(outcome::cancelled))
    wake(*who);
}

} // namespace levada::detail
