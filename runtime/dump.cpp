#include <levada/runtime/dump.hpp>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <sstream>

#include <levada/runtime/engine.hpp>

namespace levada {

const char* to_string(wait_reason reason) noexcept {
  switch (reason) {
    case wait_reason::nothing:
      return "running";
    case wait_reason::receive:
      return "receive";
    case wait_reason::send:
      return "send";
    case wait_reason::receipt:
      return "send and wait";
    case wait_reason::ready:
      return "ready";
    case wait_reason::closing:
      return "closing";
    case wait_reason::select:
      return "select";
    case wait_reason::set:
      return "select_set";
    case wait_reason::sleep:
      return "sleep";
    case wait_reason::join:
      return "join";
    case wait_reason::blocking:
      return "blocking";
    case wait_reason::forever:
      return "nil channel (for ever)";
    case wait_reason::audience:
      return "receivers of a broadcast";
  }
  return "?";
}

namespace detail {

namespace {

const char* base_name(const char* path) noexcept {
  const char* slash = std::strrchr(path, '/');
  return slash == nullptr ? path : slash + 1;
}

void print_place(std::ostream& out, const std::source_location& place) {
  if (place.line() == 0)
    out << "?";
  else
    out << base_name(place.file_name()) << ':' << place.line();
}

} // namespace

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& known) {
    return known.what();
  } catch (...) { // described, not swallowed: the caller passes it on
    return "an exception that is no std::exception";
  }
}

std::string describe(const unjoined_failure& failure) {
  std::ostringstream out;
  out << "levada: task \"" << failure.task << "\", spawned at ";
  print_place(out, failure.spawned);
  out << ", ended with an exception and nobody joins it: "
      << message_of(failure.error)
      << "\n        (join it, catch inside it, or set "
         "runtime_options::on_failure)\n";
  return out.str();
}

void print(std::ostream& out, engine& which,
           const std::vector<task_info>& tasks) {
  for (const auto& task : tasks) {
    out << "  task \"" << task.name << "\": ";
    if (task.reason == wait_reason::nothing) {
      out << "runs or is queued";
    } else {
      out << "waits in " << to_string(task.reason);
      if (task.channel != 0) {
        out << " on channel " << task.channel;
        const auto name = which.channels->name_of(task.channel);
        if (!name.empty())
          out << " \"" << name << '"';
      }
      out << " at ";
      print_place(out, task.line);
      out << " for " << task.waiting.count() << " ms";
    }
    out << ", spawned at ";
    print_place(out, task.spawned);
    out << '\n';
  }
}

void dump(engine& which, std::ostream& out) {
  const auto tasks = which.tasks();
  out << "levada runtime: " << tasks.size() << " tasks, " << which.timers.size()
      << " timers, " << which.blocking.pending() << " blocking functions, "
      << which.joining_threads.load(std::memory_order_relaxed)
      << " threads in block_on\n";
  print(out, which, tasks);
  which.channels->print(out);
  out.flush();
}

void report_deadlock(engine& which) {
  std::ostringstream out;
  out << "levada: all tasks are asleep - deadlock!\n"
         "        Every worker is idle, no timer is armed, and a thread waits "
         "in block_on. (Not so\n        if a thread outside is still to send: "
         "then set runtime_options::deadlock.)\n";
  dump(which, out);
  std::cerr << out.str() << std::flush;
}

std::string name_of(const task_frame& root) {
  return engine::name_of(root);
}

} // namespace detail
} // namespace levada
