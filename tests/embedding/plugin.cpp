// A plugin that uses levada privately: its host sees one function, and knows
// neither levada nor CAF.
#include "work.hpp"

extern "C" __attribute__((visibility("default"))) int plugin_sum(int count) {
  levada::runtime rt{{.workers = 2}};
  return embedding::work(rt, count);
}
