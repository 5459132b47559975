#include <levada/actors/channel_door.hpp>

#include <algorithm>
#include <deque>
#include <optional>

#include <caf/actor_clock.hpp>
#include <caf/actor_system.hpp>
#include <caf/default_attachable.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>
#include <caf/uniform_type_info_map.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/actors/channel_actor.hpp>
#include <levada/actors/channel_failure.hpp>
#include <levada/actors/channel_info.hpp>
#include <levada/actors/channel_messages.hpp>
#include <levada/actors/registry.hpp>
#include <levada/actors/transfer.hpp>
#include <levada/runtime/caf_port.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/posted_job.hpp>

namespace levada::detail {

namespace {

/// Serves a door from a worker.
class serving_job final : public posted_job {
public:
  serving_job(channel_core& channel, channel_door& door)
      : channel_(channel),
        door_(door) {
    channel_.retain();
  }
  ~serving_job() override {
    if (!served_)
      door_.desert(); // the scheduler has ended with this in its queue
    channel_.release();
  }

private:
  void run() override {
    served_ = true;
    door_.serve();
  }

  channel_core& channel_;
  channel_door& door_;
  bool served_ = false;
};

bool has_ended(const caf::strong_actor_ptr& actor) noexcept {
  return actor->get()->getf(caf::abstract_actor::is_cleaned_up_flag);
}

/// What CAF calls a type, said in C++ where they differ most.
std::string readable_type(caf::actor_system& system,
                          const caf::rtti_pair& type) {
  if (type.second != nullptr)
    return type_name(*type.second);
  const auto& name = system.types().portable_name(type);
  if (name == "@str")
    return "std::string";
  if (name == "@i32")
    return "int";
  if (name == "@i64")
    return "std::int64_t";
  return name;
}

} // namespace

struct channel_door::counted : counted_outsider {
  using counted_outsider::counted_outsider;
};

// -- waits --------------------------------------------------------------------

/// Somebody who waits at the channel in an actor's name.
struct channel_door::wait : wait_node, callback_waiter {
  explicit wait(channel_door& door, response_promise duty) noexcept
      : wait_node(node_kind::value),
        callback_waiter([](callback_waiter& self) noexcept {
          auto& mine = static_cast<wait&>(self);
          mine.door.told(mine);
        }),
        door(door),
        duty(std::move(duty)) {
    slot = cell;
    who = this;
  }
  virtual ~wait() {
    unwatch();
  }

  channel_core& core() const noexcept {
    return door.channel_;
  }

  /// The wait has ended, and `result` says how. Once `over`, `answer` is given
  /// when the wait has gone, and its end of the channel with it.
  virtual void go_on() = 0;
  virtual void withdraw(outcome why) = 0;
  /// It waits there, or has been told of since the door went on with it.
  virtual bool is_in_channel() const noexcept {
    return true;
  }

  void watch(const caf::strong_actor_ptr& whom) {
    watched = whom;
    watched->get()->attach(caf::default_attachable::make_monitor(
      watched->get()->address(), door.channel_.address()));
  }
  void refuse(caf::error why) {
    answer = caf::make_message(std::move(why));
  }
  void unwatch() {
    if (watched == nullptr)
      return;
    const caf::default_attachable::observe_token mine{
      door.channel_.address(), caf::default_attachable::monitor};
    watched->get()->detach(mine);
    watched = nullptr;
  }

  channel_door& door;
  response_promise duty;
  /// Who is told of, when it ends.
  caf::strong_actor_ptr watched;
  std::uint64_t id = 0;
  /// Nothing is to come any more.
  bool over = false;
  std::optional<caf::message> answer;
  wait* next_told = nullptr;
  std::list<std::unique_ptr<wait>>::iterator place;
  alignas(16) std::byte cell[cell_type::largest];
};

struct channel_door::put_wait : wait {
  using wait::wait;
  ~put_wait() override {
    if (full)
      core().type.destroy(cell);
    core().drop_sender();
  }

  /// True when it is settled.
  bool begin() {
    auto& channel = core();
    bool ended = false;
    {
      stray_list strays{channel.type};
      wake_list wakes;
      spin_guard guard{channel.lock};
      auto how = offer(channel, cell, erased_mover{channel.type}, wakes);
      if (how == offered::refused && channel.policy == overflow::wait) {
        ++channel.sent;
        channel.senders.push_back(*this);
        return false;
      }
      if (how == offered::refused && channel.policy != overflow::reject)
        how = overflow_with(channel, cell, wakes, strays);
      rejected = how == offered::refused;
      result
        = rejected || how == offered::closed ? outcome::closed : outcome::done;
      ended = !channel.is_open();
    }
    if (ended)
      channel.end_if_drained();
    return true;
  }

