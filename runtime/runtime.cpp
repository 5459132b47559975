#include <levada/runtime/runtime.hpp>

#include <iostream>

#include <levada/runtime/dump.hpp>
#include <levada/runtime/engine.hpp>

namespace levada {

namespace detail {

constinit finish_listener joining_thread::of_root{
  [](finish_listener&, task_failure*) noexcept {},
  [](finish_listener&) noexcept { return false; }};

// relaxed: it is for dump() only
joining_thread::joining_thread(detail::engine& home) noexcept : home_(home) {
  home_.joining_threads.fetch_add(1, std::memory_order_relaxed);
}

joining_thread::~joining_thread() {
  home_.joining_threads.fetch_sub(1, std::memory_order_relaxed);
}

} // namespace detail

runtime::runtime(runtime_options options)
    : engine_(std::make_unique<detail::engine>(std::move(options))) {
}

runtime::runtime(caf::actor_system& system, runtime_options options)
    : engine_(std::make_unique<detail::engine>(system, std::move(options))) {
}

runtime::~runtime() {
  auto report = engine_->stop(std::chrono::seconds{5});
  if (report.clean)
    return;
  std::cerr << "levada: ~runtime waits for " << report.stuck.size()
            << " task(s) that do not end:\n";
  detail::print(std::cerr, *engine_, report.stuck);
  engine_->stop(duration::max());
}

stop_report runtime::stop_within(duration timeout) {
  return engine_->stop(timeout);
}

void runtime::dump(std::ostream& out) const {
  detail::dump(*engine_, out);
}

std::vector<task_info> runtime::tasks() const {
  return engine_->tasks();
}

caf::actor_system& runtime::system() noexcept {
  return engine_->system();
}

clock& runtime::time() const noexcept {
  return engine_->time;
}

} // namespace levada
