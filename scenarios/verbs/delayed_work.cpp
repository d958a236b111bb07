// Delayed work.
#include "unplug/model/kernel/work/delayed_work.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

using Arm = bool (*)(model::Context&, model::DelayedWork&, sim::Duration);
using ArmOn = bool (*)(model::Context&, model::Workqueue&, model::DelayedWork&, sim::Duration);

template <Arm on_system, ArmOn on_queue> std::uint32_t arm(Frame& f, const Instruction& i, std::uint32_t next) {
  model::DelayedWork* const w = thing<EntityKind::delayed_work>(f, i);
  model::Workqueue* const q = i.second.kind == Operand::Kind::none ? f.world.keventd() : thing<EntityKind::workqueue>(f, i.second);
  if (w == nullptr || (q == nullptr && i.second.kind != Operand::Kind::none)) return next;
  const sim::Duration delay = drawn_duration(f, i);
  const bool answer = q == nullptr ? on_system(f.context, *w, delay) : on_queue(f.context, *q, *w, delay);
  set_local(f, i, answer ? 1 : 0);
  return answer ? next : otherwise(f, i, next);
}

constexpr KeySpec was{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"},
    delay{"delay", KeyKind::duration, true, "after how long it is put on the queue: \"10ms\", \"1ms..5ms\""},
    wq{"wq", KeyKind::thing, false, "the queue; without, the system's (system_wq)", EntityKind::workqueue},
    at_most{"at_most", KeyKind::at_most, false, "how often a task arms it here"};

constexpr VerbFamily family{EntityKind::delayed_work, "CPU locality, BH queues, cancel_work_sync() on the work_struct inside"};

void lay_out(model::DelayedWork& w, const ThingSetup& s) {
  w.work.function = &World::callback_entry;
  w.work.argument = s.callback();
  model::init_delayed_work(s.kernel, w, s.unique, s.declared, s.home, s.task_name("kworker"), s.part("timer"), s.task_name("softirq"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::delayed_work>() { return things<EntityKind::delayed_work>(lay_out); }

std::vector<Verb> delayed_work_verbs() {
  return {
      family.sets_up("INIT_DELAYED_WORK", {{"fn", KeyKind::function, true, "the work function"}}, "INIT_DELAYED_WORK, v6.18",
                     "declares a delayed work item", set_up_again<EntityKind::delayed_work>),
      family.on_thing("queue_delayed_work", arm<model::queue_delayed_work, model::queue_delayed_work>,
                      {delay, wq, was, at_most, {"else", KeyKind::otherwise, false, "where to go if it was pending or disabled"}},
                      "queue_delayed_work, v6.18", "a timer puts the item on a queue after the delay"),
      alias("schedule_delayed_work", "queue_delayed_work"),
      family.on_thing("mod_delayed_work", arm<model::mod_delayed_work, model::mod_delayed_work>, {delay, wq, was, at_most},
                      "mod_delayed_work, v6.18", "the same, wherever the item was before"),
      family.on_thing("cancel_delayed_work", on<EntityKind::delayed_work, model::cancel_delayed_work>, {was}, "cancel_delayed_work, v6.18",
                      "takes it from the timer or the queue; does not wait for the function"),
      family.on_thing("cancel_delayed_work_sync", on<EntityKind::delayed_work, model::cancel_delayed_work_sync>, {was},
                      "cancel_delayed_work_sync, v6.18", "the same, and waits for the function; later queueing is allowed"),
      family.on_thing("disable_delayed_work", on<EntityKind::delayed_work, model::disable_delayed_work>, {was},
                      "disable_delayed_work, v6.18",
                      "takes it from the timer or the queue and refuses later queueing; does not wait for the function; nests"),
      family.on_thing("disable_delayed_work_sync", on<EntityKind::delayed_work, model::disable_delayed_work_sync>, {was},
                      "disable_delayed_work_sync, v6.18", "the same, and queueing is refused from then on; nests"),
      family.on_thing("enable_delayed_work", on<EntityKind::delayed_work, model::enable_delayed_work>, {}, "enable_delayed_work, v6.18",
                      "undoes one disable"),
      family.on_thing("flush_delayed_work", on<EntityKind::delayed_work, model::flush_delayed_work>, {was}, "flush_delayed_work, v6.18",
                      "queues it now if the timer has it, and waits for it"),
  };
}

}  // namespace unplug::scenarios
