// file_watcher on real files, told by the kernel and looked for.
#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

#include <sched.h>
#include <stdlib.h>

#include <levada/channels/file_watcher.hpp>
#include <levada/channels/select.hpp>
#include <levada/channels/select_set.hpp>

#include "../runtime/support.hpp"
#include "support.hpp"

using namespace levada_tests;
using levada::file_change;
using levada::file_event;
using levada::file_polling;
using levada::file_watcher;
namespace fs = std::filesystem;

namespace levada {
std::ostream& operator<<(std::ostream& out, const file_event& event) {
  return out << to_string(event.kind) << ' ' << event.path.string();
}
} // namespace levada

namespace {

/// A folder that goes with all that is in it.
class scratch {
public:
  scratch() {
    auto name = (fs::temp_directory_path() / "levada-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      FAIL("no scratch folder");
    path_ = name;
  }
  ~scratch() {
    std::error_code ignored; // what is left is in the system's /tmp
    fs::remove_all(path_, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  fs::path operator/(const fs::path& name) const {
    return path_ / name;
  }
  const fs::path& path() const {
    return path_;
  }

private:
  fs::path path_;
};

void append(const fs::path& file, const std::string& text = "") {
  std::ofstream out{file, std::ios::app};
  out << text;
}

levada::file_watcher_options looking(file_polling how) {
  levada::file_watcher_options result;
  result.poll = how;
  result.interval = 1ms;
  return result;
}

/// The next event; a kind of "all" when there is none.
file_event next(const receiver<file_event>& from) {
  return from.blocking_receive_for(30s).value_or(
    file_event{file_change::all, "nothing came"});
}

/// Everything up to when all of `wanted` has come.
std::vector<file_event> up_to(const receiver<file_event>& from,
                              std::vector<file_event> wanted) {
  std::vector<file_event> result;
  while (!wanted.empty()) {
    result.push_back(next(from));
    if (result.back().kind == file_change::all)
      break;
    std::erase(wanted, result.back());
  }
  return result;
}

bool came(const receiver<file_event>& from, std::vector<file_event> wanted) {
  const auto got = up_to(from, std::move(wanted));
  return got.back().kind != file_change::all;
}

file_polling each_way() {
  return GENERATE(file_polling::never, file_polling::always);
}

} // namespace

TEST_CASE("a file that comes, changes and goes is told of (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const auto how = each_way();
  const file_watcher events{rt, {dir.path()}, looking(how)};
  CHECK(events.polls() == (how == file_polling::always));
  append(dir / "f");
  CHECK(next(events) == file_event{file_change::create, dir / "f"});
  append(dir / "f", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "f"});
  fs::remove(dir / "f");
  CHECK(next(events) == file_event{file_change::remove, dir / "f"});
  fs::create_directory(dir / "d");
  CHECK(next(events) == file_event{file_change::create, dir / "d"});
  fs::remove(dir / "d");
  CHECK(next(events) == file_event{file_change::remove, dir / "d"});
}

TEST_CASE("what was there before is no news, but its changes are (F-80)") {
  const scratch dir;
  append(dir / "old", "x");
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(each_way())};
  append(dir / "old", "y");
  CHECK(next(events) == file_event{file_change::modify, dir / "old"});
  fs::permissions(dir / "old", fs::perms::owner_read);
  CHECK(next(events) == file_event{file_change::modify, dir / "old"});
}

TEST_CASE("a write that changes neither size nor time is told of (F-80)") {
  const scratch dir;
  append(dir / "f", "0");
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(file_polling::never)};
  // Within one tick of the file system's clock, most of them.
  for (int i = 0; i < 200; ++i) {
    std::fstream{dir / "f", std::ios::in | std::ios::out} << i % 10;
    const auto told = next(events);
    if (told != file_event{file_change::modify, dir / "f"}) {
      CHECK(told == file_event{file_change::modify, dir / "f"});
      break;
    }
  }
}