  void go_on() override {
    over = true;
    if (result == outcome::done) {
      full = false;
      answer = caf::message{};
    } else if (rejected) {
      refuse(make_error(errc::full, title_of(core()) + " is full"));
    } else {
      refuse(door.closed_error());
    }
  }
  void withdraw(outcome) override {
    // what was put stays put, whoever has put it
  }

  bool full = false;
  bool rejected = false;
};

struct channel_door::take_wait : wait {
  using wait::wait;
  ~take_wait() override {
    core().drop_receiver();
  }

  /// True when it is settled.
  bool begin(bool may_wait) {
    auto& channel = core();
    bool ended = false;
    {
      wake_list wakes;
      spin_guard guard{channel.lock};
      if (take(channel, cell, erased_mover{channel.type}, wakes)) {
        result = outcome::done;
      } else if (channel.is_drained()) {
        result = outcome::closed;
      } else {
        result = outcome::pending;
        if (may_wait)
          channel.receivers.push_back(*this);
        return false;
      }
      ended = !channel.is_open();
    }
    if (ended)
      channel.end_if_drained();
    return true;
  }
  void withdraw(outcome why) override {
    wake_list wakes;
    core().withdraw(*this, wait_place::receivers, why, wakes);
  }
  void give_back() {
    core().put_back(cell);
  }
};

struct channel_door::get_wait : take_wait {
  using take_wait::take_wait;

  void go_on() override {
    over = true;
    if (result == outcome::done) {
      if (has_ended(duty.source()))
        give_back();
      else
        answer = door.speech_->tell(cell);
    } else if (result == outcome::closed) {
      refuse(door.closed_error());
    } else if (result == outcome::timed_out) {
      refuse(make_error(errc::timed_out, title_of(core())));
    }
  }
};

struct channel_door::subscription : take_wait {
  using take_wait::take_wait;

  /// Sends what there is credit for, then waits for more.
  void pump() {
    while (credit != 0 && !waiting && !over && !told_closed) {
      if (!begin(true)) {
        waiting = true;
        return;
      }
      take_up();
    }
    over = over || (told_closed && unacknowledged.empty());
  }

  void go_on() override {
    waiting = false;
    if (leaving) {
      if (result == outcome::done)
        give_back();
      leave_now();
      return;
    }
    take_up();
    pump();
  }

  bool is_in_channel() const noexcept override {
    return waiting;
  }

  void leave() {
    leaving = true;
    if (waiting)
      withdraw(outcome::cancelled);
    else
      leave_now();
  }

  void acknowledge(std::uint32_t items) {
    for (; items != 0 && !unacknowledged.empty(); --items) {
      unacknowledged.pop_front();
      ++credit;
    }
    pump();
  }

  std::uint32_t credit = 0;
  caf::strong_actor_ptr to;
  /// What was sent last, oldest first.
  std::deque<caf::message> unacknowledged;
  /// Enlisted in the channel.
  bool waiting = false;
  bool leaving = false;
  bool told_closed = false;

private:
  /// What begin() or the channel has brought.
  void take_up() {
    if (result != outcome::done) {
      told_closed = true;
      send(closed_message(to_string(core().record())));
      return;
    }
    try {
      auto content = door.speech_->tell(id, cell);
      unacknowledged.push_back(content);
      --credit;
      send(std::move(content));
    } catch (const std::exception& failed) { // told to the subscriber
      leave_now();
      send(closed_message(failed.what()));
    }
  }
  caf::message closed_message(const std::string& why) const {
    return caf::make_message(closed_atom::value, id, why);
  }
  void send(caf::message content) {
    to->enqueue(
      caf::make_mailbox_element(caf::strong_actor_ptr{door.channel_.ctrl()},
                                caf::make_message_id(), {}, std::move(content)),
      unit_here(door.channel_.home_system()));
  }
  /// What was not acknowledged is received by somebody else, in the old order.
  void leave_now() {
    over = true;
    while (!unacknowledged.empty()) {
      const auto last = std::move(unacknowledged.back());
      unacknowledged.pop_back();
      bool made = false;
      try {
        door.speech_->make(cell, last, 2);
        made = true;
      } catch (...) { // NOLINT(bugprone-empty-catch): it cannot be copied;
        // counted as lost, below
      }
      if (made) {
        give_back();
      } else {
        spin_guard guard{core().lock};
        --core().received;
        core().count_dead_letters(1);
      }
    }
  }
};

} // namespace levada::detail

