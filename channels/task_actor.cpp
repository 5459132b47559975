#include <levada/channels/task_actor.hpp>

#include <caf/actor_config.hpp>
#include <caf/default_attachable.hpp>
#include <caf/exit_reason.hpp>
#include <caf/make_actor.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <levada/channels/timers.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/posted_job.hpp>

namespace levada::detail {

namespace {

/// Ends a body's waiting from a worker, after enqueue() has returned.
class exit_job final : public posted_job {
public:
  exit_job(caf::strong_actor_ptr whom, caf::error why)
      : whom_(std::move(whom)),
        why_(std::move(why)) {
  }

private:
  void run() override {
    cell_of(whom_).ask_to_end(why_);
  }

  caf::strong_actor_ptr whom_;
  caf::error why_;
};

void refuse(incoming message) {
  message.promise().deliver(caf::make_error(caf::sec::request_receiver_down));
}

caf::error failure(const char* text) {
  return {static_cast<std::uint8_t>(caf::exit_reason::unhandled_exception),
          caf::atom("exit"), caf::make_message(std::string{text})};
}

channel_options<incoming> mailbox_options(const std::string& name) {
  channel_options<incoming> result;
  result.name = name.empty() ? "mailbox" : name + ".mailbox";
  result.capacity = unbounded;
  result.on_dead_letter = [](incoming&& message, dead_letter_reason) {
    refuse(std::move(message));
  };
  return result;
}

} // namespace

struct task_actor_cell::outsider : counted_outsider {
  using counted_outsider::counted_outsider;
};

task_actor_cell::task_actor_cell(caf::actor_config& config, engine& home,
                                 const actor_options& given,
                                 std::set<std::string> interface)
    : caf::monitorable_actor(config),
      options(given),
      trap_exit(given.trap_exit),
      home_(&home),
      outsider_(std::make_unique<outsider>(home.outsiders)),
      interface_(std::move(interface)) {
  auto ends = make_channel_in<incoming>(home, mailbox_options(given.name));
  tx = std::move(ends.tx);
  rx = std::move(ends.rx);
}

task_actor_cell::~task_actor_cell() = default;

const char* task_actor_cell::name() const {
  return options.name.empty() ? "levada.task_actor" : options.name.c_str();
}

std::set<std::string> task_actor_cell::message_types() const {
  return interface_;
}

void task_actor_cell::enqueue(caf::mailbox_element_ptr message,
                              caf::execution_unit* unit) {
  const auto& content = message->content();
  if (content.match_elements<caf::exit_msg>()) {
    const auto& why = content.get_as<caf::exit_msg>(0).reason;
    const bool kill = why == caf::exit_reason::kill;
    if (kill || !trap_exit.load(std::memory_order_relaxed)) {
      if (why)
        home_system().scheduler().enqueue(
          new exit_job(caf::strong_actor_ptr{ctrl()}, why));
      return;
    }
  } else if (content
               .match_elements<caf::sys_atom, caf::get_atom, std::string>()) {
    handle_system_message(*message, unit, true);
    return;
  }
  if (message->mid.is_response())
    return; // this actor asks nobody: request() asks in a name of its own
  incoming item{caf::strong_actor_ptr{ctrl()}, *message};
  auto put = tx.try_send(std::move(item));
  if (!put && put.has_value())
    refuse(put.take());
}

void task_actor_cell::on_destroy() {
  if (!getf(is_cleaned_up_flag))
    cleanup(caf::exit_reason::unreachable, nullptr);
  caf::monitorable_actor::on_destroy();
}

void task_actor_cell::cancel_body() {
  home_->cancel(errc::cancelled,
                [this](const task_frame& root) { return &root == body_; });
}

void task_actor_cell::ask_to_end(const caf::error& why) {
  {
    std::lock_guard guard{mutex_};
    const bool kill = why == caf::exit_reason::kill;
    if (!exit_reason_ || kill)
      exit_reason_ = why;
    killed_ = killed_ || kill;
    if (kill && body_ != nullptr)
      cancel_body();
  }
  handle_access::core(tx)->close({close_reason::killed, nullptr, true});
  stop.request_stop();
}

void task_actor_cell::begun() {
  std::lock_guard guard{mutex_};
  body_ = current_root();
  if (killed_)
    cancel_body();
}

std::optional<caf::error> task_actor_cell::exit_reason() const {
  std::lock_guard guard{mutex_};
  return exit_reason_;
}

caf::error task_actor_cell::reason_of(const std::exception_ptr& error) {
  auto asked = exit_reason();
  if (!asked && home_->stopping())
    asked = caf::make_error(caf::exit_reason::user_shutdown);
  if (error == nullptr)
    return asked.value_or(caf::error{});
  try {
    std::rethrow_exception(error);
  } catch (const operation_cancelled& cancelled) {
    if (asked)
      return *asked;
    return failure(cancelled.what());
  } catch (const std::exception& failed) { // told to links and monitors
    return failure(failed.what());
  } catch (...) { // likewise
    return caf::make_error(caf::exit_reason::unhandled_exception);
  }
}

void task_actor_cell::ended(const std::exception_ptr& error) {
  auto why = reason_of(error);
  {
    std::lock_guard guard{mutex_};
    body_ = nullptr;
    if (!exit_reason_)
      exit_reason_ = why;
  }
  handle_access::core(tx)->close({close_reason::finished, nullptr, true});
  while (!kept.empty()) {
    refuse(std::move(kept.front()));
    kept.pop_front();
  }
  setf(is_terminated_flag);
  cleanup(std::move(why), nullptr);
  unregister_from_system();
  outsider_.reset();
  stop.request_stop();
}

void task_actor_cell::watch(const caf::strong_actor_ptr& whom) {
  if (whom != nullptr)
    whom->get()->attach(
      caf::default_attachable::make_monitor(whom->get()->address(), address()));
}

void task_actor_cell::unwatch(const caf::strong_actor_ptr& whom) {
  const caf::default_attachable::observe_token mine{
    address(), caf::default_attachable::monitor};
  if (whom != nullptr)
    whom->get()->detach(mine);
}

task_actor_cell& cell_of(const caf::strong_actor_ptr& actor) {
  return static_cast<task_actor_cell&>(*actor->get());
}

caf::actor_system& system_of(engine& home) noexcept {
  return home.system();
}

// -- running the body ---------------------------------------------------------

namespace {

/// Ends the actor with its body, also when that is destroyed unfinished.
class life {
public:
  explicit life(caf::strong_actor_ptr self) : self_(std::move(self)) {
  }
  ~life() {
    if (self_ != nullptr)
      cell_of(self_).ended(
        std::make_exception_ptr(operation_cancelled(errc::runtime_stopped)));
  }
  life(const life&) = delete;
  life& operator=(const life&) = delete;

