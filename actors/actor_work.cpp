#include <levada/actors/actor_work.hpp>

#include <memory>
#include <utility>

#include <caf/actor_clock.hpp>
#include <caf/behavior.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message.hpp>
#include <caf/scheduled_actor.hpp>

#include <levada/runtime/caf_port.hpp>

namespace levada::detail {

namespace {

caf::mailbox_element_ptr empty_response(std::uint64_t id) {
  return caf::make_mailbox_element(nullptr, caf::message_id{id}, {},
                                   caf::message{});
}

} // namespace

// -- the bell -----------------------------------------------------------------

actor_bell::actor_bell(caf::scheduled_actor& self)
    : callback_waiter(&actor_bell::told),
      self_(&self),
      id_(self.new_request_id(caf::message_priority::normal)
            .response_id()
            .integer_value()) {
  intrusive_ptr_add_ref(self_->ctrl());
}

actor_bell::~actor_bell() {
  intrusive_ptr_release(self_->ctrl());
}

void actor_bell::expect() noexcept {
  references_.fetch_add(1, std::memory_order_relaxed);
  // relaxed: whoever tells comes by way of a channel's lock
  expected_.store(true, std::memory_order_relaxed);
}

void actor_bell::not_told() noexcept {
  expected_.store(false, std::memory_order_relaxed);
  release();
}

void actor_bell::told(callback_waiter& who) noexcept {
  auto& self = static_cast<actor_bell&>(who);
  // release: pairs with expected(); our link in the wake_list is free again.
  // First, or the turn that this rings for would take it for still to come.
  self.expected_.store(false, std::memory_order_release);
  self.ring();
  self.release();
}

void actor_bell::ring() noexcept {
  self_->enqueue(empty_response(id_), unit_here(self_->home_system()));
}

void actor_bell::ring_at(time_point when) {
  self_->clock().schedule_message(when, caf::strong_actor_ptr{self_->ctrl()},
                                  empty_response(id_));
}

void actor_bell::release() noexcept {
  // acq_rel: as for all counts
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
    delete this;
}

// -- the work -----------------------------------------------------------------

/// What CAF's handler holds: it knows whether it has run.
struct actor_work::armed {
  explicit armed(actor_work& work) noexcept : work(work) {
    work.retain();
  }
  ~armed() {
    if (!spent)
      work.abandoned();
    work.release();
  }
  armed(const armed&) = delete;
  armed& operator=(const armed&) = delete;

  actor_work& work;
  bool spent = false;
};

actor_work::actor_work(caf::scheduled_actor& self)
    : bell_(new actor_bell{self}) {
}

actor_work::~actor_work() {
  if (bell_ != nullptr)
    bell_->release();
}

void actor_work::arm(response_order order) {
  caf::behavior handler{[mine = std::make_shared<armed>(*this)] {
    if (!std::exchange(mine->spent, true))
      mine->work.turn();
  }};
  auto& self = bell_->self();
  const caf::message_id id{bell_->message_id()};
  if (order == response_order::awaited)
    self.add_awaited_response_handler(id, std::move(handler));
  else
    self.add_multiplexed_response_handler(id, std::move(handler));
}

void actor_work::let_go(bool clear) noexcept {
  auto* bell = std::exchange(bell_, nullptr);
  if (bell == nullptr)
    return;
  if (clear)
    bell->ring();
  bell->release();
}

namespace {

/// Reads what CAF keeps from all but its actors.
struct opened : caf::scheduled_actor {
  static bool awaits(const caf::scheduled_actor& self) noexcept {
    return !(self.*&opened::awaited_responses_).empty();
  }
};

} // namespace

bool awaits_response(const caf::scheduled_actor& self) noexcept {
  return opened::awaits(self);
}

void fail_request(caf::scheduled_actor& self, std::error_code code) {
  auto why = caf::make_error(caf::sec::runtime_error, code.message());
  self.call_error_handler(why);
}

} // namespace levada::detail