namespace levada {

channel_summary summary_of(const channel_info& info) {
  channel_summary result;
  result.id = info.id;
  result.name = info.name;
  result.state = to_string(info.state);
  result.closed = to_string(info.closed);
  result.capacity = info.capacity;
  result.size = info.size;
  result.sender_handles = info.sender_handles;
  result.receiver_handles = info.receiver_handles;
  result.waiting_senders = info.waiting_senders;
  result.waiting_receivers = info.waiting_receivers;
  result.sent = info.stats.sent;
  result.received = info.stats.received;
  return result;
}

} // namespace levada

namespace levada::detail {

// -- the door -----------------------------------------------------------------

channel_door::channel_door(channel_actor& channel) : channel_(channel) {
}

channel_door::~channel_door() = default;

void channel_door::learn(std::unique_ptr<channel_speech> speech) {
  std::lock_guard guard{mutex_};
  if (learned_ != nullptr)
    return;
  counted_ = std::make_unique<counted>(channel_.outsiders());
  learned_ = std::move(speech);
}

bool channel_door::knows(const caf::type_erased_tuple& content) {
  const auto begins
    = [&](auto what) { return content.match_element<decltype(what)>(0); };
  switch (content.size()) {
    case 1:
      return begins(get_atom{}) || begins(try_get_atom{})
             || begins(close_atom{}) || begins(info_atom{});
    case 2:
      return begins(put_atom{})
             || content.match_elements<get_atom, caf::timespan>()
             || content.match_elements<close_atom, std::string>()
             || content.match_elements<subscribe_atom, std::uint32_t>()
             || content.match_elements<unsubscribe_atom, std::uint64_t>()
             || content.match_elements<caf::timeout_atom, std::uint64_t>();
    case 3:
      return content.match_elements<ack_atom, std::uint64_t, std::uint32_t>();
    default:
      return false;
  }
}

void channel_door::enqueue(caf::mailbox_element_ptr message) {
  std::unique_lock guard{mutex_};
  if (deserted_) {
    guard.unlock();
    const response_promise let_go{caf::strong_actor_ptr{channel_.ctrl()},
                                  *message};
    return;
  }
  queue_.push_back(std::move(message));
  begin_job();
}

void channel_door::told(wait& which) noexcept {
  std::lock_guard guard{mutex_};
  which.next_told = nullptr;
  (told_first_ == nullptr ? told_first_ : told_last_->next_told) = &which;
  told_last_ = &which;
  begin_job();
}

/// With the mutex held.
void channel_door::begin_job() {
  if (std::exchange(serving_, true) || deserted_)
    return;
  queue_here(channel_.home_system(), *new serving_job(channel_, *this));
}

bool channel_door::serve_round() {
  std::vector<caf::mailbox_element_ptr> messages;
  wait* told = nullptr;
  {
    std::lock_guard guard{mutex_};
    messages.swap(queue_);
    told = std::exchange(told_first_, nullptr);
    speech_ = learned_.get();
  }
  const bool any = told != nullptr || !messages.empty();
  while (told != nullptr)
    go_on(*std::exchange(told, told->next_told));
  for (auto& each : messages)
    serve_one(*each);
  return any;
}

void channel_door::desert() {
  {
    std::lock_guard guard{mutex_};
    deserted_ = true;
  }
  // (all channels were closed before, so who puts has been told)
  for (const auto& each : waits_)
    each->withdraw(outcome::cancelled);
  while (serve_round()) {}
  std::unique_lock guard{mutex_};
  if (auto reason = std::exchange(ending_, std::nullopt)) {
    guard.unlock();
    channel_.end_now(*std::move(reason));
  }
}

void channel_door::serve() {
  serve_round();
  // (whoever is told of after this begins a job that looks again)
  const bool may_end = all_told();
  std::unique_lock guard{mutex_};
  serving_ = false;
  if (!queue_.empty() || told_first_ != nullptr)
    begin_job(); // behind the others who want this worker
  if (!may_end)
    return;
  if (auto reason = std::exchange(ending_, std::nullopt)) {
    guard.unlock();
    channel_.end_now(*std::move(reason));
  }
}

/// Nobody waits in the channel, or is on the way from there. (In one that is closed
/// and drained nobody waits for long.)
bool channel_door::all_told() const noexcept {
  return std::none_of(waits_.begin(), waits_.end(),
                      [](const auto& each) { return each->is_in_channel(); });
}

void channel_door::end_when_told(caf::error reason) {
  std::unique_lock guard{mutex_};
  if (deserted_) {
    guard.unlock();
    channel_.end_now(std::move(reason));
    return;
  }
  if (ending_)
    return; // a job is on its way, or whoever is told of begins one
  ending_ = std::move(reason);
  begin_job();
}

void channel_door::serve_one(caf::mailbox_element& message) {
  const auto content = message.move_content_to_message();
  response_promise duty{caf::strong_actor_ptr{channel_.ctrl()}, message};
  const auto begins
    = [&](auto what) { return content.match_element<decltype(what)>(0); };
  if (begins(put_atom{}))
    put(content, std::move(duty));
  else if (content.match_elements<get_atom>())
    get(std::move(duty), nullptr);
  else if (content.match_elements<get_atom, caf::timespan>())
    get(std::move(duty), &content.get_as<caf::timespan>(1));
  else if (begins(try_get_atom{}))
    try_get(std::move(duty));
  else if (begins(close_atom{}))
    close(content, std::move(duty));
  else if (begins(info_atom{}))
    duty.deliver(summary_of(channel_.info()));
  else if (begins(subscribe_atom{}))
    subscribe(std::move(duty), content.get_as<std::uint32_t>(1));
  else if (begins(ack_atom{}))
    acknowledge(duty, content.get_as<std::uint64_t>(1),
                content.get_as<std::uint32_t>(2));
  else if (begins(unsubscribe_atom{}))
    unsubscribe(std::move(duty), content.get_as<std::uint64_t>(1));
  else if (content.match_elements<caf::timeout_atom, std::uint64_t>())
    time_passed(content.get_as<std::uint64_t>(1));
  else if (content.match_elements<caf::down_msg>())
    observer_gone(content.get_as<caf::down_msg>(0).source);
}

channel_door::wait& channel_door::enter(std::unique_ptr<wait> one) {
  one->id = ++last_id_;
  waits_.push_front(std::move(one));
  waits_.front()->place = waits_.begin();
  return *waits_.front();
}

void channel_door::go_on(wait& one) noexcept {
  try {
    one.go_on();
  } catch (const std::exception& failed) { // told to who asked
    one.over = true;
    one.refuse(
      caf::make_error(caf::sec::runtime_error, std::string{failed.what()}));
  } catch (...) { // likewise
    one.over = true;
    one.refuse(caf::make_error(caf::sec::runtime_error));
  }
  if (one.over)
    leave(one);
}

void channel_door::leave(wait& one) {
  auto duty = std::move(one.duty);
  auto answer = std::move(one.answer);
  waits_.erase(one.place);
  if (answer)
    duty.deliver_message(*std::move(answer));
}

bool channel_door::can_speak(response_promise& duty) {
  if (speech_ != nullptr)
    return true;
  duty.deliver(make_error(
    errc::type_mismatch,
    title_of(channel_)
      + " has not been taught to tell of its items: call levada::speak_caf() "
        "with one of its ends (channels/caf_messages.hpp)"));
  return false;
}

bool channel_door::can_take(response_promise& duty) {
  if (!can_speak(duty))
    return false;
  if (duty.source() == nullptr || has_ended(duty.source()))
    return false; // nobody to give it to
  if (channel_.add_receiver_if_any())
    return true;
  duty.deliver(closed_error());
  return false;
}

caf::error channel_door::closed_error() const {
  auto& core = static_cast<channel_core&>(channel_);
  return make_error(errc::closed,
                    title_of(core) + " (" + to_string(core.record()) + ')');
}

void channel_door::put(const caf::message& content, response_promise duty) {
  if (!can_speak(duty))
    return;
  if (!speech_->fits(content, 1)) {
    duty.deliver(make_error(
      errc::type_mismatch,
      title_of(channel_) + " carries "
        + type_name(*static_cast<channel_core&>(channel_).type.item) + ", not "
        + readable_type(channel_.home_system(), content.type(1))));
    return;
  }
  if (!channel_.add_sender_if_any()) {
    duty.deliver(closed_error());
    return;
  }
  auto made = std::make_unique<put_wait>(*this, std::move(duty));
  auto& mine = *made;
  enter(std::move(made));
  try {
    speech_->make(mine.cell, content, 1);
    mine.full = true;
    if (mine.begin())
      go_on(mine);
    return;
  } catch (const std::exception& failed) { // told to who asked
    mine.refuse(
      caf::make_error(caf::sec::runtime_error, std::string{failed.what()}));
  } catch (...) { // likewise
    mine.refuse(caf::make_error(caf::sec::runtime_error));
  }
  leave(mine);
}

void channel_door::get(response_promise duty, const caf::timespan* limit) {
  if (!can_take(duty))
    return;
  auto made = std::make_unique<get_wait>(*this, std::move(duty));
  auto& mine = *made;
  enter(std::move(made));
  if (mine.begin(true)) {
    go_on(mine);
    return;
  }
  mine.watch(mine.duty.source());
  if (limit == nullptr)
    return;
  const caf::strong_actor_ptr self{channel_.ctrl()};
  auto& clock = channel_.home_system().clock();
  clock.schedule_message(
    clock.now() + *limit, self,
    caf::make_mailbox_element(nullptr, caf::make_message_id(), {},
                              caf::timeout_atom::value, mine.id));
}

void channel_door::try_get(response_promise duty) {
  if (!can_take(duty))
    return;
  auto made = std::make_unique<get_wait>(*this, std::move(duty));
  auto& mine = *made;
  enter(std::move(made));
  if (mine.begin(false)) {
    go_on(mine);
    return;
  }
  mine.refuse(make_error(errc::empty, title_of(channel_)));
  leave(mine);
}

void channel_door::time_passed(std::uint64_t id) {
  for (const auto& each : waits_)
    if (each->id == id) {
      if (dynamic_cast<get_wait*>(each.get()) != nullptr)
        each->withdraw(outcome::timed_out);
      return;
    }
}

void channel_door::close(const caf::message& content, response_promise duty) {
  closing how{close_reason::closed};
  if (content.size() == 2)
    how = {close_reason::failed, std::make_exception_ptr(std::runtime_error{
                                   content.get_as<std::string>(1)})};
  const auto outcome = static_cast<channel_core&>(channel_).close(how);
  duty.deliver(outcome == close_outcome::done);
}

// -- subscriptions ------------------------------------------------------------

void channel_door::subscribe(response_promise duty, std::uint32_t credit) {
  if (credit == 0) {
    duty.deliver(caf::make_error(caf::sec::invalid_argument,
                                 "subscribe: the credit must not be 0"));
    return;
  }
  if (!can_take(duty))
    return;
  auto made = std::make_unique<subscription>(*this, response_promise{});
  auto& mine = *made;
  mine.to = duty.source();
  mine.credit = credit;
  enter(std::move(made));
  mine.watch(mine.to);
  duty.deliver(mine.id); // before its first item
  mine.pump();
  if (mine.over)
    waits_.erase(mine.place);
}

channel_door::subscription*
channel_door::find(std::uint64_t id, const caf::strong_actor_ptr& of) {
  for (const auto& each : waits_)
    if (each->id == id)
      if (auto* found = dynamic_cast<subscription*>(each.get());
          found != nullptr && found->to == of)
        return found;
  return nullptr;
}

void channel_door::acknowledge(const response_promise& duty, std::uint64_t id,
                               std::uint32_t items) {
  if (auto* found = find(id, duty.source())) {
    found->acknowledge(items);
    if (found->over)
      waits_.erase(found->place);
  }
}

void channel_door::unsubscribe(response_promise duty, std::uint64_t id) {
  auto* found = find(id, duty.source());
  if (found == nullptr) {
    duty.deliver(make_error(errc::not_found, "no such subscription of yours"));
    return;
  }
  found->leave();
  if (found->over)
    waits_.erase(found->place);
  duty.deliver();
}

void channel_door::observer_gone(const caf::actor_addr& who) {
  for (auto next = waits_.begin(); next != waits_.end();) {
    auto& each = **next++;
    if (each.watched == nullptr || each.watched->address() != who)
      continue;
    if (auto* found = dynamic_cast<subscription*>(&each)) {
      found->leave();
      if (found->over)
        waits_.erase(found->place);
    } else {
      each.withdraw(outcome::cancelled);
    }
  }
}

} // namespace levada::detail
