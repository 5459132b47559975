// The library: levada is its own affair.

#include "word_count.hpp"

#include <sstream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <levada/levada.hpp>

namespace {

using counts = std::map<std::string, long>;

levada::task<counts> count(levada::receiver<std::string> in) {
  counts result;
  while (auto text = co_await in.receive()) {
    std::istringstream words{*text};
    for (std::string word; words >> word;)
      ++result[word];
  }
  co_return result;
}

} // namespace

// [insides]
struct word_count::insides {
  insides() : rt(levada::runtime_options{.workers = 2}) {
    start();
  }
  explicit insides(caf::actor_system& system) : rt(system) {
    start();
  }

  void start() {
    auto ends = levada::make_channel<std::string>(rt, {.capacity = 16});
    texts = std::move(ends.tx);
    for (int i = 0; i < 4; ++i)
      counting.push_back(rt.spawn(count, ends.rx));
  }

  levada::runtime rt; // ends last: its destructor waits for the tasks
  levada::sender<std::string> texts;
  std::vector<levada::join_handle<counts>> counting;
};

word_count::word_count() : insides_(std::make_unique<insides>()) {
}

word_count::word_count(caf::actor_system& system)
    : insides_(std::make_unique<insides>(system)) {
}

word_count::~word_count() = default;

void word_count::add(std::string text) {
  auto sent = insides_->texts.blocking_send(std::move(text));
  if (!sent)
    throw std::logic_error{"word_count::add: it is finished"};
}

std::map<std::string, long> word_count::finish() {
  insides_->texts.close();
  counts result;
  for (auto& each : insides_->counting)
    for (const auto& [word, times] : each.blocking_join())
      result[word] += times;
  insides_->counting.clear();
  return result;
}
// [/insides]
