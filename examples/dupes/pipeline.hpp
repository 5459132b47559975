// The stages, put together.
//
//   walk -> files -> same size? -> candidates -> hash_heads (jobs)
//        -> heads -> same head? -> lookalikes -> hash_contents (jobs)
//        -> digests -> pair_up  -> pairs      -> confirm (jobs)
//        -> confirmed -> collect
//
// Every channel is bounded, so that the walker never runs far ahead of the disk.
// Everybody's problems go through one channel to the progress display, which has
// the terminal for itself.
#pragma once

#include <stop_token>

#include "file.hpp"
#include "options.hpp"
#include "tally.hpp"

namespace dupes {

struct findings {
  std::vector<group> groups;
  /// What could not be read: files and directories.
  std::uint64_t unreadable = 0;
};

/// Runs the search. When `stop` is requested, the first channel is closed and
/// reading ceases: what has been confirmed by then is the result.
levada::task<findings> find_duplicates(options wanted, std::stop_token stop,
                                       tally* counts);

} // namespace dupes
