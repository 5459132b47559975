#include <levada/channels/outcome.hpp>

#include <levada/actors/channel_failure.hpp>
#include <levada/runtime/directory.hpp>

namespace levada::detail {

namespace {

/// Those who try again and again are not made to pay for an explanation.
bool explains(errc code) noexcept {
  return code != errc::empty && code != errc::full && code != errc::not_ready;
}

/// Nil and detached channels live for ever and count no references.
bool is_counted(const channel_core& channel) noexcept {
  return channel.id < first_nil_id;
}

} // namespace

void outcome_base::keep(channel_core& where) noexcept {
  word_ &= ~channel_bits;
  if (!explains(code()))
    return;
  if (is_counted(where))
    where.retain();
  word_ |= reinterpret_cast<std::uintptr_t>(&where);
}

void outcome_base::let_go() noexcept {
  if (is_counted(*where()))
    where()->release();
}

void outcome_base::fail(endpoint end) const {
  fail_on(where(), code(), end == endpoint::sender ? "send" : "receive", end);
}

} // namespace levada::detail
