// Regions of docs/cheatsheet.md: contexts, Go's words, and files.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>

#include <unistd.h>

#include <levada/levada.hpp>

using namespace std::chrono_literals;

namespace {

// [context]
levada::task<> fetch(levada::context ctx, levada::receiver<int> answers) {
  auto chosen = co_await levada::select(answers, ctx.done());
  if (chosen.from(answers) != nullptr)
    std::cout << "answered\n";
  else
    std::cout << "given up: " << ctx.err().message() << '\n';
}

levada::task<> fetch_for_a_moment(levada::context parent) {
  auto answers = levada::make_channel<int>();
  auto [ctx, cancel] = levada::with_timeout(parent, 5ms);
  co_await fetch(ctx, answers.rx);
} // `cancel` cancels when it goes, as `defer cancel()` would
// [/context]

// [words]
levada::task<> produce(levada::channel<int> ch) {
  for (int i = 0; i < 2; ++i)
    co_await (ch << i);
  levada::go_style::close(ch);
}

levada::task<> program() {
  using namespace levada::go_style;
  levada::channel<int> ch = levada::make_channel<int>({.capacity = 2});
  go(produce, ch);
  int v = 0;
  co_await (v << ch);
  std::cout << v << " of " << cap(ch) << '\n';
  try {
    co_await (v << ch);
    close(ch);
    close(ch);
  } catch (const levada::channel_closed&) {
    std::cout << "close of a closed channel\n";
  }
}
// [/words]

// [files]
levada::task<> watch(levada::receiver<levada::file_event> changes) {
  auto change = co_await changes.receive();
  std::cout << to_string(change.value().kind) << ' '
            << change.value().path.filename().string() << '\n';
}

void watch_folder(levada::runtime& rt, const std::filesystem::path& folder) {
  levada::file_watcher changes{rt, {folder}};
  auto watching = rt.spawn(watch, changes.receiver());
  std::ofstream{folder / "news.txt"};
  watching.blocking_join();
}
// [/files]

levada::task<> run() {
  co_await fetch_for_a_moment(levada::context::background());
  co_await program();
}

} // namespace

int main() {
  levada::runtime rt{{.workers = 1}};
  rt.block_on(run);
  const auto folder = std::filesystem::temp_directory_path()
                      / ("levada_cheatsheet_" + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  watch_folder(rt, folder);
  std::filesystem::remove_all(folder);
}
