// select: waits for the first of several things, and does exactly that one.
//
//   auto chosen = co_await levada::select(rx_a, rx_b,
//                                         levada::sending(tx, value),
//                                         levada::after(1s));
//   switch (chosen.index()) {
//     case 0: use(chosen.get<0>()); break;   // a receive_result
//     …
//   }
//
// Cases   receivers (of a broadcast, too), channels (as receivers),
//         sending(tx, v), after / tick, a std::stop_token, and `otherwise` as the last one.
// Ready   a receive: something is there, or closed and drained. A send: it
//         would not wait, or the channel is closed (the result says so). Nil
//         handles are never ready. Among several ready ones chance decides, each
//         is equally likely; with `biased` first, the first as written.
// Losing  cases have no effect at all.
// The same channel may stand in it twice, for both ends too: a select never
// meets itself.
// Closing wakes it. Cancelling the task: chosen.cancelled(), index() is npos.
// Values of losing sends are dropped with the awaited expression.
// Cost    one lock when the first case looked at is ready; else each channel's
//         lock, twice when it waits. For a set that is selected from again and
//         again there is select_set.
#pragma once

#include <array>
#include <tuple>

#include <levada/channels/select/cases.hpp>
#include <levada/channels/select/selected.hpp>
#include <levada/runtime/code_line.hpp>

namespace levada {
namespace detail {

template <class Sequence, class... Cases>
class select_slots;

/// What a select without a channel case waits for besides: nothing.
template <bool Needed>
struct nil_case : select_case {
  explicit nil_case(select_claim& claim)
      : select_case(claim, select_engine::none, &nil_for_receiving(), false) {
  }
};
template <>
struct nil_case<false> {
  explicit nil_case(select_claim&) noexcept {
  }
};

template <std::size_t I, class Slot>
struct indexed_slot {
  template <class Case>
  indexed_slot(select_claim& claim, Case& from)
      : slot(claim, static_cast<std::uint32_t>(I), from) {
  }
  Slot slot;
};

/// All slots of a select, and the array the engine works on.
template <std::size_t... I, class... Cases>
class select_slots<std::index_sequence<I...>, Cases...>
    : private indexed_slot<I, slot_of<Cases>>... {
public:
  static constexpr bool has_channel = (slot_of<Cases>::on_channel || ...);
  /// Channel cases; at least one: a nil receive, when there is no other.
  static constexpr std::size_t count
    = std::max<std::size_t>((slot_of<Cases>::on_channel + ... + 0), 1);

  explicit select_slots(select_claim& claim, Cases&... from)
      : indexed_slot<I, slot_of<Cases>>(claim, from)...,
        nothing_(claim) {
    std::size_t next = 0;
    (add(slot<I>(), next), ...);
    if constexpr (!has_channel)
      cases_[next] = &nothing_;
    next = 0;
    (join(slot<I>(), next), ...);
  }

  template <std::size_t J>
  auto& slot() noexcept {
    return this->indexed_slot<
      J, slot_of<std::tuple_element_t<J, std::tuple<Cases...>>>>::slot;
  }

  select_case** cases() noexcept {
    return cases_.data();
  }
  const select_engine::extra_cases& extra() const noexcept {
    return extra_;
  }

private:
  template <class Slot>
  void add(Slot& slot, std::size_t& next) noexcept {
    if constexpr (Slot::on_channel)
      cases_[next++] = &slot;
  }
  template <class Slot>
  void join(Slot& slot, std::size_t& before) {
    if constexpr (Slot::on_channel)
      ++before;
    else
      slot.join(extra_, static_cast<std::uint32_t>(before));
  }

  [[no_unique_address]] nil_case<!has_channel> nothing_;
  std::array<select_case*, count> cases_{};
  select_engine::extra_cases extra_;
};

/// One select, however it is waited for.
template <class... Cases>
class select_operation {
public:
  using result_type = selected<typename slot_of<Cases>::result...>;
  using levada_awaitable = void;

