// Owned channels against a plain model: random programs of sends, receives,
// closings, releases and deaths, step by step. What the model says is what
// CPython's interpreters.channels says, where that says anything.
#include "owned_support.hpp"

#include <deque>
#include <map>
#include <random>
#include <set>

using namespace levada_tests;
using levada::close_request;

namespace {

/// An owned channel, said as simply as possible: unbounded, nobody waits.
class owned_model {
public:
  owned_model(owner_gone policy, unread_items unread)
      : policy_(policy),
        unread_(unread) {
  }

  std::string send(int who, int item, std::optional<owner_gone> how) {
    if (state_ != state::open)
      return "closed";
    if (!use(sends_, who))
      return "released";
    items_.push_back({std::to_string(item), who, how.value_or(policy_)});
    return "sent";
  }

  std::string receive(int who) {
    if (state_ == state::closed)
      return "closed";
    if (!use(receives_, who))
      return "released";
    if (items_.empty())
      return "empty";
    const auto result = items_.front().text;
    items_.pop_front();
    end_if_drained();
    return result;
  }

  std::string close(close_request request) {
    const bool closed
      = state_ == state::closed || (state_ == state::closing && !request.force);
    if (closed)
      return "closed";
    if (request.force || items_.empty()) {
      drop_all();
      state_ = state::closed;
      return "done";
    }
    if (request.end != close_request::which::send)
      return "not empty";
    state_ = state::closing;
    return "done";
  }

  std::string release(int who, channel_end end) {
    if (state_ == state::closed)
      return "closed";
    if (gone_.contains(who))
      return "done"; // it let go of everything
    if (end != channel_end::receive)
      sends_[who] = end_use::released;
    if (end != channel_end::send)
      receives_[who] = end_use::released;
    close_if_unowned();
    return "done";
  }

  void dies(int who) {
    const auto open = [who](const auto& uses) {
      const auto found = uses.find(who);
      return found != uses.end() && found->second == end_use::open;
    };
    gone_.insert(who);
    const bool used = open(sends_) || open(receives_);
    sends_[who] = receives_[who] = end_use::released;
    for (auto each = items_.begin(); each != items_.end();) {
      if (each->owner != who || each->policy == owner_gone::keep) {
        ++each;
        continue;
      }
      dead.push_back(each->text);
      if (each->policy == owner_gone::remove) {
        each = items_.erase(each);
        continue;
      }
      each->text = each->policy == owner_gone::replace ? "unbound" : "gone";
      each->owner = -1;
      ++each;
    }
    if (used)
      close_if_unowned();
    end_if_drained();
  }

  std::size_t size() const {
    return items_.size();
  }
  std::string state_word() const {
    return state_ == state::open      ? "open"
           : state_ == state::closing ? "closing"
                                      : "closed";
  }
  std::vector<int> users(channel_end end) const {
    std::vector<int> result;
    for (const auto& [who, use] : end == channel_end::send ? sends_ : receives_)
      if (use == end_use::open)
        result.push_back(who);
    return result;
  }

  /// Values destroyed, in order.
  list dead;

private:
  enum class state { open, closing, closed };
  struct item {
    std::string text;
    int owner;
    owner_gone policy;
  };
  using uses = std::map<int, end_use>;

  static bool use(uses& end, int who) {
    auto& mine = end[who];
    if (mine == end_use::released)
      return false;
    mine = end_use::open;
    return true;
  }
  void drop_all() {
    for (const auto& each : items_)
      if (each.text != "unbound" && each.text != "gone")
        dead.push_back(each.text);
    items_.clear();
  }
  void close_if_unowned() {
    if (!users(channel_end::send).empty()
        || !users(channel_end::receive).empty())
      return;
    if (unread_ == unread_items::drop)
      drop_all();
    state_ = items_.empty() ? state::closed : state::closing;
  }
  void end_if_drained() {
    if (state_ == state::closing && items_.empty())
      state_ = state::closed;
  }

  owner_gone policy_;
  unread_items unread_;
  state state_ = state::open;
  std::deque<item> items_;
  uses sends_;
  uses receives_;
  std::set<int> gone_;
};

/// The real one, with the same verbs.
class real_channel {
public:
  real_channel(runtime& home, owner_gone policy, unread_items unread)
      : home_(home),
        ends_(make_owned_channel<int>(
          home, {.owner_gone = policy,
                 .unread = unread,
                 .on_dead_letter = [this](int&& item, dead_letter_reason) {
                   dead.push_back(std::to_string(item));
                 }})) {
    for (int i = 0; i < owners; ++i) {
      owners_.emplace_back(std::to_string(i));
      numbers_[owners_.back().id()] = i;
    }
  }

  static constexpr int owners = 4;

