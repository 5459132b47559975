#include <levada/channels/rounds/round.hpp>

#include <levada/channels/waiting/thread_wait.hpp>

namespace levada::detail {

round::round(select_claim& claim, std::source_location line,
             std::uint32_t first)
    : line_(line),
      nothing_(claim, cancelled, &nil_for_receiving(), false),
      wishes_(claim, first),
      engine_(claim) {
}

void round::need_a_case() {
  if (wishes_.cases().empty())
    wishes_.cases().push_back(&nothing_);
}

bool round::suspend(task_frame& root, std::coroutine_handle<> leaf) {
  need_a_case();
  auto& cases = wishes_.cases();
  return engine_.suspend(root, leaf, line_, cases.data(),
                         static_cast<std::uint32_t>(cases.size()), biased_,
                         wishes_.extra());
}

bool round::start(waiter& who) {
  need_a_case();
  auto& cases = wishes_.cases();
  return engine_.start(who, cases.data(),
                       static_cast<std::uint32_t>(cases.size()));
}

std::uint32_t round::block() {
  need_a_case();
  auto& cases = wishes_.cases();
  const auto count = static_cast<std::uint32_t>(cases.size());
  if (wishes_.extra().otherwise != select_engine::none)
    engine_.poll(cases.data(), count, biased_, wishes_.extra());
  else
    engine_.block(cases.data(), count, biased_, wishes_.extra());
  return engine_.settle();
}

} // namespace levada::detail
