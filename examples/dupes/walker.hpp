// The first stage: finds the files.
#pragma once

#include "file.hpp"
#include "tally.hpp"

namespace dupes {

/// Sends every regular file of `min_size` bytes or more in and below `roots`,
/// each once: neither a second hard link to a file nor a directory that was met
/// before brings it again. A directory's files come before its subdirectories,
/// both in the order of their names, so that the same tree always gives the same
/// result. Ends early when `out` is closed.
levada::task<> walk(std::vector<std::string> roots, std::uint64_t min_size,
                    levada::sender<file> out, levada::sender<problem> problems,
                    tally* counts);

} // namespace dupes
