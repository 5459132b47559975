#include "options.hpp"

#include <algorithm>
#include <thread>

#include <CLI/CLI.hpp>

namespace dupes {

namespace {

constexpr int status_usage = 2;

constexpr const char* footer = R"(
Prints each group of files with equal contents, the largest first, groups apart
by an empty line; a summary goes to stderr. Symbolic links are not followed,
empty files are left out, and of several hard links to one file one counts.

What cannot be read is reported on stderr, counted, and left out. Ctrl-C ends the
search and prints what was found so far; a second one ends the program at once.

status: 0 the search is complete (also when files could not be read)
        1 the result could not be written
        2 wrong usage
      130 interrupted)";

} // namespace

parsed parse(int argc, char** argv) {
  options wanted;
  wanted.jobs = std::max(1U, std::thread::hardware_concurrency());

  CLI::App app{"Finds files with equal contents."};
  app.footer(footer);
  app.add_option("directories", wanted.roots, "Where to look, with all below")
    ->required();
  app
    .add_option("--min-size", wanted.min_size,
                "Leave out smaller files; K, M, G count in 1024s")
    ->transform(CLI::AsSizeValue(false));
  app.add_option("--jobs", wanted.jobs, "Files to read at a time")
    ->check(CLI::Range(1, 1024))
    ->capture_default_str();
  app.add_flag("--json", wanted.json, "Print JSON");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error) == 0 ? 0 : status_usage};
  }
  return {std::move(wanted), 0};
}

} // namespace dupes
