#include "unplug/scenarios/run/judge.hpp"

#include <fmt/format.h>

namespace unplug::scenarios {
namespace {

// Conditions on the final state that must not hold. They are shown at the last step of the thread they speak of first. A state that threads
// are stuck in is final, too.
void judge_final_state(World& world, const sim::Trace& trace, std::vector<model::Violation>& out) {
  const FinalState& final = world.program().final_state;
  if (final.forbid.empty() || !world.has_final_state()) return;
  for (const FinalCondition& c : final.forbid) {
    if (!world.holds(c)) continue;
    model::Violation v;
    v.violation_class = model::ViolationClass::assertion_failed;
    v.object = world.kernel().intern(c.text);
    v.detail = fmt::format("the final state has {}", c.text);
    const sim::TaskId task = world.task_id(c.task);
    for (std::uint32_t i = 0; i < trace.events.size(); ++i)
      if (trace.events[i].task == task) v.event = i;
    v.task = task;
    out.push_back(std::move(v));
  }
}

void judge_time(World& world, const sim::Trace& trace, std::vector<model::Violation>& out) {
  const model::RemovalRecord& r = world.kernel().removal;
  const auto bound = world.program().remove_bound;
  if (!bound || r.unbind_done == model::RemovalRecord::no_time || r.unbind_done - r.unplug <= *bound) return;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const sim::LifetimeId ended = trace.events[i].ends;
    if (!ended || world.kernel().lifetime(ended).kind != model::LifetimeKind::binding) continue;
    out.push_back({model::ViolationClass::slow_remove, world.kernel().lifetime(ended).declared, trace.events[i].task, i,
                   model::Violation::no_event, model::Violation::no_event,
                   fmt::format("unbind took {} ns, the bound is {} ns", r.unbind_done - r.unplug, *bound)});
    break;
  }
}

// What nobody is left to give back.
void judge_left(World& world, const sim::Trace& trace, std::vector<model::Violation>& out) {
  const model::Kernel& k = world.kernel();
  for (const sim::LifetimeId l : world.lost_memory(trace)) {
    const std::uint32_t made = model::begin_of(k, trace, l, model::Violation::no_event);
    const model::NameId name = k.lifetime(l).declared;
    out.push_back({model::ViolationClass::leak, name, trace.events[made].task, made, model::Violation::no_event, made,
                   fmt::format("'{}' is never freed, and nothing leads to it any more", k.text(name))});
  }
  const World::LeftOpen open = world.left_open();
  if (open.driver) return;
  model::count_rule(
      k, trace, [&](model::LifetimeId binding, const model::Module& m) { return world.may_put(binding, m); }, !open.cdev, out);
}

}  // namespace

bool judge(World& world, model::Checker& checker, const sim::Trace& trace, const sim::Outcome& outcome, bool timed,
           std::vector<model::Violation>& out) {
  using Kind = sim::Outcome::Kind;
  if (outcome.kind == Kind::step_bound) {
    const std::size_t before = out.size();
    model::Checker::judge_bound(world.kernel(), trace, outcome.task, out);
    return out.size() != before;
  }
  if (outcome.kind != Kind::completed && outcome.kind != Kind::blocked) return false;
  world.resolve_polling(trace);
  checker.judge(world.kernel(), trace, out);
  judge_final_state(world, trace, out);
  if (model::at_rest(world.kernel(), trace)) judge_left(world, trace, out);
  if (timed) judge_time(world, trace, out);
  return true;
}

}  // namespace unplug::scenarios
