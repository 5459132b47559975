#include <levada/channels/inbox/pump.hpp>

#include <algorithm>
#include <utility>

namespace levada::detail {

namespace {

/// For receivers that take one item at a time.
constexpr std::uint32_t least_looks = 16;

std::uint32_t share_of(std::uint32_t credit, std::size_t feeds) {
  if (credit == 0 || credit < feeds || credit > channel_core::max_capacity)
    throw_error(make_error_code(errc::invalid_argument),
                "the credit of an actor that receives: between one item for "
                "each of its receivers and 2^31; 64 is the default");
  return credit / static_cast<std::uint32_t>(feeds);
}

} // namespace

actor_pump::actor_pump(caf::scheduled_actor& self,
                       std::vector<std::unique_ptr<actor_feed>> feeds,
                       std::uint32_t credit)
    : actor_work(self),
      feeds_(std::move(feeds)),
      share_(share_of(credit, feeds_.size())),
      quantum_(credit - credit / 2) {
  for (auto& each : feeds_)
    if (party_.enter(self, "receives from", each->channel(), feeds_.size() - 1))
      break;
}

actor_pump::~actor_pump() {
  end(false);
}

void actor_pump::start() {
  std::erase_if(feeds_, [](const auto& each) { return each->is_nil(); });
  if (feeds_.empty()) {
    cancel();
    return;
  }
  arm();
  bell()->ring();
}

bool actor_pump::cancel() noexcept {
  if (std::exchange(over_, true))
    return false;
  ended_.store(true, std::memory_order_relaxed);
  if (!running_)
    end(true);
  return true;
}

void actor_pump::abandoned() noexcept {
  over_ = true;
  ended_.store(true, std::memory_order_relaxed);
  if (!running_)
    end(false);
}

void actor_pump::turn() {
  if (over_)
    return;
  struct run {
    actor_pump& self;
    explicit run(actor_pump& pump) noexcept : self(pump) {
      self.running_ = true;
      self.party_.waits(false);
    }
    ~run() {
      self.running_ = false;
      if (self.over_)
        self.end(true);
    }
  };
  arm();
  const run now{*this};
  work();
}

void actor_pump::work() {
  if (!stop_waiting() || over_)
    return;
  if (handle_some()) {
    if (!over_)
      bell()->ring();
    return;
  }
  report_ends();
  if (over_)
    return;
  if (all_over())
    cancel();
  else
    wait();
}

/// True: there may be more.
bool actor_pump::handle_some() {
  more_ = false;
  for (auto& each : feeds_)
    if (each->in_hand() <= share_ / 2)
      refill(*each);
  for (auto left = quantum_; left > 0; --left) {
    // (CAF holds the next turn up itself)
    if (over_ || awaits_response(bell()->self()))
      return true;
    if (!handle_next())
      return more_;
  }
  return true;
}

/// Receivers that have something take turns. False: none has.
bool actor_pump::handle_next() {
  for (std::size_t tried = 0; tried < feeds_.size(); ++tried) {
    auto& one = *feeds_[next_];
    next_ = next_ + 1 == feeds_.size() ? 0 : next_ + 1;
    if (one.in_hand() == 0)
      refill(one);
    if (one.in_hand() == 0)
      continue;
    // Before the handler runs: it may throw, and ask how many.
    handled_.fetch_add(1, std::memory_order_relaxed);
    if (!one.handle())
      handled_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  return false;
}

/// Each has looks of its own: one that filters everything out is not to keep the
/// others from theirs.
void actor_pump::refill(actor_feed& one) {
  if (one.is_over())
    return;
  auto looks = std::max(share_, least_looks);
  one.refill(share_, looks, feeds_.size() == 1);
  if (looks == 0 && one.in_hand() == 0)
    more_ = true;
}

void actor_pump::report_ends() {
  const auto may_go_on
    = [this] { return !over_ && !awaits_response(bell()->self()); };
  for (std::size_t i = 0; i < feeds_.size() && may_go_on(); ++i)
    if (feeds_[i]->is_over()) {
      const auto ended = std::move(feeds_[i]);
      feeds_.erase(feeds_.begin() + static_cast<std::ptrdiff_t>(i--));
      next_ = 0;
      ended->tell_end();
    }
}

bool actor_pump::all_over() const noexcept {
  return feeds_.empty();
}

void actor_pump::wait() {
  for (auto& each : feeds_)
    if (!each->stand_closed()) {
      bell()->ring();
      return;
    }
  claim_.begin_again();
  auto& now = round_.emplace(claim_);
  for (auto& each : feeds_)
    each->wish(now.wishes());
  const auto time = now.wishes().extra().time;
  const auto deadline = now.wishes().extra().deadline;
  now.wishes().extra() = {};
  bell()->expect();
  bool waits = false;
  try {
    waits = now.start(*bell());
  } catch (...) { // no memory
    bell()->not_told();
    throw;
  }
  if (!waits) {
    bell()->not_told();
    const auto which = now.settle();
    for (auto& each : feeds_)
      each->came(which);
    round_.reset();
    bell()->ring();
    return;
  }
  for (auto& each : feeds_)
    each->stand_open();
  party_.waits(true);
  if (time != select_engine::none)
    watch(deadline);
}

/// Lets the actor have a turn at `deadline`. A message that comes earlier serves
/// as well: the turn sees that it is too early, and asks for another one. (None
/// is asked for that is days away: it would hold the actor until then.)
void actor_pump::watch(time_point deadline) {
  const auto now = std::chrono::steady_clock::now();
  deadline = std::min(deadline, now + std::chrono::hours{1});
  if (timer_ > now && timer_ <= deadline)
    return;
  timer_ = deadline;
  bell()->ring_at(deadline);
}

/// False: the message that ends the wait is still to come.
bool actor_pump::stop_waiting() {
  if (!round_)
    return true;
  if (round_->give_up())
    bell()->not_told();
  else if (bell()->expected())
    return false;
  const auto which = round_->settle();
  struct ended {
    std::optional<round>& held;
    ~ended() {
      held.reset();
    }
  } const after{round_};
  for (auto& each : feeds_)
    each->came(which);
  return true;
}

void actor_pump::end(bool clear) noexcept {
  if (bell() == nullptr)
    return;
  if (round_) {
    if (round_->give_up())
      bell()->not_told();
    const auto which = round_->settle();
    for (auto& each : feeds_)
      try {
        each->came(which);
      } catch (...) { // NOLINT(bugprone-empty-catch): a function of the
        // receiver: its item is gone
      }
    round_.reset();
  }
  std::uint64_t back = 0;
  for (auto& each : feeds_)
    back += each->let_go();
  returned_.fetch_add(back, std::memory_order_relaxed);
  feeds_.clear();
  party_.leave();
  let_go(clear);
}

} // namespace levada::detail
