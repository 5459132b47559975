#include "progress.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "report.hpp"

namespace dupes {

namespace {

using namespace std::chrono_literals;

std::string bar(std::uint64_t done, std::uint64_t of) {
  constexpr std::size_t width = 24;
  const auto share
    = of == 0
        ? 0.0
        : std::min(1.0, static_cast<double>(done) / static_cast<double>(of));
  const auto full = static_cast<std::size_t>(share * width);
  return '[' + std::string(full, '#') + std::string(width - full, '.') + ']';
}

std::string state_of(const tally& counts) {
  return std::to_string(counts.files.get()) + " files found, "
         + human_size(counts.read.get()) + " of "
         + human_size(counts.planned.get()) + " read";
}

/// The last line of a terminal, redrawn in place; lines of text elsewhere.
class status_line {
public:
  explicit status_line(bool terminal) noexcept : terminal_(terminal) {
  }

  void show(const tally& counts) {
    if (terminal_)
      std::cerr << erase << bar(counts.read.get(), counts.planned.get()) << ' '
                << state_of(counts) << std::flush;
    else
      std::cerr << "dupes: " << state_of(counts) << '\n';
  }

  void print(const problem& trouble, const tally& counts) {
    clear();
    std::cerr << "dupes: " << trouble.path << ": " << trouble.reason << '\n';
    if (terminal_)
      show(counts);
  }

  void clear() {
    if (terminal_)
      std::cerr << erase << std::flush;
  }

private:
  static constexpr const char* erase = "\r\x1b[K";
  bool terminal_;
};

} // namespace

// [progress]
levada::task<std::uint64_t> show_progress(levada::receiver<problem> problems,
                                          const tally* counts) {
  std::uint64_t seen = 0;
  const bool terminal = isatty(STDERR_FILENO) == 1;
  status_line line{terminal};
  auto ticks = levada::tick(terminal ? 100ms : 5s);
  for (;;) {
    auto chosen = co_await levada::select(problems, ticks);
    if (auto* got = chosen.from(problems)) {
      if (!*got)
        break; // closed: everybody is done
      line.print(**got, *counts);
      ++seen;
    } else if (chosen.from(ticks) != nullptr) {
      line.show(*counts);
    } else {
      break; // cancelled
    }
  }
  line.clear();
  co_return seen;
}
// [/progress]

} // namespace dupes