TEST_CASE("only the kinds asked for are told of (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  auto options = looking(each_way());
  options.events = file_change::remove;
  const file_watcher removals{rt, {dir.path()}, options};
  options.events = file_change::create | file_change::remove;
  const file_watcher both{rt, {dir.path()}, options};
  append(dir / "f");
  CHECK(next(both) == file_event{file_change::create, dir / "f"});
  append(dir / "f", "text");
  append(dir / "g"); // so that both have seen the text
  CHECK(next(both) == file_event{file_change::create, dir / "g"});
  fs::remove(dir / "f");
  CHECK(next(both) == file_event{file_change::remove, dir / "f"});
  CHECK(next(removals) == file_event{file_change::remove, dir / "f"});
}

TEST_CASE("a file may be watched before it exists, and only it (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir / "f"}, looking(each_way())};
  append(dir / "f0");
  append(dir / "other", "text");
  append(dir / "f");
  CHECK(next(events) == file_event{file_change::create, dir / "f"});
  append(dir / "other", "text");
  append(dir / "f", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "f"});
}

TEST_CASE("a file saved by replacing it was modified, every time (F-80)") {
  const scratch dir;
  append(dir / "f", "0");
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir / "f"}, looking(each_way())};
  for (int i = 1; i < 4; ++i) {
    append(dir / "f.new", std::to_string(i));
    fs::rename(dir / "f.new", dir / "f");
    CHECK(next(events) == file_event{file_change::modify, dir / "f"});
  }
  fs::remove(dir / "f");
  CHECK(next(events) == file_event{file_change::remove, dir / "f"});
  append(dir / "f");
  CHECK(next(events) == file_event{file_change::create, dir / "f"});
}

TEST_CASE("a watched folder that goes, with those above, comes back (F-80)") {
  const scratch dir;
  fs::create_directories(dir / "a/b/c");
  append(dir / "a/b/c/f");
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir / "a/b/c"}, looking(each_way())};
  for (int round = 0; round < 3; ++round) {
    SECTION(round == 0 ? "removed" : round == 1 ? "moved away" : "both") {
      for (int turn = 0; turn < 3; ++turn) {
        if (round == 0 || (round == 2 && turn % 2 == 0))
          fs::remove_all(dir / "a");
        else
          fs::rename(dir / "a", dir / ("gone" + std::to_string(turn)));
        CHECK(came(events, {{file_change::remove, dir / "a/b/c"},
                            {file_change::remove, dir / "a/b/c/f"}}));
        fs::create_directories(dir / "a/b/c");
        append(dir / "a/b/c/f");
        CHECK(came(events, {{file_change::create, dir / "a/b/c"},
                            {file_change::create, dir / "a/b/c/f"}}));
      }
    }
  }
}

TEST_CASE("a folder that comes or goes brings all below, in order (F-80)") {
  const scratch dir;
  const scratch elsewhere;
  const std::vector<fs::path> inside{"d",     "d/a", "d/b", "d/b/x",
                                     "d/b/y", "d/c", "d/e"};
  fs::create_directories(elsewhere / "d/b");
  for (const auto* name : {"d/e", "d/b/y", "d/a", "d/c", "d/b/x"})
    append(elsewhere / name);
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(each_way())};
  fs::rename(elsewhere / "d", dir / "d");
  for (const auto& each : inside)
    CHECK(next(events) == file_event{file_change::create, dir / each});
  // What has come is watched, what has gone is not.
  append(dir / "d/b/x", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "d/b/x"});
  fs::rename(dir / "d", elsewhere / "d");
  for (const auto& each : inside)
    CHECK(next(events) == file_event{file_change::remove, dir / each});
  append(elsewhere / "d/b/x", "text");
  append(elsewhere / "d/b/new");
  append(dir / "last");
  CHECK(next(events) == file_event{file_change::create, dir / "last"});
}

TEST_CASE("a folder renamed within is followed to its new name (F-80)") {
  const scratch dir;
  fs::create_directory(dir / "old");
  append(dir / "old/f");
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(each_way())};
  fs::rename(dir / "old", dir / "new");
  CHECK(came(events, {{file_change::remove, dir / "old"},
                      {file_change::remove, dir / "old/f"},
                      {file_change::create, dir / "new"},
                      {file_change::create, dir / "new/f"}}));
  append(dir / "new/f", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "new/f"});
}

