#include <levada/actors/channel_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/actors/channel_door.hpp>
#include <levada/actors/registry.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/posted_job.hpp>
#include <levada/runtime/sanitizer.hpp>

#if defined(LEVADA_THREAD_SANITIZER) && !defined(LEVADA_CAF_INSTRUMENTED)
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace levada::detail {

namespace {

// The reference count is in libcaf, which ThreadSanitizer cannot see into unless
// that is instrumented too: it is told that the last release comes after all
// others.
#if defined(LEVADA_THREAD_SANITIZER) && !defined(LEVADA_CAF_INSTRUMENTED)
void released_here(void* object) noexcept {
  __tsan_release(object);
}
void destroyed_here(void* object) noexcept {
  __tsan_acquire(object);
}
#else
void released_here(void*) noexcept {
}
void destroyed_here(void*) noexcept {
}
#endif

/// Ends a channel's actor from a worker, after enqueue() has returned.
class ending_job final : public posted_job {
public:
  ending_job(channel_actor& which, bool kill) : which_(which), kill_(kill) {
    which_.retain();
  }
  ~ending_job() override {
    which_.release();
  }

private:
  void run() override {
    if (kill_)
      which_.end(close_reason::killed);
    else
      which_.end_if_drained();
  }

  channel_actor& which_;
  bool kill_;
};

channel_actor& actor_of(channel_core& core) noexcept {
  return static_cast<channel_actor&>(core);
}

} // namespace

channel_actor::channel_actor(caf::actor_config& config,
                             const channel_setup& setup, std::uint64_t id,
                             channel_directory& home)
    : caf::monitorable_actor(config),
      channel_core(setup, id, &home),
      on_exit_(setup.on_exit) {
}

channel_actor::~channel_actor() {
  // acquire: it may have been made by another thread
  delete door_.load(std::memory_order_acquire);
}

channel_door& channel_actor::door() {
  // acquire: pairs with the exchange of whoever made it
  auto* present = door_.load(std::memory_order_acquire);
  if (present != nullptr)
    return *present;
  auto made = std::make_unique<channel_door>(*this);
  // release: who finds it finds it made
  if (door_.compare_exchange_strong(present, made.get(),
                                    std::memory_order_acq_rel))
    return *made.release();
  return *present;
}

const outsider_count& channel_actor::outsiders() const noexcept {
  return home().outsiders;
}

const char* channel_actor::name() const {
  const auto* given = channel_core::name();
  return *given == '\0' ? "levada.channel" : given;
}

void channel_actor::enqueue(caf::mailbox_element_ptr message,
                            caf::execution_unit* unit) {
  const auto& content = message->content();
  if (content.match_elements<caf::exit_msg>()) {
    exit(content.get_as<caf::exit_msg>(0).reason);
    return;
  }
  if (content.match_elements<caf::down_msg>()) {
    // acquire: as in door()
    if (auto* present = door_.load(std::memory_order_acquire))
      present->enqueue(std::move(message));
    return;
  }
  if (content.match_elements<caf::sys_atom, caf::get_atom, std::string>()) {
    handle_system_message(*message, unit, true);
    return;
  }
  if (channel_door::knows(content)) {
    door().enqueue(std::move(message));
    return;
  }
  if (getf(is_terminated_flag)) {
    bounce(message);
    return;
  }
  // (bounce() says request_receiver_down, whatever error it is given)
  if (message->sender != nullptr && message->mid.is_request())
    message->sender->enqueue(
      ctrl(), message->mid.response_id(),
      caf::make_message(caf::make_error(caf::sec::unexpected_message)), unit);
}

/// Both ways to end end the actor later: CAF may hold our mutex right now.
void channel_actor::exit(const caf::error& why) {
  const bool kill = why == caf::exit_reason::kill;
  if (!why || (on_exit_ == exit_policy::ignore && !kill))
    return; // a linked actor ended well, or it is none of ours
  auto kept = why;
  auto cause = std::make_exception_ptr(
    std::runtime_error{"exit message: " + to_text(why)});
  {
    spin_guard guard{lock};
    if (is_open())
      std::swap(exit_reason_, kept);
  }
  close_quietly({close_reason::killed, std::move(cause)});
  const bool drops = kill || on_exit_ == exit_policy::destroy;
  home_system().scheduler().enqueue(new ending_job(*this, drops));
}

void channel_actor::on_destroy() {
  destroyed_here(static_cast<channel_core*>(this));
  home().remove(*this);
  home().release();
  if (!getf(is_cleaned_up_flag))
    cleanup(exit_reason_of(closed), nullptr);
  caf::monitorable_actor::on_destroy();
}

void channel_actor::end(close_reason why) {
  // A refusing state first: whoever sees the actor ended finds it closed.
  close_quietly({why, nullptr, why == close_reason::killed});
  if (getf(is_terminated_flag))
    return;
  caf::error reason;
  {
    spin_guard guard{lock};
    std::swap(reason, exit_reason_);
  }
  if (!reason)
    reason = exit_reason_of(why);
  // acquire: as in door()
  auto* const present = door_.load(std::memory_order_acquire);
  // (with its runtime it ends at once: nobody goes on with an answer)
  if (present == nullptr || why == close_reason::runtime_stopped)
    end_now(std::move(reason));
  else
    present->end_when_told(std::move(reason));
}

void channel_actor::end_now(caf::error reason) {
  setf(is_terminated_flag);
  cleanup(std::move(reason), nullptr);
}

bool channel_actor::retain_if_alive() noexcept {
  auto& strong = ctrl()->strong_refs;
  auto references = strong.load();
  while (references != 0)
    if (strong.compare_exchange_weak(references, references + 1,
                                     std::memory_order_relaxed))
      return true;
  return false;
}

caf::strong_actor_ptr channel_actor::pointer() {
  return caf::strong_actor_ptr{ctrl()};
}

caf::error channel_actor::exit_reason_of(close_reason why) {
  switch (why) {
    case close_reason::open:
      return caf::exit_reason::unreachable;
    case close_reason::failed:
      return caf::exit_reason::unhandled_exception;
    case close_reason::killed:
      return caf::exit_reason::kill;
    case close_reason::runtime_stopped:
      return caf::exit_reason::user_shutdown;
    default:
      return caf::exit_reason::normal;
  }
}

// -- channel_core, where it is the actor --------------------------------------

void channel_core::retain() noexcept {
  caf::intrusive_ptr_add_ref(actor_of(*this).ctrl());
}

void channel_core::release() noexcept {
  released_here(this);
  caf::intrusive_ptr_release(actor_of(*this).ctrl());
}

void channel_core::end_if_drained() {
  auto why = close_reason::open;
  {
    spin_guard guard{lock};
    if (!exposed || !is_drained())
      return;
    why = closed;
  }
  actor_of(*this).end(why);
}

void channel_core::end_soon() {
  {
    spin_guard guard{lock};
    if (!exposed || !is_drained())
      return;
  }
  auto& self = actor_of(*this);
  self.home_system().scheduler().enqueue(new ending_job(self, false));
}

channel_core& make_channel_core(engine& where, const channel_setup& setup) {
  auto& home = channel_directory::of(where);
  caf::actor_config config;
  auto& system = where.system();
  auto pointer = caf::make_actor<channel_actor, caf::strong_actor_ptr>(
    system.next_actor_id(), system.node(), &system, config, setup,
    home.next_id(), home);
  auto* made = static_cast<channel_actor*>(
    caf::actor_cast<caf::abstract_actor*>(pointer));
  home.add(*made);
  // One strong reference for each end that has handles.
  made->retain();
  made->retain();
  made->add_sender();
  made->add_receiver();
  if (home.closing())
    made->close({close_reason::runtime_stopped});
  return *made;
}

} // namespace levada::detail
