// What an exhaustive search takes as one.
#pragma once

namespace unplug::sim {

struct Reductions {
  bool additions = true;  // additions to one object, in whatever order (AccessKind::add)
  bool symmetry = true;   // executions that differ in which of the tasks that are alike did what (dpor/symmetry.hpp)
  bool operator==(const Reductions&) const = default;
};

}  // namespace unplug::sim