  std::string send(int who, int item, std::optional<owner_gone> how) {
    const auto sent = tx(who).try_send(item, {how});
    if (sent)
      return "sent";
    return sent.error() == errc::owner_released ? "released" : "closed";
  }
  std::string receive(int who) {
    const auto got = rx(who).try_receive();
    if (got)
      return word(got);
    if (got.empty())
      return "empty";
    return got.error() == errc::owner_released ? "released" : "closed";
  }
  std::string close(close_request request) {
    return word_of(thrown([&] { home_.close(ends_.tx.id(), request); }));
  }
  std::string release(int who, channel_end end) {
    return word_of(thrown([&] { ends_.tx.release(at(who), end); }));
  }
  void dies(int who) {
    owners_.at(static_cast<std::size_t>(who)).end();
  }
  std::size_t size() const {
    return ends_.rx.size();
  }
  std::string state_word() const {
    return to_string(ends_.rx.info().state);
  }
  std::vector<int> users(channel_end end) const {
    std::vector<int> result;
    for (const auto& each : ends_.tx.associations())
      if ((end == channel_end::send ? each.send : each.receive)
          == end_use::open)
        result.push_back(numbers_.at(each.owner));
    std::sort(result.begin(), result.end());
    return result;
  }
  levada::channel_stats stats() const {
    return ends_.rx.stats();
  }

  list dead;

private:
  static std::string word_of(errc code) {
    return code == errc{}            ? "done"
           : code == errc::closed    ? "closed"
           : code == errc::not_empty ? "not empty"
                                     : "?";
  }
  const owner& at(int who) const {
    return owners_.at(static_cast<std::size_t>(who));
  }
  owned_sender<int> tx(int who) const {
    return ends_.tx.owned_by(at(who));
  }
  owned_receiver<int> rx(int who) const {
    return ends_.rx.owned_by(at(who));
  }

  runtime& home_;
  levada::owned_channel_ends<int> ends_;
  std::vector<owner> owners_;
  std::map<std::uint64_t, int> numbers_;
};

constexpr owner_gone policies[] = {owner_gone::keep, owner_gone::replace,
                                   owner_gone::error, owner_gone::remove};

/// One random program on both.
class program {
public:
  program(runtime& home, unsigned seed)
      : random_(seed),
        policy_(policies[random_() % 4]),
        unread_(random_() % 2 == 0 ? unread_items::drop : unread_items::keep),
        real_(home, policy_, unread_),
        model_(policy_, unread_) {
    history_ = "seed " + std::to_string(seed) + ", " + to_string(policy_)
               + (unread_ == unread_items::drop ? ", drop:" : ", keep:");
  }

  void step() {
    const int who = below(real_channel::owners);
    switch (below(16)) {
      case 0:
        // (the dead may be told to die again, and to act)
        note("dies", who);
        real_.dies(who);
        model_.dies(who);
        break;
      case 1: {
        const auto end = static_cast<channel_end>(below(3));
        note(std::string{"release "} + to_string(end), who);
        agree(real_.release(who, end), model_.release(who, end));
        break;
      }
      case 2:
        if (below(3) == 0)
          close();
        break;
      case 3:
      case 4:
      case 5:
      case 6:
      case 7:
        note("receive", who);
        agree(real_.receive(who), model_.receive(who));
        break;
      default:
        send(who);
    }
    compare();
  }

  bool over() const {
    return model_.state_word() == "closed" && --patience_ < 0;
  }

private:
  int below(int bound) {
    return static_cast<int>(random_() % static_cast<unsigned>(bound));
  }
  void note(const std::string& what, int who) {
    history_ += " " + what + "(" + std::to_string(who) + ")";
  }
  void send(int who) {
    std::optional<owner_gone> how;
    if (below(2) == 0)
      how = policies[below(4)];
    note(std::string{"send "} + (how ? to_string(*how) : ""), who);
    const int item = ++last_;
    agree(real_.send(who, item, how), model_.send(who, item, how));
  }
  void close() {
    const close_request request{static_cast<close_request::which>(below(3)),
                                below(2) == 0};
    note(request.force ? "force close" : "close",
         static_cast<int>(request.end));
    agree(real_.close(request), model_.close(request));
  }
  void agree(const std::string& real, const std::string& expected) {
    history_ += "=" + expected;
    INFO(history_);
    REQUIRE(real == expected);
  }
  void compare() {
    INFO(history_);
    REQUIRE(real_.size() == model_.size());
    REQUIRE(real_.state_word() == model_.state_word());
    REQUIRE(real_.users(channel_end::send) == model_.users(channel_end::send));
    REQUIRE(real_.users(channel_end::receive)
            == model_.users(channel_end::receive));
    REQUIRE(real_.dead == model_.dead);
    REQUIRE(conserved(real_.stats()));
  }

  std::mt19937 random_;
  owner_gone policy_;
  unread_items unread_;
  real_channel real_;
  owned_model model_;
  std::string history_;
  int last_ = 0;
  mutable int patience_ = 4;
};

} // namespace

TEST_CASE(
  "owned channels do what a plain model does "
  "(I-09, I-19, I-20, I-21, I-22, I-24, I-25, I-28, I-29, I-30, I-31, I-32, "
  "I-33, S-02, S-05, S-06)") {
  runtime rt{{.workers = 1}};
  for (unsigned seed = 1; seed <= 1500; ++seed) {
    program both{rt, seed};
    for (int i = 0; i < 60 && !both.over(); ++i)
      both.step();
  }
  CHECK(rt.channels().empty());
}