TEST_CASE("without recursion only a folder's own entries are told of (F-80)") {
  const scratch dir;
  fs::create_directory(dir / "d");
  runtime rt{{.workers = 1}};
  auto options = looking(each_way());
  options.recursive = false;
  const file_watcher events{rt, {dir.path()}, options};
  append(dir / "d/deep");
  fs::create_directories(dir / "d/e/f");
  append(dir / "shallow");
  CHECK(next(events) == file_event{file_change::create, dir / "shallow"});
}

TEST_CASE("every file of a tree made in one go is told of once (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(each_way())};
  std::vector<file_event> wanted;
  auto at = dir.path();
  for (int depth = 0; depth < 20; ++depth) {
    at /= "d" + std::to_string(depth);
    fs::create_directory(at);
    wanted.push_back({file_change::create, at});
    for (const auto* name : {"a", "b", "c"}) {
      append(at / name);
      wanted.push_back({file_change::create, at / name});
    }
  }
  auto got = up_to(events, wanted);
  std::set<fs::path> paths;
  for (const auto& each : got)
    paths.insert(each.path);
  CHECK(paths.size() == wanted.size());
  CHECK(got.size() == wanted.size());
}

TEST_CASE("overlapping targets tell of a change once (F-80)") {
  const scratch dir;
  fs::create_directory(dir / "d");
  append(dir / "d/f");
  runtime rt{{.workers = 1}};
  const file_watcher events{
    rt, {dir.path(), dir / "d", dir / "d/f", dir.path()}, looking(each_way())};
  append(dir / "d/f", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "d/f"});
  append(dir / "last");
  CHECK(next(events) == file_event{file_change::create, dir / "last"});
}

TEST_CASE("a kernel queue that overflows loses no file (F-80)") {
  std::size_t most = 0;
  std::ifstream{"/proc/sys/fs/inotify/max_queued_events"} >> most;
  if (most == 0 || most > 50'000) {
    WARN("the kernel queues " << most << " events: too many to overflow here");
    return;
  }
  const scratch dir;
  runtime rt{{.workers = 1}};
  auto options = looking(file_polling::never);
  options.capacity = 64; // the thread waits for us, and the kernel for it
  const file_watcher events{rt, {dir.path()}, options};
  std::set<fs::path> missing;
  for (std::size_t i = 0; i < most + most / 8; ++i) {
    missing.insert(dir / std::to_string(i));
    append(dir / std::to_string(i));
  }
  while (!missing.empty()) {
    const auto event = next(events);
    if (event.kind == file_change::all)
      break;
    missing.erase(event.path);
  }
  CHECK(missing.size() == 0);
  append(dir / "last"); // and goes on
  CHECK(next(events) == file_event{file_change::create, dir / "last"});
}

TEST_CASE("a channel with a bound drops by its policy, and counts (F-80)") {
  const scratch dir;
  const scratch elsewhere;
  fs::create_directory(elsewhere / "d");
  for (int i = 0; i < 9; ++i)
    append(elsewhere / "d" / std::to_string(i));
  runtime rt{{.workers = 1}};
  auto options = looking(each_way());
  options.capacity = 2;
  options.on_full = overflow::drop_oldest;
  const file_watcher events{rt, {dir.path()}, options};
  fs::rename(elsewhere / "d", dir / "d");
  until([&] { return events.stats().sent == 10; });
  CHECK(events.stats().dead_lettered == 8);
  CHECK(next(events) == file_event{file_change::create, dir / "d/7"});
  CHECK(next(events) == file_event{file_change::create, dir / "d/8"});
}

TEST_CASE("closing ends the watching, what was seen is received (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  file_watcher events{rt, {dir.path()}, looking(each_way())};
  const receiver<file_event> plain = events.receiver();
  append(dir / "f");
  until([&] { return events.size() == 1; });
  CHECK(events.close());
  CHECK_FALSE(events.close());
  append(dir / "g");
  CHECK_FALSE(plain.is_closed());
  CHECK(plain.try_receive().value()
        == file_event{file_change::create, dir / "f"});
  CHECK(plain.try_receive().closed());
  CHECK(events.blocking_receive().closed());
}

TEST_CASE("a watcher that goes closes the channel for its copies (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  receiver<file_event> plain;
  {
    file_watcher first{rt, {dir.path()}, looking(each_way())};
    const file_watcher moved{std::move(first)};
    CHECK_FALSE(first.close());
    plain = moved;
    append(dir / "f");
    until([&] { return plain.size() == 1; });
  }
  CHECK(plain.try_receive());
  CHECK(plain.try_receive().closed());
}

