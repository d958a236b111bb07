// Tasklets.
#include "unplug/model/kernel/irq/tasklet.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr VerbFamily family{EntityKind::tasklet,
                            "priorities, lists per CPU, tasklet_disable_in_atomic(), softirqs spinning on one that is disabled"};
constexpr std::string_view softirq_c = "kernel/softirq.c, v6.18";

void lay_out(model::Tasklet& t, const ThingSetup& s) {
  t.function = &World::callback_entry;
  t.argument = s.callback();
  model::init_tasklet(s.kernel, t, s.unique, s.declared, s.home, s.task_name("softirq"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::tasklet>() { return things<EntityKind::tasklet>(lay_out); }

std::vector<Verb> tasklet_verbs() {
  return {
      family.sets_up("tasklet_setup", {{"fn", KeyKind::function, true, "its function, in softirq context"}}, softirq_c,
                     "declares a tasklet", set_up_again<EntityKind::tasklet>),
      alias("tasklet_init", "tasklet_setup"),
      family.on_thing("tasklet_schedule", on<EntityKind::tasklet, model::tasklet_schedule>,
                      {{"at_most", KeyKind::at_most, false, "how often a task schedules it here"}}, softirq_c,
                      "has it run; nothing if it is scheduled already"),
      family.on_thing("tasklet_disable", on<EntityKind::tasklet, model::tasklet_disable>, {}, softirq_c,
                      "keeps it from running, scheduled or not, and waits for it to end; nests"),
      family.on_thing("tasklet_disable_nosync", on<EntityKind::tasklet, model::tasklet_disable_nosync>, {}, softirq_c,
                      "the same, and does not wait"),
      family.on_thing("tasklet_enable", on<EntityKind::tasklet, model::tasklet_enable>, {}, softirq_c, "undoes one disable"),
      family.on_thing("tasklet_kill", on<EntityKind::tasklet, model::tasklet_kill>, {}, softirq_c,
                      "waits until it is neither scheduled nor running; scheduling it later is allowed; a disabled one never gets there"),
  };
}

}  // namespace unplug::scenarios
