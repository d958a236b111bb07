#include "unplug/model/kernel/lib/fault.hpp"

namespace unplug::model {
namespace {

const Operation left_op{.name = "should_fail: faults left"}, fail_op{.name = "should_fail: does the call fail"},
    may_op{.name = "does the call fail"}, take_op{.name = "should_fail: fail the call"};

}  // namespace

bool should_fail(Context& context) {
  if (context.kernel().config().fault_task_filter && !context.make_it_fail) return false;
  const ObjectId faults = context.kernel().faults;
  if (!faults || context.read(left_op, faults, {}) == 0 || context.aborting()) return false;
  sim::Step s = context.make(fail_op);
  s.alternatives = 2;
  if (context.engine().choose(s) == 0 || context.aborting()) return false;
  // Others may have had the last one meanwhile.
  return context.write(take_op, faults, {}, [](std::uint64_t& word) {
    if (word == 0) return false;
    --word;
    return true;
  });
}

bool may_fail(Context& context) {
  sim::Step s = context.make(may_op);
  s.alternatives = 2;
  return context.engine().choose(s) != 0 && !context.aborting();
}

}  // namespace unplug::model
