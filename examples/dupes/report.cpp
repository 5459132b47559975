#include "report.hpp"

#include <array>
#include <cstdio>
#include <ostream>
#include <string_view>

namespace dupes {

namespace {

/// How many bytes the valid UTF-8 sequence at the front of `text` has; 0: none.
std::size_t utf8_length(std::string_view text) {
  const auto at
    = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = at(0);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size())
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xC0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  const bool invalid
    = length > 2
      && ((lead == 0xE0 && at(1) < 0xA0) || (lead == 0xED && at(1) >= 0xA0)
          || (lead == 0xF0 && at(1) < 0x90) || (lead == 0xF4 && at(1) >= 0x90));
  return invalid ? 0 : length;
}

std::string escape(unsigned code) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", code & 0xFFFFU);
  return text.data();
}

std::string json_string(std::string_view text) {
  std::string result = "\"";
  while (!text.empty()) {
    const auto length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    if (length == 0)
      result += escape(0xDC00U + byte);
    else if (byte < 0x20)
      result += escape(byte);
    else if (byte == '"' || byte == '\\')
      (result += '\\') += text.front();
    else
      result += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return result += '"';
}

} // namespace

void count(summary& total, const std::vector<group>& groups) {
  total.groups = groups.size();
  for (const auto& each : groups) {
    total.duplicates += each.paths.size() - 1;
    total.wasted += each.size * (each.paths.size() - 1);
  }
}

void print_groups(std::ostream& out, const std::vector<group>& groups) {
  const char* between = "";
  for (const auto& each : groups) {
    out << between;
    for (const auto& path : each.paths)
      out << path << '\n';
    between = "\n";
  }
}

void print_json(std::ostream& out, const std::vector<group>& groups,
                const summary& total) {
  out << "{\"groups\":[";
  const char* next_group = "\n";
  for (const auto& each : groups) {
    out << next_group << "{\"size\":" << each.size << ",\"files\":[";
    const char* next_file = "";
    for (const auto& path : each.paths) {
      out << next_file << json_string(path);
      next_file = ",";
    }
    out << "]}";
    next_group = ",\n";
  }
  out << "],\n\"files\":" << total.files << ",\"bytes\":" << total.bytes
      << ",\"duplicates\":" << total.duplicates
      << ",\"wasted\":" << total.wasted
      << ",\"unreadable\":" << total.unreadable
      << ",\"seconds\":" << total.seconds.count()
      << ",\"interrupted\":" << (total.interrupted ? "true" : "false") << "}\n";
}

void print_summary(std::ostream& out, const summary& total) {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.2f", total.seconds.count());
  out << "dupes: " << (total.interrupted ? "interrupted; so far: " : "")
      << total.files << " files, " << human_size(total.bytes) << "; "
      << total.groups << " groups, " << total.duplicates << " duplicates, "
      << human_size(total.wasted) << " wasted; " << total.unreadable
      << " unreadable; " << seconds.data() << " s\n";
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s",
                value, units.at(unit));
  return text.data();
}

} // namespace dupes
