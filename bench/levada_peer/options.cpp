#include "options.hpp"

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace bench {

namespace {

[[noreturn]] void usage(std::string_view complaint) {
  std::fprintf(stderr,
               "levada_peer: %.*s\n"
               "usage: levada_peer WORKLOAD [--items N] [--cap C] "
               "[--producers P] [--consumers Q]\n"
               "                   [--k K] [--workers W] "
               "[--payload u64|s64|str] [--reps R]\n",
               static_cast<int>(complaint.size()), complaint.data());
  std::exit(2);
}

std::uint64_t number(std::string_view text) {
  std::uint64_t result = 0;
  const auto* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, result);
  if (error != std::errc{} || rest != end)
    usage("not a number: " + std::string{text});
  return result;
}

void apply(options& to, std::string_view flag, std::string_view value) {
  if (flag == "--items")
    to.items = number(value);
  else if (flag == "--cap")
    to.capacity = number(value);
  else if (flag == "--producers")
    to.producers = number(value);
  else if (flag == "--consumers")
    to.consumers = number(value);
  else if (flag == "--k")
    to.k = number(value);
  else if (flag == "--workers")
    to.workers = number(value);
  else if (flag == "--reps")
    to.repetitions = number(value);
  else if (flag == "--payload")
    to.payload = value;
  else
    usage("no such option: " + std::string{flag});
}

} // namespace

options parse(int argc, char** argv) {
  if (argc < 2)
    usage("which workload?");
  options result;
  result.workload = argv[1];
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc)
      usage(std::string{argv[i]} + " needs a value");
    apply(result, argv[i], argv[i + 1]);
  }
  if (result.items == 0 || result.producers == 0 || result.consumers == 0
      || result.k == 0)
    usage("--items, --producers, --consumers and --k start at 1");
  if (result.workload.ends_with("rendezvous"))
    result.capacity = 0;
  return result;
}

} // namespace bench
