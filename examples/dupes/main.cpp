// dupes: finds files with equal contents.

#include <chrono>
#include <iostream>

#include "interrupt.hpp"
#include "options.hpp"
#include "pipeline.hpp"
#include "report.hpp"

namespace {

constexpr int status_not_written = 1;
constexpr int status_interrupted = 130;

dupes::findings search(const dupes::options& wanted, std::stop_token stop,
                       dupes::tally& counts) {
  // One thread more, for the walker.
  levada::runtime rt{{.blocking_threads = wanted.jobs + 1}};
  return rt.block_on(dupes::find_duplicates, wanted, std::move(stop), &counts);
}

} // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const auto [wanted, status] = dupes::parse(argc, argv);
  if (!wanted)
    return status;

  const auto begin = std::chrono::steady_clock::now();
  const dupes::interrupt ctrl_c;
  dupes::tally counts;
  const auto found = search(*wanted, ctrl_c.token(), counts);

  dupes::summary total;
  total.files = counts.files.get();
  total.bytes = counts.bytes.get();
  total.unreadable = found.unreadable;
  total.seconds = std::chrono::steady_clock::now() - begin;
  total.interrupted = ctrl_c.token().stop_requested();
  dupes::count(total, found.groups);

  if (wanted->json)
    dupes::print_json(std::cout, found.groups, total);
  else
    dupes::print_groups(std::cout, found.groups);
  std::cout.flush();
  dupes::print_summary(std::cerr, total);
  if (!std::cout)
    return status_not_written;
  return total.interrupted ? status_interrupted : 0;
}