TEST_CASE("a full channel does not keep a watcher from closing (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  auto options = looking(each_way());
  options.capacity = 0;
  file_watcher events{rt, {dir.path()}, options};
  append(dir / "f");
  until_senders_wait(events, 1);
  CHECK(events.close());
}

TEST_CASE("a watcher may outlive its runtime (F-80)") {
  const scratch dir;
  std::optional<file_watcher> events;
  {
    runtime rt{{.workers = 1}};
    events.emplace(rt, file_watcher::paths{dir.path()}, looking(each_way()));
  }
  CHECK(events->close_record().reason == levada::close_reason::runtime_stopped);
  append(dir / "f");
  CHECK(events->try_receive().closed());
}

TEST_CASE("a watcher is a case of a select, and a member of a set (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {dir.path()}, looking(each_way())};
  auto other = make_channel<int>(rt);
  append(dir / "f");
  auto chosen = levada::blocking_select(other.rx, events);
  REQUIRE(chosen.index() == 1);
  auto* got = chosen.from(events);
  REQUIRE(got != nullptr);
  CHECK(got->value() == file_event{file_change::create, dir / "f"});
  append(dir / "g");
  const auto path = rt.block_on(
    [](receiver<file_event> in) -> task<fs::path> {
      levada::select_set set;
      auto key = set.add(in);
      auto event = co_await set.next();
      fs::path result;
      if (auto* from = event.from(key))
        result = from->value().path;
      co_return result;
    },
    events.receiver());
  CHECK(path == dir / "g");
}

TEST_CASE("a watcher made in a task belongs to the task's runtime (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const auto path = rt.block_on(
    [](fs::path folder) -> task<fs::path> {
      file_watcher events{file_watcher::paths{folder}};
      append(folder / "f");
      auto event = co_await events.receive();
      co_return event.value().path;
    },
    dir.path());
  CHECK(path == dir / "f");
}

TEST_CASE("bad arguments to a watcher are refused in words (F-80)") {
  const scratch dir;
  runtime rt{{.workers = 1}};
  const auto refusal = [&](file_watcher::paths paths,
                           levada::file_watcher_options options = {}) {
    try {
      const file_watcher events{rt, paths, options};
    } catch (const levada::channel_error& error) {
      CHECK(error.code() == errc::invalid_argument);
      return std::string{error.what()};
    }
    return std::string{"nothing was refused"};
  };
  CHECK(refusal({dir / "none/f"}).find((dir / "none").string() + "\" in which")
        != std::string::npos);
  CHECK(refusal({}).find("no paths") != std::string::npos);
  CHECK(refusal({""}).find("empty path") != std::string::npos);
  CHECK(refusal({dir.path()}, {.events = file_change{}}).find("no kind")
        != std::string::npos);
  CHECK(refusal({dir.path()}, {.interval = 0s}).find("must be positive")
        != std::string::npos);
  CHECK(refusal({dir.path()}, {.capacity = -1}).find("negative")
        != std::string::npos);
}

TEST_CASE("relative paths are told of as they were given (F-80)") {
  const scratch dir;
  fs::create_directory(dir / "sub");
  const auto before = fs::current_path();
  fs::current_path(dir.path());
  runtime rt{{.workers = 1}};
  const file_watcher events{rt, {"sub/"}, looking(each_way())};
  append("sub/f");
  CHECK(next(events) == file_event{file_change::create, "sub/f"});
  fs::current_path(before);
  append(dir / "sub/g");
  CHECK(next(events) == file_event{file_change::create, "sub/g"});
}

TEST_CASE("a link to a file tells of the file it points to (F-80)") {
  const scratch dir;
  append(dir / "1");
  append(dir / "2");
  fs::create_symlink(dir / "1", dir / "link");
  runtime rt{{.workers = 1}};
  const file_watcher events{
    rt, {dir / "link"}, looking(file_polling::automatic)};
  CHECK(events.polls());
  append(dir / "1", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "link"});
  fs::create_symlink(dir / "2", dir / "link.new");
  fs::rename(dir / "link.new", dir / "link");
  CHECK(next(events) == file_event{file_change::modify, dir / "link"});
}

