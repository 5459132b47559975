#include <levada/actors/response_promise.hpp>

#include <algorithm>

#include <caf/abstract_actor.hpp>

#include <levada/actors/caf_error.hpp>
#include <levada/runtime/caf_port.hpp>

namespace levada {

response_promise::response_promise(caf::strong_actor_ptr self,
                                   caf::mailbox_element& message)
    : self_(std::move(self)),
      source_(std::move(message.sender)),
      stages_(std::move(message.stages)),
      id_(message.mid) {
  stages_.erase(std::remove(stages_.begin(), stages_.end(), nullptr),
                stages_.end());
  if (id_.is_response()) { // an answer is not answered
    source_ = nullptr;
    stages_.clear();
  }
}

response_promise::response_promise(response_promise&& other) noexcept
    : self_(std::move(other.self_)),
      source_(std::move(other.source_)),
      stages_(std::move(other.stages_)),
      id_(other.id_) {
  other.source_ = nullptr;
  other.stages_.clear();
}

response_promise&
response_promise::operator=(response_promise&& other) noexcept {
  if (this == &other)
    return *this;
  drop();
  self_ = std::move(other.self_);
  source_ = std::exchange(other.source_, nullptr);
  stages_ = std::exchange(other.stages_, {});
  id_ = other.id_;
  return *this;
}

response_promise::~response_promise() {
  drop();
}

void response_promise::drop() noexcept {
  if (!pending() || !is_request())
    return;
  try {
    deliver(make_error(errc::dropped, "the request was not answered"));
  } catch (const std::bad_alloc&) { // NOLINT(bugprone-empty-catch):
    // nothing is left to tell it with; the asker's own time-out remains
  }
}

bool response_promise::deliver(caf::error error) {
  return deliver_message(caf::make_message(std::move(error)));
}

bool response_promise::deliver_message(caf::message answer) {
  if (!pending())
    return false;
  auto source = std::exchange(source_, nullptr);
  auto stages = std::exchange(stages_, {});
  if (!stages.empty()) {
    // the next of a chain gets it as a request of the first one's
    auto next = std::move(stages.back());
    stages.pop_back();
    next->enqueue(caf::make_mailbox_element(std::move(source), id_,
                                            std::move(stages),
                                            std::move(answer)),
                  detail::unit_here(*next->home_system));
    return true;
  }
  // (an error nobody asked for would end an actor)
  if (!is_request() && (answer.empty() || answer.match_elements<caf::error>()))
    return false;
  source->enqueue(self_, id_.response_id(), std::move(answer),
                  detail::unit_here(*source->home_system));
  return true;
}

bool response_promise::delegate_message(const caf::strong_actor_ptr& other,
                                        caf::message content) {
  if (!pending() || other == nullptr)
    return false;
  auto source = std::exchange(source_, nullptr);
  auto stages = std::exchange(stages_, {});
  other->enqueue(caf::make_mailbox_element(std::move(source), id_,
                                           std::move(stages),
                                           std::move(content)),
                 detail::unit_here(*other->home_system));
  return true;
}

} // namespace levada
