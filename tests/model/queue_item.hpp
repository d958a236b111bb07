// A work item on a queue of a driver's own: what the tests of such queues share.
#pragma once

#include "support.hpp"
#include "unplug/model/kernel/work/workqueue_struct.hpp"

namespace unplug::model::test {

inline void init(Lab& l, Workqueue& q, const std::string& n, unsigned max_active, LifetimeId owner = {}, bool from_start = true) {
  init_workqueue(l.kernel, q, l.name(n), l.name(n), owner, l.name("kworker " + n), max_active, from_start);
}

// One item, and what its function has seen.
struct QueueItem {
  Work work;
  Allocation home;
  int runs = 0, inside = 0;
  Lab::Body extra;  // in the middle of the function
  void init(Lab& l, const std::string& n = "work") {
    runs = inside = 0;
    l.init(home, n + " home", {"x"});
    l.init(
        work, n,
        [this](Context& c) {
          must(++inside == 1);
          ++runs;
          get(c, home);
          if (extra) extra(c);
          --inside;
        },
        home.life);
  }
};

inline constexpr unsigned queue_kinds[] = {0, 1, 2};  // without a limit, ordered, bounded

// Who runs item "work" on queue "wq" of that kind.
inline std::string worker_of(unsigned kind) { return kind == 0 ? "kworker work" : kind == 1 ? "kworker wq" : "kworker wq/worker#1"; }

}  // namespace unplug::model::test
