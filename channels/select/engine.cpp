#include <levada/channels/select/engine.hpp>

#include <algorithm>
#include <memory>
#include <tuple>
#include <utility>

#include <levada/actors/lease.hpp>
#include <levada/channels/waiting/thread_wait.hpp>
#include <levada/runtime/engine.hpp>

namespace levada::detail {

namespace {

std::uint32_t random_below(std::uint32_t bound) noexcept {
  thread_local std::uint64_t state
    = reinterpret_cast<std::uintptr_t>(&state) * 0x9e3779b97f4a7c15ULL | 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return static_cast<std::uint32_t>((state >> 32) * bound >> 32);
}

/// The time, where anything depends on it.
time_point now_for(const select_engine::extra_cases& extra,
                   const clock& time) noexcept {
  return extra.before_time != select_engine::none
             && extra.deadline != time_point::max()
           ? time.now()
           : time_point::min();
}

} // namespace

time_point current_time() noexcept {
  auto* home = current_engine();
  return home != nullptr ? home->time.now() : clock::steady().now();
}

select_engine::~select_engine() {
  // Only shutdown destroys a frame that waits here.
  settle();
}

bool select_engine::suspend(task_frame& root, std::coroutine_handle<> leaf,
                            std::source_location line, select_case** cases,
                            std::uint32_t count, bool biased,
                            const extra_cases& extra) {
  cases_ = cases;
  count_ = count;
  extra_ = &extra;
  if (try_each(biased, now_for(extra, root.home().time))) {
    if (!root.spend()) [[likely]]
      return false;
    root.yield_after(leaf);
    return true;
  }
  root_ = &root;
  who_ = &root;
  leaf_ = leaf;
  line_ = line;
  // Any channel will do for cancelling to find us: the nodes share one claim.
  root.announce(wait_reason::select, cases[0]->channel->id);
  if (!prepare(extra, root.home().time.now()))
    return false;
  return enlist_all(root);
}

bool select_engine::start(waiter& who, select_case** cases,
                          std::uint32_t count) {
  cases_ = cases;
  count_ = count;
  static const extra_cases no_others;
  extra_ = &no_others;
  return enlist_all(who);
}

void select_engine::poll(select_case** cases, std::uint32_t count, bool biased,
                         const extra_cases& extra) {
  cases_ = cases;
  count_ = count;
  extra_ = &extra;
  const auto now = current_time();
  if (!try_each(biased, now) && prepare(extra, now))
    enlist_all(thread_waiter::mine()); // (nobody is enlisted: otherwise wins)
}

void select_engine::block(select_case** cases, std::uint32_t count, bool biased,
                          const extra_cases& extra) {
  forbid_blocking_in_task("blocking_select");
  cases_ = cases;
  count_ = count;
  extra_ = &extra;
  if (try_each(biased, now_for(extra, clock::steady())))
    return;
  auto& self = thread_waiter::mine();
  self.reset();
  who_ = &self;
  if (!prepare(extra, std::chrono::steady_clock::now()))
    return;
  if (!enlist_all(self))
    return;
  const bool endless
    = extra.time == none || extra.deadline == time_point::max();
  if (endless
      || (!self.wait_until(extra.deadline) && !claim_.win_as_limit(extra.time)))
    self.wait(); // (after a limit: somebody was faster, and signals)
}

/// Arms the limits; false when one of them has won already.
bool select_engine::prepare(const extra_cases& extra, time_point now) {
  if (time_has_come(now)) {
    won(extra.time);
    return false;
  }
  if (extra.stop != none) {
    if (extra.token.stop_requested()) {
      won(extra.stop);
      return false;
    }
    if (extra.otherwise == none)
      stop_.emplace(extra.token, stopper{this});
  }
  if (extra.otherwise == none && root_ != nullptr && extra.time != none
      && extra.deadline != time_point::max()) {
    when = extra.deadline;
    armed_ = true;
    root_->home().timers.arm(*this);
  }
  return true;
}

bool select_engine::try_each(bool biased, time_point now) {
  struct rival {
    std::uint32_t index;
    std::uint32_t before;
  };
  std::array<rival, 2> rivals{};
  std::uint32_t left = 0;
  if (extra_->before_time != none && time_has_come(now))
    rivals[left++] = {extra_->time, extra_->before_time};
  if (extra_->before_stop != none && extra_->token.stop_requested())
    rivals[left++] = {extra_->stop, extra_->before_stop};
  if (left == 2
      && (biased ? std::tie(rivals[1].before, rivals[1].index)
                     < std::tie(rivals[0].before, rivals[0].index)
                 : random_below(2) == 0))
    std::swap(rivals[0], rivals[1]);

  for (std::uint32_t i = 0; i < count_; ++i) {
    const auto chosen = biased ? 0 : random_below(count_ - i + left);
    if (biased ? left != 0 && rivals[0].before <= i : chosen >= count_ - i) {
      won(rivals[0].index);
      return true;
    }
    std::swap(cases_[i], cases_[i + chosen]);
    auto& one = *cases_[i];
    bool ended = false;
    bool ready = false;
    {
      stray_list strays{one.channel->type};
      wake_list wakes;
      seat_guard guard{one.channel->lock};
      ready = try_case(one, wakes, strays);
      ended = ready && !one.channel->is_open();
    }
    if (ended)
      one.channel->end_if_drained();
    if (ready) {
      won(one.index);
      return true;
    }
  }
  if (left != 0)
    won(rivals[0].index);
  return left != 0;
}

bool select_engine::try_case(select_case& one, wake_list& wakes,
                             stray_list& strays) {
  auto& channel = *one.channel;
  const erased_mover mover{channel.type};
  if (one.admit != nullptr && !one.admit(one)) {
    one.result = outcome::released;
    return true;
  }
  if (!one.sending) {
    if (one.record != nullptr
          ? lease_book::lend(channel, one.slot, one.record, wakes)
          : take(channel, one.slot, mover, wakes))
      one.result = outcome::done;
    else if (channel.is_drained())
      one.result = outcome::closed;
    return one.result != outcome::pending;
  }
  auto how = offer(channel, one.slot, mover, wakes);
  if (how == offered::refused && channel.policy != overflow::wait
      && channel.policy != overflow::reject)
    how = overflow_with(channel, one.slot, wakes, strays);
  if (how == offered::refused)
    return false;
  one.result = how == offered::closed ? outcome::closed : outcome::done;
  return true;
}

/// The channels of a select, each once, locked in the order of their addresses.
class select_engine::all_locks {
public:
  all_locks(select_case** cases, std::uint32_t count) {
    if (count > few_.size())
      many_ = std::make_unique<channel_core*[]>(count);
    first_ = many_ ? many_.get() : few_.data();
    for (std::uint32_t i = 0; i < count; ++i)
      first_[i] = cases[i]->channel;
    std::sort(first_, first_ + count);
    last_ = std::unique(first_, first_ + count);
    std::for_each(first_, last_, [](auto* channel) { channel->lock.lock(); });
  }
  // Of our own copy: once the first lock is free, the select may be over, and
  // its frame gone. The channels are not: to end, the select must lock every
  // one of them.
  ~all_locks() {
    std::for_each(first_, last_, [](auto* channel) { channel->lock.unlock(); });
  }
  all_locks(const all_locks&) = delete;
  all_locks& operator=(const all_locks&) = delete;

private:
  std::array<channel_core*, 16> few_;
  std::unique_ptr<channel_core*[]> many_;
  channel_core** first_;
  channel_core** last_;
};

/// Phase 2; true when the waiter is enlisted everywhere (and, if a task, parked).
bool select_engine::enlist_all(waiter& who) {
  channel_core* ended = nullptr;
  {
    std::optional<stray_list> strays;
    wake_list wakes;
    const all_locks locked{cases_, count_};
    for (std::uint32_t i = 0; i < count_ && winner_ == none; ++i) {
      auto& one = *cases_[i];
      strays.emplace(one.channel->type);
      if (!try_case(one, wakes, *strays))
        continue;
      won(one.index);
      if (!one.channel->is_open())
        ended = one.channel;
    }
    const bool waits = winner_ == none && extra_->otherwise == none;
    if (winner_ == none && extra_->otherwise != none)
      won(extra_->otherwise);
    // (Who is cancelled does not wait, and there is no winner.)
    if (waits && (root_ == nullptr || !root_->cancelled())) {
      for (std::uint32_t i = 0; i < count_; ++i)
        enlist(*cases_[i], who);
      enlisted_ = true;
      if (publish())
        return true;
      enlisted_ = false;
      for (std::uint32_t i = 0; i < count_; ++i)
        queue_of(*cases_[i]).remove(*cases_[i]);
    }
  }
  if (ended != nullptr)
    ended->end_if_drained();
  return false;
}

/// From now on a limit may win and wake, and it takes none of our locks: so this
/// comes last, when all is enlisted and parked. Whoever goes on then must take
/// the locks to withdraw the cases. False when a limit has won already.
bool select_engine::publish() noexcept {
  if (root_ == nullptr)
    return claim_.start_waiting();
  return root_->park_if(leaf_, line_,
                        [this] { return claim_.start_waiting(); });
}

wait_queue& select_engine::queue_of(select_case& one) noexcept {
  return one.sending ? one.channel->senders : one.channel->receivers;
}

void select_engine::enlist(select_case& one, waiter& who) noexcept {
  one.who = &who;
  queue_of(one).push_back(one);
}

void select_engine::withdraw(select_case& one) noexcept {
  seat_guard guard{one.channel->lock};
  if (one.enlisted())
    queue_of(one).remove(one);
}

std::uint32_t select_engine::settle() {
  if (winner_ == none) {
    const auto word = claim_.winner();
    if (word < select_claim::waiting)
      winner_ = word;
  }
  stop_.reset();
  if (armed_) {
    armed_ = false;
    root_->home().timers.disarm(*this);
  }
  if (enlisted_) {
    enlisted_ = false;
    for (std::uint32_t i = 0; i < count_; ++i) {
      auto& one = *cases_[i];
      withdraw(one);
      // Cancelling wins the claim with the node it found.
      if (one.index == winner_ && one.result == outcome::cancelled)
        winner_ = none;
    }
  }
  return winner_;
}

void select_engine::expire(timer_node& node, wake_list& wakes) noexcept {
  auto& self = static_cast<select_engine&>(node);
  if (self.claim_.win_as_limit(self.extra_->time))
    wakes.add(*self.who_);
}

void select_engine::stopper::operator()() const noexcept {
  if (self->claim_.win_as_limit(self->extra_->stop))
    wake(*self->who_);
}

} // namespace levada::detail
