// One value on its way to several channels: the work of a relay_sender.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <source_location>
#include <stop_token>
#include <utility>
#include <vector>

#include <levada/channels/rounds/round.hpp>
#include <levada/runtime/task.hpp>

namespace levada {

enum class relay_policy : std::uint8_t { all, any, best_effort };

/// Of relay_sender::send: true when the policy was met, else why not: the first
/// failure, in the order of the targets.
template <class T>
class [[nodiscard]] relay_result : public detail::outcome_base {
public:
  relay_result(errc why, std::vector<errc> each, std::unique_ptr<T> back)
      : outcome_base(why),
        each_(std::move(each)),
        back_(std::move(back)) {
  }

  /// For each target, as they were given: errc{} when it got the value;
  /// `cancelled` also when it was not tried because of another one.
  const std::vector<errc>& targets() const noexcept {
    return each_;
  }
  std::size_t delivered() const noexcept {
    return static_cast<std::size_t>(
      std::count(each_.begin(), each_.end(), errc{}));
  }
  bool full() const noexcept {
    return this->code() == errc::full;
  }

  /// The value comes back when nobody got it.
  bool has_value() const noexcept {
    return back_ != nullptr;
  }
  /// Only when has_value().
  T& value() noexcept {
    return *back_;
  }

private:
  std::vector<errc> each_;
  std::unique_ptr<T> back_;
};

namespace detail {

/// One value on its way to several channels.
template <class T>
class relaying {
public:
  using targets = std::vector<sender<T>>;

  relaying(std::shared_ptr<const targets> to, T&& value)
      : to_(std::move(to)),
        each_(to_->size(), errc::cancelled) {
    for (std::size_t i = 0; i + 1 < to_->size(); ++i)
      values_.push_back(std::make_unique<T>(std::as_const(value)));
    values_.push_back(std::make_unique<T>(std::move(value)));
  }

  static task<relay_result<T>> to_all(std::unique_ptr<relaying> self,
                                      std::stop_token stop,
                                      std::source_location line) {
    auto& to = *self->to_;
    std::vector<permit<T>> places(to.size());
    for (const auto i : self->in_order()) {
      if (!self->has_places(i))
        continue;
      auto place = co_await to[i].reserve(stop, line);
      if (!place) {
        self->each_[i] = static_cast<errc>(place.error().value());
        co_return self->result(relay_policy::all);
      }
      places[i] = *std::move(place);
    }
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (self->has_places(i))
        continue;
      auto sent = co_await self->send(i, stop, line);
      if (!self->note(i, sent))
        co_return self->result(relay_policy::all);
    }
    for (std::size_t i = 0; i < to.size(); ++i)
      if (places[i])
        self->use(i, places[i]);
    co_return self->result(relay_policy::all);
  }

  static task<relay_result<T>> to_any(std::unique_ptr<relaying> self,
                                      std::stop_token stop,
                                      std::source_location line) {
    self->try_each();
    select_claim claim;
    self->make_cases(claim);
    const auto count = static_cast<std::uint32_t>(self->to_->size());
    while (!self->waiting_.empty()) {
      claim.begin_again();
      round now{claim, line, count};
      now.wishes().cases().assign(self->waiting_.begin(), self->waiting_.end());
      if (stop.stop_possible())
        now.wishes().add(stop);
      const std::uint32_t which = co_await now;
      if (which >= count) // stopped, or cancelled
        break;
      self->settle(which);
    }
    self->take_back();
    co_return self->result(relay_policy::any);
  }

  relay_result<T> now() {
    try_each();
    return result(relay_policy::best_effort);
  }

private:
  channel_core& core(std::size_t i) const noexcept {
    return *handle_access::sending((*to_)[i]);
  }
  bool waits(std::size_t i) const noexcept {
    return core(i).policy == overflow::wait;
  }
  bool has_places(std::size_t i) const noexcept {
    return waits(i) && core(i).capacity != 0;
  }
  std::vector<std::size_t> in_order() const {
    std::vector<std::size_t> result(to_->size());
    for (std::size_t i = 0; i < result.size(); ++i)
      result[i] = i;
    std::sort(result.begin(), result.end(), [this](auto a, auto b) {
      return std::less<>{}(&core(a), &core(b));
    });
    return result;
  }

  // (Not coroutines: an over-aligned value must not lie in their frames.)
  auto send(std::size_t i, const std::stop_token& stop,
            std::source_location line) {
    return (*to_)[i].send(std::move(*values_[i]), stop, line);
  }
  void use(std::size_t i, permit<T>& place) {
    auto sent = place.send(std::move(*values_[i]));
    (void)note(i, sent);
  }
  void try_each() {
    for (std::size_t i = 0; i < to_->size(); ++i) {
      auto sent = (*to_)[i].try_send(std::move(*values_[i]));
      (void)note(i, sent);
    }
  }
  template <class Sent>
  bool note(std::size_t i, Sent& sent) {
    if (sent) {
      each_[i] = errc{};
      values_[i].reset();
      return true;
    }
    each_[i] = static_cast<errc>(sent.error().value());
    values_[i] = std::make_unique<T>(std::move(sent.value()));
    return false;
  }

  /// Of those that have no room yet.
  void make_cases(select_claim& claim) {
    for (std::size_t i = 0; i < to_->size(); ++i) {
      auto& made = cases_.emplace_back();
      if (each_[i] != errc::full || !waits(i))
        continue;
      each_[i] = errc::cancelled; // so far
      send_case<T> one{(*to_)[i], std::move(*values_[i])};
      values_[i].reset();
      made = std::make_unique<send_slot<T>>(claim,
                                            static_cast<std::uint32_t>(i), one);
      waiting_.push_back(made.get());
    }
  }
  void settle(std::uint32_t i) {
    std::erase(waiting_, cases_[i].get());
    auto sent = cases_[i]->finish();
    cases_[i].reset();
    (void)note(i, sent);
  }
  /// The values of those that still wait.
  void take_back() {
    for (auto* each : waiting_) {
      const auto i = each->index;
      cell<T>::take(std::exchange(each->slot, nullptr), [this, i](T&& back) {
        values_[i] = std::make_unique<T>(std::move(back));
      });
    }
  }

  relay_result<T> result(relay_policy policy) {
    std::unique_ptr<T> back;
    const auto failed = std::find_if(each_.begin(), each_.end(),
                                     [](errc why) { return why != errc{}; });
    const bool somebody
      = std::find(each_.begin(), each_.end(), errc{}) != each_.end();
    if (!somebody)
      for (auto& value : values_)
        if (value)
          back = std::move(value);
    const bool met
      = policy == relay_policy::all ? failed == each_.end() : somebody;
    return {met ? errc{} : first_failure(), std::move(each_), std::move(back)};
  }
  /// Not that of those who were not tried, if there is another one.
  errc first_failure() const noexcept {
    auto result = errc::cancelled;
    for (const auto why : each_)
      if (result == errc::cancelled && why != errc{})
        result = why;
    return result;
  }

  const std::shared_ptr<const targets> to_;
  /// What became of each target.
  std::vector<errc> each_;
  /// What is still to be sent, or came back.
  std::vector<std::unique_ptr<T>> values_;
  // For to_any:
  std::vector<std::unique_ptr<send_slot<T>>> cases_;
  std::vector<select_case*> waiting_;
};

} // namespace detail

} // namespace levada
