// Loops: those that only look wait for what they look at.
#include <algorithm>

#include "unplug/model/kernel/locking/polling.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {
namespace {

const model::Operation loop_op{.name = "a loop without a step"};
constexpr std::uint32_t free_loops = 100;

}  // namespace

Frame::Turn Frame::turn(std::uint32_t to) const {
  Turn t{.to = to,
         .event = world.here(),
         .at = context.engine().local_time(),
         .locals = locals,
         .held = {},
         .scopes = scope_count,
         .result = result};
  for (const model::HeldLock& h : context.held) t.held.push_back(h.object);
  t.off = (context.irqs_off ? 1U : 0U) + (context.softirqs_off << 1U) + (context.preempt_off << 8U) + (context.rcu_nesting << 16U);
  return t;
}

void Frame::looped(std::uint32_t to) {
  if (aborting()) return;
  Turn now = turn(to);
  const auto before = std::ranges::find(turns_, to, &Turn::to);
  if (before == turns_.end()) {
    turns_.push_back(std::move(now));
  } else if (before->event == now.event && !before->same(now)) {  // it counts
    *before = std::move(now);
  } else {
    const bool same = before->same(now);
    const std::uint32_t from = before->event;
    const sim::Time at = before->at;
    *before = std::move(now);
    const auto round = same ? model::round_since(context, from, at) : std::nullopt;
    if (round) {
      const bool by_user = !function->driver && task != nullptr && task->spec->kind == TaskSpec::Kind::user;
      (void)model::await_change(context, *round, {}, by_user ? model::Poller::user : model::Poller::driver);
      if (aborting()) return;
      const auto again = std::ranges::find(turns_, to, &Turn::to);
      again->event = world.here();
      again->at = context.engine().local_time();
      return;
    }
  }
  if (const std::uint32_t events = world.here(); events != seen_) {
    seen_ = events;
    loops_ = 0;
  } else if (++loops_ == free_loops) {
    context.engine().step(context.make(loop_op));
  }
}

void World::resolve_polling(const sim::Trace& trace) {
  using End = sim::TaskRecord::End;
  for (const model::Polling& p : kernel_.polling) {
    const model::WaitInfo* const wait = kernel_.waiting(p.task);
    if (wait == nullptr || wait->owner != model::Owner::driver) continue;
    std::vector<bool> wrote(trace.tasks.size(), false);
    for (const sim::Event& e : trace.events)
      if (sim::changes(e.access.kind) && e.task != p.task &&
          std::ranges::find(p.looks, e.access.object, &model::Look::object) != p.looks.end())
        wrote[e.task.index()] = true;
    bool held = false;
    const sim::ObjectId awaited = trace.tasks[p.task.index()].pending.object;
    for (std::uint32_t t = 0; t < wrote.size(); ++t) {
      const model::WaitInfo* const its = wrote[t] && trace.tasks[t].end == End::blocked ? kernel_.waiting(sim::TaskId{t}) : nullptr;
      if (its == nullptr || its->idle || trace.tasks[p.task.index()].pending.kind == sim::AccessKind::none) continue;
      kernel_.hold(awaited, sim::TaskId{t});
      held = true;
    }
    if (held) continue;
    const bool open =
        std::ranges::any_of(record_.files_open, [&](const Interval& i) { return i.last == UINT32_MAX && wrote[i.task.index()]; });
    if (!open) continue;
    model::WaitInfo by_user = *wait;
    by_user.owner = model::Owner::user;
    kernel_.set_waiting(p.task, &by_user);
    for (model::RemovalWait& w : kernel_.removal_waits)
      if (w.task == p.task && w.event == UINT32_MAX) w.owner = model::Owner::user;
  }
}

}  // namespace unplug::scenarios
