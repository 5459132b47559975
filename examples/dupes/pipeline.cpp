#include "pipeline.hpp"

#include <algorithm>

#include "progress.hpp"
#include "stages.hpp"
#include "walker.hpp"

namespace dupes {

namespace {

constexpr std::size_t room = 1024;

template <class T>
levada::channel_ends<T> bounded(const char* name) {
  return levada::make_channel<T>({.name = name, .capacity = room});
}

std::uint64_t size_of(const file& each) {
  return each.size;
}

std::uint64_t head_of(const file& each) {
  return std::min(each.size, head_size);
}

std::pair<std::uint64_t, digest> size_and_head(const hashed_file& each) {
  return {each.which.size, each.hash};
}

std::uint64_t all_of(const hashed_file& each) {
  return each.which.size > head_size ? each.which.size : 0;
}

} // namespace

// [pipeline]
levada::task<findings> find_duplicates(options wanted, std::stop_token stop,
                                       tally* counts) {
  levada::scope stages;
  auto problems = bounded<problem>("problems");
  auto files = bounded<file>("files");
  auto candidates = bounded<file>("candidates");
  auto heads = bounded<hashed_file>("heads");
  auto lookalikes = bounded<hashed_file>("lookalikes");
  auto digests = bounded<hashed_file>("digests");
  auto pairs = bounded<twins>("pairs");
  auto confirmed = bounded<twins>("confirmed");

  // Ctrl-C closes the first channel, and the closing runs down the pipeline. A
  // weak handle, since a sender in the callback would keep the channel open.
  std::stop_callback close_first{stop, [first = files.tx.downgrade()] {
                                   if (auto tx = first.upgrade())
                                     tx.close("interrupted");
                                 }};

  auto display = levada::spawn(show_progress, std::move(problems.rx), counts);
  stages.spawn(walk, std::move(wanted.roots), wanted.min_size,
               std::move(files.tx), problems.tx, counts);
  stages.spawn(keep_shared<file, decltype(&size_of), decltype(&head_of)>,
               std::move(files.rx), std::move(candidates.tx), &size_of,
               &head_of, counts);
  stages.spawn(
    keep_shared<hashed_file, decltype(&size_and_head), decltype(&all_of)>,
    std::move(heads.rx), std::move(lookalikes.tx), &size_and_head, &all_of,
    counts);
  stages.spawn(pair_up, std::move(digests.rx), std::move(pairs.tx), counts);
  const reader from{stop, counts};
  for (std::size_t job = 0; job < wanted.jobs; ++job) {
    stages.spawn(hash_heads, candidates.rx, heads.tx, problems.tx, from);
    stages.spawn(hash_contents, lookalikes.rx, digests.tx, problems.tx, from);
    stages.spawn(confirm, pairs.rx, confirmed.tx, problems.tx, from);
  }
  // The workers have handles of their own; these would keep the channels open.
  heads.tx = {};
  digests.tx = {};
  confirmed.tx = {};
  problems.tx = {};
  candidates.rx = {};
  lookalikes.rx = {};
  pairs.rx = {};

  findings result;
  result.groups = co_await collect(std::move(confirmed.rx));
  co_await stages.join(); // throws what a stage ended with
  result.unreadable = co_await display.join();
  co_return result;
}
// [/pipeline]

} // namespace dupes