TEST_CASE("a link among the folders that is turned is followed (F-80)") {
  const scratch dir;
  fs::create_directory(dir / "v1");
  fs::create_directory(dir / "v2");
  append(dir / "v1/f", "one");
  append(dir / "v2/f", "two");
  fs::create_directory_symlink("v1", dir / "now");
  runtime rt{{.workers = 1}};
  const file_watcher events{
    rt, {dir / "now/f"}, looking(file_polling::automatic)};
  CHECK_FALSE(events.polls());
  fs::create_directory_symlink("v2", dir / "next");
  fs::rename(dir / "next", dir / "now");
  CHECK(next(events) == file_event{file_change::modify, dir / "now/f"});
  append(dir / "v2/f", "text");
  CHECK(next(events) == file_event{file_change::modify, dir / "now/f"});
}

TEST_CASE("without instances left a watcher looks for itself (F-80)") {
  const scratch dir;
  const auto child = test::in_child([&] {
    runtime rt{{.workers = 1}};
    rlimit few{64, 64};
    setrlimit(RLIMIT_NOFILE, &few);
    std::vector<int> taken;
    for (int fd = 0; (fd = open("/dev/null", O_RDONLY)) >= 0;)
      taken.push_back(fd);
    const auto free_one = [&] {
      close(taken.back());
      taken.pop_back();
    };
    free_one(); // for waking the thread; none is left for inotify
    try {
      const file_watcher none{rt, {dir / "f"}, looking(file_polling::never)};
      return 1;
    } catch (const levada::channel_error& error) {
      if (error.code() != std::errc::too_many_files_open)
        return 2;
    }
    const file_watcher events{
      rt, {dir / "f"}, looking(file_polling::automatic)};
    if (!events.polls())
      return 3;
    free_one();
    append(dir / "f");
    return next(events) == file_event{file_change::create, dir / "f"} ? 0 : 4;
  });
  CAPTURE(child.said);
  CHECK(child.returned(0));
}

TEST_CASE("when watches run out a watcher goes on by looking (F-80)") {
  const scratch dir;
  constexpr int no_namespace = 77;
  const auto child = test::in_child([&] {
    // In a name space of its own a process may lower its limits.
    if (unshare(CLONE_NEWUSER) != 0)
      return no_namespace;
    {
      std::ofstream limit{"/proc/sys/user/max_inotify_watches"};
      limit << 12 << std::flush;
      if (!limit)
        return no_namespace;
    }
    runtime rt{{.workers = 1}};
    const file_watcher strict{rt, {dir.path()}, looking(file_polling::never)};
    const file_watcher events{
      rt, {dir.path()}, looking(file_polling::automatic)};
    if (events.polls())
      return 1;
    std::vector<file_event> wanted;
    for (int i = 0; i < 20; ++i) {
      const auto folder = dir / std::to_string(i);
      fs::create_directory(folder);
      append(folder / "f");
      wanted.push_back({file_change::create, folder / "f"});
    }
    if (!came(events, wanted) || !events.polls())
      return 2;
    // The one that must not look tells why it ended, after what it saw.
    while (strict.blocking_receive()) {}
    return strict.close_record().reason == levada::close_reason::failed ? 0 : 3;
  });
  CAPTURE(child.said);
  if (child.returned(no_namespace)) {
    WARN("no user name spaces here: the limit could not be lowered");
    return;
  }
  CHECK(child.returned(0));
}

TEST_CASE("tasks that wait for files are not deadlocked (F-80, G-31)") {
  const scratch dir;
  const auto child = test::in_child([&] {
    runtime rt{{.workers = 1,
                .deadlock = levada::on_deadlock::abort,
                .deadlock_after = 1ms}};
    const file_watcher events{rt, {dir.path()}};
    std::thread outside{[&] {
      std::this_thread::sleep_for(50ms); // many times the detector's patience
      append(dir / "f");
    }};
    const bool got = rt.block_on(
      [](receiver<file_event> in) -> task<bool> {
        auto event = co_await in.receive();
        co_return static_cast<bool>(event);
      },
      events.receiver());
    outside.join();
    return got ? 0 : 1;
  });
  CAPTURE(child.said);
  CHECK(child.returned(0));
}
