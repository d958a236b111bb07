#include "model/commute.hpp"

namespace unplug::model::test {
namespace {

std::uint64_t attributes(Covered& covered) {
  SysfsAttribute a, b;
  Allocation own;
  Lab lab([&](Lab& l) {
    bystander(l, own);
    l.init(a, "a", [&](Context& c) {
      sysfs_break_active_protection(c, a);
      mark(c);
      sysfs_unbreak_active_protection(c, a);
      return 0;
    });
    l.init(b, "b", [&](Context& c) { return sysfs_remove_file_self(c, b) ? 0 : 1; });
    l.task("driver", [&](Context& c) {
      sysfs_create_file(c, a);
      sysfs_create_file(c, b);
      sysfs_remove_file(c, a);
    });
    l.task("second", [&](Context& c) { sysfs_remove_file(c, a); });
    for (const auto* name : {"r1", "r2"})
      l.task(name, [&](Context& c) {
        sysfs_access(c, b);
        sysfs_access(c, a);
        sysfs_access(c, b);
      });
  });
  return commute(lab, 150, 8, covered);
}
const CommutationLab attributes_lab{"sysfs attributes", 500, attributes};

}  // namespace
}  // namespace unplug::model::test
