// A select with any_receivers, timers and the like among its cases.
//
// These look at what came before they say whether it was for them, so the select
// may have to wait again: it goes in rounds (round.hpp), as part of the awaiting
// task. A case that has lost so far keeps its item, its place in line it has
// anew each round.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include <levada/channels/rounds/round.hpp>
#include <levada/channels/rounds/source_access.hpp>
#include <levada/channels/select.hpp>

namespace levada::detail {

/// A source among the cases.
template <class T>
class source_slot {
public:
  using result = receive_result<T>;
  static constexpr bool on_channel = false;
  static constexpr bool in_rounds = true;

  source_slot(select_claim&, std::uint32_t, const any_receiver<T>& from)
      : source_(source_access::get(from)) {
  }

  void join(select_engine::extra_cases&, std::uint32_t) const noexcept {
  }
  void wish(wish_list& list) {
    source_.wish(list);
  }
  bool wished(std::uint32_t index) const noexcept {
    return source_.wished(index);
  }
  bool look(std::uint32_t index) {
    return source_.look(index);
  }
  std::optional<result> finish() {
    return source_.take();
  }

private:
  source<T>& source_;
};

template <is_any_receiver Case>
struct case_traits<Case> {
  using slot = source_slot<typename Case::value_type>;
  static const void*
  identity(const any_receiver<typename Case::value_type>& from) {
    return &source_access::get(from);
  }
};

template <class Slot>
concept slot_in_rounds = requires { Slot::in_rounds; };

template <class... Cases>
class select_in_rounds {
  using slots_type = select_slots<std::index_sequence_for<Cases...>, Cases...>;
  static constexpr auto size = static_cast<std::uint32_t>(sizeof...(Cases));

public:
  using result_type = selected<typename slot_of<Cases>::result...>;
  using levada_awaitable = void;

  select_in_rounds(bool biased, std::source_location line, Cases&... cases)
      : slots_(claim_, cases...),
        sources_{identity_of(cases)...},
        line_(line),
        biased_(biased) {
  }
  select_in_rounds(const select_in_rounds&) = delete;
  select_in_rounds& operator=(const select_in_rounds&) = delete;

  task_awaiter<result_type> operator co_await() {
    return run(this).operator co_await();
  }

  result_type block() {
    result_type result;
    for (;;) {
      claim_.begin_again();
      round now{claim_, line_, size};
      prepare(now);
      if (conclude(now.block(), result))
        return result;
    }
  }

private:
  static task<result_type> run(select_in_rounds* self) {
    result_type result;
    for (;;) {
      self->claim_.begin_again();
      round now{self->claim_, self->line_, size};
      self->prepare(now);
      const std::uint32_t index = co_await now;
      if (self->conclude(index, result))
        co_return result;
    }
  }

  void prepare(round& now) {
    auto& wishes = now.wishes();
    wishes.extra().otherwise = slots_.extra().otherwise;
    if (biased_)
      now.prefer_first();
    for_each_slot([&wishes]<class Slot>(std::size_t, Slot& slot) {
      // in the order in which they were written, for `biased`
      if constexpr (slot_in_rounds<Slot>)
        slot.wish(wishes);
      else if constexpr (Slot::on_channel)
        wishes.cases().push_back(&slot);
      else
        slot.join(wishes.extra(),
                  static_cast<std::uint32_t>(wishes.cases().size()));
    });
  }

  /// True when the select is over.
  bool conclude(std::uint32_t index, result_type& result) {
    if (index == round::cancelled)
      return true;
    bool over = false;
    for_each_slot([&]<class Slot>(auto i, Slot& slot) {
      if constexpr (slot_in_rounds<Slot>)
        over = over
               || (slot.wished(index) && slot.look(index)
                   && settle<i>(slot, result));
      else
        over = over || (index == i && settle<i>(slot, result));
    });
    return over;
  }

  template <std::size_t I, class Slot>
  bool settle(Slot& slot, result_type& result) {
    if constexpr (slot_in_rounds<Slot>) {
      auto got = slot.finish();
      if (!got)
        return false;
      result.result_.template emplace<I + 1>(*std::move(got));
    } else {
      result.result_.template emplace<I + 1>(slot.finish());
    }
    result.source_ = sources_[I];
    return true;
  }

  template <class F>
  void for_each_slot(F f) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (f(std::integral_constant<std::size_t, I>{}, slots_.template slot<I>()),
       ...);
    }(std::index_sequence_for<Cases...>{});
  }

  select_claim claim_;
  slots_type slots_;
  std::array<const void*, sizeof...(Cases)> sources_;
  std::source_location line_;
  bool biased_;
};

template <class... Cases>
  requires(slot_in_rounds<slot_of<Cases>> || ...)
struct select_kind<Cases...> {
  using type = select_in_rounds<Cases...>;
};

} // namespace levada::detail
