#include <levada/actors/channel_actor.hpp>

#include <caf/actor.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#include <caf/sec.hpp>
#include <caf/system_messages.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/actors/channel_door.hpp>
#include <levada/actors/channel_extras.hpp>
#include <levada/actors/registry.hpp>
#include <levada/runtime/engine.hpp>
#include <levada/runtime/frame_pool.hpp>
#include <levada/runtime/posted_job.hpp>
#include <levada/runtime/sanitizer.hpp>
#include <levada/runtime/slab_store.hpp>

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

struct kept_error final : channel_attachment {
  explicit kept_error(caf::error what) : what(std::move(what)) {
  }
  caf::error what;
};

/// As caf::actor_storage: an actor behind its control block, from which CAF finds
/// the one from the other by counting a cache line. The block leaves eight bytes
/// of that, and a free list knows the memory.
class channel_storage {
public:
  static channel_actor& make(caf::actor_system& system, channel_directory& home,
                             const channel_setup& setup) {
    auto* const made = ::new (allocate_block(sizeof(channel_storage)))
      channel_storage(system, home);
    try {
      caf::actor_config config;
      return *::new (static_cast<void*>(&made->actor_))
        channel_actor{config, setup, home.next_id()};
    } catch (...) {
      release(&made->control_);
      throw;
    }
  }

  static channel_directory& home_of(const channel_actor& actor) noexcept {
    static_assert(sizeof(control_) + sizeof(channel_directory*)
                      == CAF_CACHE_LINE_SIZE
                    && alignof(channel_actor) <= slab_store::step,
                  "CAF expects the actor a cache line behind its block");
    return *reinterpret_cast<const channel_storage*>(
              caf::actor_control_block::from(&actor))
              ->home_;
  }

private:
  channel_storage(caf::actor_system& system, channel_directory& home)
      : channel_storage(system, home, system.node()) {
  }
  channel_storage(caf::actor_system& system, channel_directory& home,
                  caf::node_id node)
      : control_(system.next_actor_id(), node, &system, &end, &release),
        home_(&home) {
  }
  ~channel_storage() {
  }

  static void end(caf::abstract_actor* actor) {
    actor->on_destroy();
    static_cast<channel_actor*>(actor)->~channel_actor();
  }
  static void release(caf::actor_control_block* block) {
    auto* const self = reinterpret_cast<channel_storage*>(block);
    self->~channel_storage();
    release_block(self, sizeof(channel_storage));
  }

  caf::actor_control_block control_;
  /// The registry, of which the channel holds one reference.
  channel_directory* const home_;
  union {
    channel_actor actor_;
  };
};

} // namespace

channel_actor::channel_actor(caf::actor_config& config,
                             const channel_setup& setup, std::uint64_t id)
    : caf::monitorable_actor(config),
      channel_core(setup, id) {
}

channel_actor::~channel_actor() {
  delete door_if_any();
}

channel_door* channel_actor::door_if_any() const noexcept {
  const auto* present = rare();
  // acquire: pairs with the exchange of whoever made it
  return present == nullptr ? nullptr
                            : present->door.load(std::memory_order_acquire);
}

channel_door& channel_actor::door() {
  if (auto* present = door_if_any())
    return *present;
  auto made = std::make_unique<channel_door>(*this);
  std::atomic<channel_door*>* place = nullptr;
  {
    spin_guard guard{lock};
    place = &extras().door;
  }
  channel_door* present = nullptr;
  // release: who finds it finds it made
  if (place->compare_exchange_strong(present, made.get(),
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
    if (auto* present = door_if_any())
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
  if (!why)
    return; // a linked actor ended well
  std::shared_ptr<channel_attachment> kept = std::make_shared<kept_error>(why);
  bool drops = kill;
  auto cause = std::make_exception_ptr(
    std::runtime_error{"exit message: " + to_text(why)});
  {
    spin_guard guard{lock};
    if (on_exit == exit_policy::ignore && !kill)
      return; // it is none of ours
    drops = kill || on_exit == exit_policy::destroy;
    if (is_open())
      std::swap(extras().exit_reason, kept);
  }
  close_quietly({close_reason::killed, std::move(cause)});
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
  // It stays there: another one may be here, too, and end it first.
  std::shared_ptr<channel_attachment> kept;
  {
    spin_guard guard{lock};
    if (rare() != nullptr)
      kept = rare()->exit_reason;
  }
  auto reason = kept != nullptr ? static_cast<kept_error&>(*kept).what
                                : exit_reason_of(why);
  auto* const present = door_if_any();
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

channel_directory& channel_core::home() const noexcept {
  return channel_storage::home_of(static_cast<const channel_actor&>(*this));
}

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
  auto* const made = &channel_storage::make(where.system(), home, setup);
  caf::strong_actor_ptr kept{made->ctrl(), false};
  home.add(*made);
  // One strong reference for each end that has handles.
  kept.detach();
  made->retain();
  made->add_sender();
  made->add_receiver();
  if (home.closing())
    made->close({close_reason::runtime_stopped});
  return *made;
}

} // namespace levada::detail
