// What the tests of actors at channels share.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>

#include <levada/channels/on_receive.hpp>

#include "../channels/items.hpp"
#include "support.hpp"

namespace levada_tests {

using levada::on_receive;
using levada::on_select;
using levada::subscription;
using levada::when;

/// What came, in order; from any thread. Copies are of the same.
template <class T>
class record_of {
public:
  void add(T what) const {
    const std::lock_guard guard{shared_->mutex};
    shared_->items.push_back(std::move(what));
  }
  std::vector<T> all() const {
    const std::lock_guard guard{shared_->mutex};
    return shared_->items;
  }
  std::size_t size() const {
    const std::lock_guard guard{shared_->mutex};
    return shared_->items.size();
  }

private:
  struct state {
    std::mutex mutex;
    std::vector<T> items;
  };
  std::shared_ptr<state> shared_ = std::make_shared<state>();
};

using ints = record_of<int>;
using texts = record_of<std::string>;

/// Holds handlers up, on a worker of the runtime: one passes for each open().
class gate {
public:
  void open(int times = 1) const {
    open_->fetch_add(times);
  }
  void pass() const {
    arrived_->fetch_add(1);
    while (open_->load() <= 0)
      std::this_thread::yield();
    open_->fetch_sub(1);
  }
  int arrived() const {
    return arrived_->load();
  }

private:
  std::shared_ptr<std::atomic<int>> open_
    = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<std::atomic<int>> arrived_
    = std::make_shared<std::atomic<int>>(0);
};

/// Why `who` ended, as text; waits for it.
inline std::string end_of(caf::actor_system& system, const caf::actor& who) {
  caf::scoped_actor self{system};
  self->monitor(who);
  std::string result = "it did not end";
  self->receive(
    [&](const caf::down_msg& down) { result = to_string(down.reason); },
    caf::after(std::chrono::seconds(30)) >> [] {});
  return result;
}

/// Waits until `who` has handled what was sent to it before.
inline void passed(caf::actor_system& system, const caf::actor& who) {
  caf::scoped_actor self{system};
  self->request(who, std::chrono::seconds(30), caf::ok_atom::value)
    .receive([](caf::ok_atom) {}, [](const caf::error&) {});
}

/// `count` numbers are in it, and it stays open.
inline levada::channel_ends<int> with_numbers(runtime& rt, int count) {
  auto ends = make_channel<int>(rt, {.capacity = levada::unbounded});
  for (int i = 0; i < count; ++i)
    if (!ends.tx.try_send(i))
      FAIL("an unbounded channel takes everything");
  return ends;
}

/// Everything that is there now.
template <class T>
std::vector<T> rest_of(const receiver<T>& in) {
  return in.drain();
}

} // namespace levada_tests
