// A work item for the tests of work queues.
#pragma once

#include "model/support.hpp"

namespace unplug::model::test {

// What one item and the tasks around it do, and what its function has seen.
struct Item {
  Work work;
  Allocation home;
  int runs = 0, inside = 0;
  Lab::Body extra;  // in the middle of the function
  void init(Lab& l) {
    runs = inside = 0;
    l.init(home, "home", {"x"});
    l.init(
        work, "work",
        [this](Context& c) {
          CHECK(++inside == 1);
          ++runs;
          get(c, home);
          if (extra) extra(c);
          --inside;
        },
        home.life);
  }
};

}  // namespace unplug::model::test
