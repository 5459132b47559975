#include <levada/channels/request.hpp>

#include <atomic>

#include <caf/actor_config.hpp>
#include <caf/actor_system.hpp>
#include <caf/default_attachable.hpp>
#include <caf/exit_reason.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/make_actor.hpp>
#include <caf/monitorable_actor.hpp>
#include <caf/system_messages.hpp>

#include <levada/channels/oneshot.hpp>
#include <levada/runtime/caf_port.hpp>
#include <levada/runtime/engine.hpp>

namespace levada::detail {

namespace {

/// Who asks, to CAF: takes one answer, or word of the other's end. It ends with
/// the request, so whoever watches it (a channel that is to answer) learns that
/// the answer is not wanted any more.
class asker final : public caf::monitorable_actor {
public:
  asker(caf::actor_config& config, oneshot_sender<caf::message> out)
      : caf::monitorable_actor(config),
        out_(std::move(out)) {
  }

  const char* name() const override {
    return "levada.request";
  }

  void enqueue(caf::mailbox_element_ptr message,
               caf::execution_unit* unit) override {
    const auto& content = message->content();
    if (message->mid.is_response())
      finish(message->move_content_to_message());
    else if (content.match_elements<caf::down_msg>())
      finish(
        caf::make_message(caf::make_error(caf::sec::request_receiver_down)));
    else if (content
               .match_elements<caf::sys_atom, caf::get_atom, std::string>())
      handle_system_message(*message, unit, true);
    else if (!content.match_elements<caf::exit_msg>())
      bounce(message);
  }

  void on_destroy() override {
    end();
    caf::monitorable_actor::on_destroy();
  }

  void end() {
    if (getf(is_cleaned_up_flag))
      return;
    setf(is_terminated_flag);
    cleanup(caf::exit_reason::normal, nullptr);
  }

private:
  void finish(caf::message answer) {
    // acq_rel: out_ is used by whoever was first, and by nobody else
    if (done_.exchange(true, std::memory_order_acq_rel))
      return;
    // (fails when the wait has ended: the answer is late)
    (void)std::move(out_).send(std::move(answer));
  }

  std::atomic<bool> done_{false};
  oneshot_sender<caf::message> out_;
};

/// A request on its way: bound to the life of who was asked until it goes.
class pending_request {
public:
  pending_request(engine& home, caf::strong_actor_ptr whom,
                  oneshot_sender<caf::message> out, caf::message question)
      : counted_(home.outsiders),
        whom_(std::move(whom)) {
    auto& system = home.system();
    caf::actor_config config;
    self_ = caf::make_actor<asker, caf::strong_actor_ptr>(
      system.next_actor_id(), system.node(), &system, config, std::move(out));
    whom_->get()->attach(caf::default_attachable::make_monitor(
      whom_->get()->address(), self_->get()->address()));
    whom_->enqueue(caf::make_mailbox_element(self_, caf::make_message_id(1), {},
                                             std::move(question)),
                   unit_here(system));
  }
  ~pending_request() {
    const caf::default_attachable::observe_token mine{
      self_->get()->address(), caf::default_attachable::monitor};
    whom_->get()->detach(mine);
    static_cast<asker*>(self_->get())->end();
  }
  pending_request(const pending_request&) = delete;
  pending_request& operator=(const pending_request&) = delete;

private:
  counted_outsider counted_;
  caf::strong_actor_ptr whom_;
  caf::strong_actor_ptr self_;
};

caf::error error_of(const timed_receive_result<caf::message>& failed) {
  if (failed.timed_out())
    return caf::make_error(caf::sec::request_timeout);
  if (failed.closed()) // by nobody but the runtime
    return make_error(errc::runtime_stopped);
  return make_error(static_cast<errc>(failed.error().value()));
}

} // namespace

task<caf::message> ask(caf::strong_actor_ptr whom, caf::message question,
                       duration timeout, std::stop_token stop) {
  if (whom == nullptr)
    co_return caf::make_message(caf::make_error(
      caf::sec::invalid_argument, "request: of an invalid actor handle"));
  auto& home = require_current_engine("request");
  auto ends = make_oneshot_in<caf::message>(home, {.name = "request"});
  const pending_request pending{home, std::move(whom), std::move(ends.tx),
                                std::move(question)};
  auto got = co_await ends.rx.receive_for(timeout, std::move(stop));
  if (!got)
    co_return caf::make_message(error_of(got));
  co_return *std::move(got);
}

} // namespace levada::detail
