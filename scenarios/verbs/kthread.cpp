// Kernel threads of the driver.
#include "unplug/model/kernel/kthread.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_run(Frame& f, const Instruction& i, std::uint32_t next) {
  model::kthread_run(f.context, *thing<EntityKind::kthread>(f, i));
  return next;
}

constexpr VerbFamily family{EntityKind::kthread, "parking, affinity, kthread_worker, being woken by anything but kthread_stop()"};

void lay_out(model::Kthread& t, const ThingSetup& s) {
  t.function = &World::result_entry;
  t.argument = s.callback();
  model::init_kthread(s.kernel, t, s.unique, s.declared, s.task_name("kthread"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::kthread>() { return things<EntityKind::kthread>(lay_out); }

std::vector<Verb> kthread_verbs() {
  return {
      family.declares(
          "kthread_run", do_run,
          {{"fn", KeyKind::function, true, "the thread's function"}, {"else", KeyKind::otherwise, false, "where to go if it fails"}},
          "kthread_run, v6.18", "declares a kernel thread and starts it"),
      family.on_thing("kthread_should_stop", on<EntityKind::kthread, model::kthread_should_stop>,
                      {{"to", KeyKind::to, true, "local that receives 1 or 0"}}, "kthread_should_stop, v6.18",
                      "in the thread: whether it is to return"),
      family.on_thing("schedule", on<EntityKind::kthread, model::kthread_wait_to_stop>, {}, "schedule, v6.18",
                      "in the thread: sleeps until kthread_stop() wakes it"),
      family.on_thing("get_task_struct", on<EntityKind::kthread, model::kthread_get>, {}, "get_task_struct, v6.18",
                      "its task_struct outlives the thread"),
      family.on_thing("kthread_stop", on<EntityKind::kthread, model::kthread_stop>,
                      {{"to", KeyKind::to, false, "local that receives what its function returned"}}, "kthread_stop, v6.18",
                      "tells the thread to return and waits until it has"),
  };
}

}  // namespace unplug::scenarios