  select_operation(bool biased, std::source_location line, Cases&... cases)
      : slots_(claim_, cases...),
        engine_(claim_),
        sources_{identity_of(cases)...},
        line_(line),
        biased_(biased) {
  }
  select_operation(const select_operation&) = delete;
  select_operation& operator=(const select_operation&) = delete;

  bool await_ready() const noexcept {
    return false;
  }

  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> leaf) {
    return engine_.suspend(leaf.promise().root(), leaf, line_, slots_.cases(),
                           slots_.count, biased_, slots_.extra());
  }

  result_type await_resume() {
    return finish(engine_.settle(), std::index_sequence_for<Cases...>{});
  }

  result_type block() {
    engine_.block(slots_.cases(), slots_.count, biased_, slots_.extra());
    return await_resume();
  }

private:
  template <std::size_t... I>
  result_type finish(std::uint32_t winner, std::index_sequence<I...>) {
    result_type result;
    (void)((I == winner ? (result.result_.template emplace<I + 1>(
                             slots_.template slot<I>().finish()),
                           result.source_ = sources_[I], true)
                        : false)
           || ...);
    return result;
  }

  select_claim claim_;
  select_slots<std::index_sequence_for<Cases...>, Cases...> slots_;
  select_engine engine_;
  std::array<const void*, sizeof...(Cases)> sources_;
  std::source_location line_;
  bool biased_;
};

/// How a select over these cases is done; select/in_rounds.hpp knows another way.
template <class... Cases>
struct select_kind {
  using type = select_operation<Cases...>;
};

template <class... Cases>
using select_base =
  typename select_kind<std::remove_reference_t<Cases>...>::type;

/// True when `otherwise` stands nowhere but last, and at most once a stop token.
template <class... Cases>
constexpr bool well_formed_select() {
  constexpr bool is_otherwise[]
    = {std::is_same_v<std::remove_cvref_t<Cases>, otherwise_t>..., false};
  for (std::size_t i = 0; i + 1 < sizeof...(Cases); ++i)
    if (is_otherwise[i])
      return false;
  return (std::is_same_v<std::remove_cvref_t<Cases>, std::stop_token> + ... + 0)
         <= 1;
}

} // namespace detail

/// `co_await levada::select(cases...)` → selected<…>. (A class, so that the line
/// that waits is known: a function could not take it after its arguments.)
template <class... Cases>
class [[nodiscard("co_await it")]] select
    : public detail::select_base<Cases...> {
  static_assert((detail::select_argument<Cases> && ...),
                "select takes receivers, channels, sending(tx, value), after, "
                "tick, a std::stop_token, and otherwise");
  static_assert(
    detail::well_formed_select<Cases...>(),
    "select: otherwise must stand last, and one stop token at most");

public:
  explicit select(Cases&&... cases,
                  detail::code_line line = __builtin_source_location())
      : detail::select_base<Cases...>(false, detail::place_of(line), cases...) {
  }
};

template <class... Cases>
class [[nodiscard("co_await it")]] select<const biased_t&, Cases...>
    : public detail::select_base<Cases...> {
  static_assert((detail::select_argument<Cases> && ...),
                "select takes receivers, channels, sending(tx, value), after, "
                "tick, a std::stop_token, and otherwise");
  static_assert(
    detail::well_formed_select<Cases...>(),
    "select: otherwise must stand last, and one stop token at most");

public:
  explicit select(const biased_t&, Cases&&... cases,
                  detail::code_line line = __builtin_source_location())
      : detail::select_base<Cases...>(true, detail::place_of(line), cases...) {
  }
};

template <class... Cases>
select(Cases&&...) -> select<Cases&&...>;

/// select for a thread. Throws channel_error(wrong_thread) inside a task.
template <class... Cases>
auto blocking_select(Cases&&... cases) {
  return detail::select_base<Cases...>{false, std::source_location{}, cases...}
    .block();
}
template <class... Cases>
auto blocking_select(const biased_t&, Cases&&... cases) {
  return detail::select_base<Cases...>{true, std::source_location{}, cases...}
    .block();
}

} // namespace levada
