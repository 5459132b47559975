// A library's own header: nothing in it says that levada is inside. Programs
// compiled without exceptions, without RTTI, or as C++11 can include it.
#pragma once

#include <map>
#include <memory>
#include <string>

namespace caf {
class actor_system;
}

/// Counts words on several threads. add() may be called by any thread.
class word_count {
public:
  /// On threads of its own.
  word_count();
  /// On the workers of an actor system that the application has anyway, and
  /// which must outlive this.
  explicit word_count(caf::actor_system& system);
  ~word_count();
  word_count(const word_count&) = delete;
  word_count& operator=(const word_count&) = delete;

  /// Waits while much is still to be counted, so that memory is bounded. For
  /// threads, and for actors that have one of their own (caf::detached).
  void add(std::string text);

  /// What was counted; nothing can be added after it.
  std::map<std::string, long> finish();

private:
  struct insides;
  std::unique_ptr<insides> insides_;
};
