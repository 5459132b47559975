// Printing what hangs: the picture behind runtime::dump().
#pragma once

#include <exception>
#include <iosfwd>
#include <string>

#include <levada/runtime/runtime_options.hpp>

namespace levada::detail {

class engine;
class task_frame;

/// The task's given name, else its coroutine function's.
std::string name_of(const task_frame& root);

/// What an exception says of itself.
std::string message_of(const std::exception_ptr& error);

/// One paragraph for stderr.
std::string describe(const unjoined_failure& failure);

/// Every task and every channel.
void dump(engine& which, std::ostream& out);

/// One line a task, as in dump().
void print(std::ostream& out, engine& which,
           const std::vector<task_info>& tasks);

/// Says to stderr that nothing can run any more, and who waits for what.
void report_deadlock(engine& which);

/// Prints dump() to stderr whenever SIGUSR1 comes, until no_dump_on_signal().
void dump_on_signal(engine& which);
void no_dump_on_signal(engine& which) noexcept;

} // namespace levada::detail
