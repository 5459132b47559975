#include <levada/channels/select/set_rounds.hpp>

#include <algorithm>

#include <levada/channels/waiting/thread_wait.hpp>

namespace levada::detail {

// -- set_core -----------------------------------------------------------------

void set_core::add_in_rounds(std::unique_ptr<loop_member> member) {
  wake_list wakes;
  spin_guard guard{lock_};
  if (runs_plainly_)
    throw_error(make_error_code(errc::invalid_argument),
                "select_set::add: next() waits for plain receivers only; add "
                "the first any_receiver while nobody waits");
  in_rounds_.push_back({std::move(member)});
  tell_round(wakes);
}

std::vector<set_core::round_member> set_core::take_gone() {
  const auto is_gone = [this](const round_member& each) {
    return each.removed && each.held.get() != out_;
  };
  std::vector<round_member> result;
  for (auto& each : in_rounds_)
    if (is_gone(each))
      result.push_back({std::move(each.held), true});
  std::erase_if(in_rounds_, [](const auto& each) { return !each.held; });
  return result;
}

std::vector<loop_member*> set_core::in_rounds() {
  std::vector<round_member> gone; // goes after the lock
  std::vector<loop_member*> result;
  spin_guard guard{lock_};
  gone = take_gone();
  result.reserve(in_rounds_.size());
  for (const auto& each : in_rounds_)
    result.push_back(each.held.get());
  std::rotate(
    result.begin(),
    std::find_if(result.begin(), result.end(),
                 [this](const auto* each) { return each->index > before_; }),
    result.end());
  return result;
}

bool set_core::may_look(loop_member& member) noexcept {
  spin_guard guard{lock_};
  before_ = member.index;
  return std::any_of(in_rounds_.begin(), in_rounds_.end(),
                     [&member](const auto& each) {
                       return each.held.get() == &member && !each.removed;
                     });
}

void set_core::give_out(loop_member& member) noexcept {
  spin_guard guard{lock_};
  out_ = &member;
  for (auto& each : in_rounds_)
    each.removed
      = each.removed || (each.held.get() == &member && member.stopped);
}

bool set_core::is_channels_turn() noexcept {
  spin_guard guard{lock_};
  const auto all
    = std::max<std::size_t>(in_rounds_.size() + members_.size(), 1);
  return turn_++ % all >= in_rounds_.size();
}

void set_core::tell_round(wake_list& wakes) noexcept {
  if (round_ != nullptr && round_->win_as_limit(0))
    wakes.add(*round_who_);
}

void set_core::enter_round(select_claim& claim, waiter& who) noexcept {
  spin_guard guard{lock_};
  round_ = &claim;
  round_who_ = &who;
  const bool changed
    = first_ready_ != nullptr
      || std::any_of(in_rounds_.begin(), in_rounds_.end(),
                     [](const auto& each) { return each.removed; });
  if (changed) // nobody waits yet
    (void)claim.win_as_limit(0);
}

void set_core::end_rounds() noexcept {
  spin_guard guard{lock_};
  running_ = false;
  runs_plainly_ = false;
}

void set_core::leave_round() noexcept {
  spin_guard guard{lock_};
  round_ = nullptr;
}

// -- the wait -----------------------------------------------------------------

namespace {

class set_round : public round {
public:
  set_round(set_core& set, select_claim& claim, std::source_location line)
      : round(claim, line, 1),
        set_(set),
        claim_(claim) {
  }
  ~set_round() {
    set_.leave_round(); // also when shutdown destroys the frame
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    set_.enter_round(claim_, leaf.promise().root());
    return round::await_suspend(leaf);
  }
  std::uint32_t await_resume() {
    set_.leave_round();
    return round::await_resume();
  }
  std::uint32_t block() {
    set_.enter_round(claim_, thread_waiter::mine());
    const auto which = round::block();
    set_.leave_round();
    return which;
  }

private:
  set_core& set_;
  select_claim& claim_;
};

} // namespace

/// One next(), whoever waits.
struct set_rounds {
  set_rounds(set_core& set, const source_limits& limits) noexcept
      : set(set),
        limits(limits),
        wait(limits) {
    set.forget_removed();
  }
  ~set_rounds() {
    set.end_rounds();
  }

  /// Before a round: the event if there is one already.
  bool looked() {
    if (set.size() == 0) {
      (void)set.in_rounds(); // takes out those that are gone
      event = set_event{errc::empty};
      return true;
    }
    return (set.is_channels_turn() || limits.now) && polled();
  }
  bool polled() {
    auto* found = set.poll(this_seat(), false);
    if (found == nullptr)
      return false;
    set.report(*found);
    event = set_event{found};
    return true;
  }

  void prepare(round& now) {
    members = set.in_rounds();
    wait.add_limits(now.wishes());
    for (auto* each : members)
      each->wish(now.wishes());
    now.prefer_first();
  }

  bool settled(std::uint32_t which) {
    if (which == 0)
      return polled();
    if (const auto why = wait.verdict(which); why != errc{}) {
      event = set_event{why};
      return true;
    }
    const auto found
      = std::find_if(members.begin(), members.end(),
                     [which](auto* each) { return each->wished(which); });
    if (found == members.end() || !set.may_look(**found)
        || !(*found)->look(which))
      return false;
    set.give_out(**found);
    event = set_event{(*found)->index, (*found)->last()};
    return true;
  }

  set_core& set;
  const source_limits& limits;
  source_wait wait;
  std::vector<loop_member*> members;
  set_event event;
};

task<set_event> next_in_rounds(set_core* set, duration length,
                               std::stop_token stop,
                               std::source_location line) {
  source_limits limits;
  limits.stop = std::move(stop);
  limits.now = length <= duration::zero();
  if (length != duration::max())
    limits.deadline = saturating_add(current_time(), length);
  set_rounds work{*set, limits};
  select_claim claim;
  while (!work.looked()) {
    claim.begin_again();
    set_round now{*set, claim, line};
    work.prepare(now);
    const std::uint32_t which = co_await now;
    if (work.settled(which))
      break;
  }
  co_return work.event;
}

set_event block_in_rounds(set_core& set, duration length,
                          const std::stop_token& stop) {
  source_limits limits;
  limits.stop = stop;
  limits.now = length <= duration::zero();
  if (length != duration::max())
    limits.deadline = saturating_add(std::chrono::steady_clock::now(), length);
  set_rounds work{set, limits};
  select_claim claim;
  while (!work.looked()) {
    claim.begin_again();
    set_round now{set, claim, {}};
    work.prepare(now);
    if (work.settled(now.block()))
      break;
  }
  return work.event;
}

} // namespace levada::detail
