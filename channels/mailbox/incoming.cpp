#include <levada/channels/mailbox/incoming.hpp>

#include <caf/sec.hpp>

#include <levada/channels/mailbox/task_actor_cell.hpp>

namespace levada {

namespace {

/// Makes an answer of what a handler returns.
class answering final : public caf::detail::invoke_result_visitor {
public:
  explicit answering(response_promise& duty) noexcept : duty_(duty) {
  }
  void operator()() override {
  }
  void operator()(caf::error& answer) override {
    duty_.deliver(std::move(answer));
  }
  void operator()(caf::message& answer) override {
    duty_.deliver_message(std::move(answer));
  }
  void operator()(const caf::none_t&) override {
  }
  using caf::detail::invoke_result_visitor::operator();

private:
  response_promise& duty_;
};

/// Lets the handler that runs find its duty.
class duty_in_hand {
public:
  duty_in_hand(response_promise*& place, response_promise& duty) noexcept
      : place_(place),
        before_(std::exchange(place, &duty)) {
  }
  ~duty_in_hand() {
    place_ = before_;
  }
  duty_in_hand(const duty_in_hand&) = delete;
  duty_in_hand& operator=(const duty_in_hand&) = delete;

private:
  response_promise*& place_;
  response_promise* before_;
};

} // namespace

incoming::incoming(caf::strong_actor_ptr self, caf::mailbox_element& message)
    : content_(message.move_content_to_message()),
      self_(self),
      promise_(std::move(self), message) {
}

bool incoming::handle_with(caf::message_handler& handlers) {
  answering answer{promise_};
  const duty_in_hand running{
    static_cast<detail::task_actor_cell*>(self_->get())->current, promise_};
  try {
    return handlers(answer, content_) == caf::match_case::match;
  } catch (const std::exception& failed) {
    promise_.deliver(
      caf::make_error(caf::sec::runtime_error, std::string{failed.what()}));
    throw;
  } catch (...) { // passed on
    promise_.deliver(caf::make_error(caf::sec::runtime_error));
    throw;
  }
}

} // namespace levada
