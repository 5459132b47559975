// What is shown while the search runs. This task has stderr for itself.
#pragma once

#include "file.hpp"
#include "tally.hpp"

namespace dupes {

/// Prints each problem, and how far the work has come: a bar that is redrawn on a
/// terminal, else a line every few seconds. Ends when `problems` is closed, that
/// is when every stage has ended; gives the number of problems.
levada::task<std::uint64_t> show_progress(levada::receiver<problem> problems,
                                          const tally* counts);

} // namespace dupes
