// What the tests of channels as actors share: being a monitor.
#pragma once

#include <vector>

#include <caf/all.hpp>

#include "../channels/support.hpp"

namespace levada_tests {

/// What a monitor was told, or nothing while it was not.
inline std::vector<caf::error> downs(caf::scoped_actor& self,
                                     std::chrono::milliseconds patience) {
  std::vector<caf::error> result;
  bool more = true;
  while (more)
    self->receive([&](caf::down_msg& down) { result.push_back(down.reason); },
                  caf::after(patience) >> [&] { more = false; });
  return result;
}

/// Waits for exactly one down_msg.
inline caf::error down(caf::scoped_actor& self) {
  caf::error result = caf::sec::runtime_error;
  self->receive([&](caf::down_msg& down) { result = down.reason; },
                caf::after(30s) >> [] { FAIL("no down_msg came"); });
  return result;
}

} // namespace levada_tests