  void ends(const std::exception_ptr& error) {
    cell_of(std::exchange(self_, nullptr)).ended(error);
  }

private:
  caf::strong_actor_ptr self_;
};

task<> live(caf::strong_actor_ptr self, task<> body) {
  life mine{self};
  std::exception_ptr error;
  cell_of(self).begun();
  try {
    co_await std::move(body);
  } catch (...) { // it becomes the reason for which the actor ends
    error = std::current_exception();
  }
  mine.ends(error);
}

} // namespace

caf::strong_actor_ptr make_task_actor(engine& home,
                                      const actor_options& options,
                                      std::set<std::string> interface) {
  auto& system = home.system();
  caf::actor_config config;
  return caf::make_actor<task_actor_cell, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, home, options,
    std::move(interface));
}

void start_task_actor(engine& home, const caf::strong_actor_ptr& self,
                      task<> body) {
  auto& cell = cell_of(self);
  const task_options options{.name = cell.options.name, .at = cell.options.at};
  cell.register_at_system();
  try {
    start(home, live(self, std::move(body)), options.at, &options);
  } catch (...) { // it never lived; passed on
    cell.ended(
      std::make_exception_ptr(operation_cancelled(errc::runtime_stopped)));
    throw;
  }
}

// -- receiving ----------------------------------------------------------------

namespace {

/// Offers what was put aside to `handlers`, oldest first.
bool handle_kept(task_actor_cell& cell, caf::message_handler& handlers) {
  for (auto each = cell.kept.begin(); each != cell.kept.end(); ++each) {
    // Out of the list meanwhile: the handler may keep() another, or throw.
    std::list<incoming> taken;
    const auto behind = std::next(each);
    taken.splice(taken.begin(), cell.kept, each);
    if (taken.front().handle_with(handlers))
      return true;
    each = taken.begin();
    cell.kept.splice(behind, taken);
  }
  return false;
}

void refuse_unexpected(const task_actor_cell& cell, incoming message) {
  if (message.is_request())
    message.promise().deliver(caf::make_error(caf::sec::unexpected_message));
  else if (cell.options.on_unexpected)
    cell.options.on_unexpected(std::move(message));
}

} // namespace

task<handled_result> receive_one(caf::strong_actor_ptr self,
                                 caf::message_handler handlers,
                                 duration length) {
  auto& cell = cell_of(self);
  if (handle_kept(cell, handlers))
    co_return handled_result{};
  const auto deadline = length == duration::max()
                          ? time_point::max()
                          : saturating_add(current_time(), length);
  for (;;) {
    auto got = co_await cell.rx.receive_until(deadline);
    if (!got)
      co_return handled_result{static_cast<errc>(got.error().value())};
    if (got->handle_with(handlers))
      co_return handled_result{};
    cell.kept.push_back(*std::move(got));
  }
}

task<handled_result> serve_all(caf::strong_actor_ptr self,
                               caf::message_handler handlers) {
  auto& cell = cell_of(self);
  while (!cell.kept.empty()) {
    auto message = std::move(cell.kept.front());
    cell.kept.pop_front();
    if (!message.handle_with(handlers))
      refuse_unexpected(cell, std::move(message));
  }
  for (;;) {
    auto got = co_await cell.rx.receive();
    if (!got)
      co_return handled_result{static_cast<errc>(got.error().value())};
    if (!got->handle_with(handlers))
      refuse_unexpected(cell, *std::move(got));
  }
}

} // namespace levada::detail

namespace levada {

response_promise task_actor::promise() const noexcept {
  auto* duty = cell().current;
  return duty == nullptr ? response_promise{} : std::move(*duty);
}

} // namespace levada
