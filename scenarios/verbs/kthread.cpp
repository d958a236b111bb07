// Kernel threads of the driver.
#include "unplug/model/kernel/work/kthread.hpp"
#include "unplug/model/kernel/lib/fault.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint8_t wakes = 1;

std::uint32_t do_create(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Kthread* const t = thing<EntityKind::kthread>(f, i);
  if (t == nullptr) return next;
  if (model::should_fail(f.context)) return otherwise(f, i, next);
  if (i.flags == wakes && !f.aborting()) model::kthread_run(f.context, *t);
  return next;
}

std::uint32_t do_set_state(Frame& f, const Instruction& i, std::uint32_t next) {
  constexpr std::uint64_t interruptible = 2;
  if (model::Kthread* const t = thing<EntityKind::kthread>(f, i))
    model::set_current_state(f.context, *t, i.amount == interruptible ? model::TaskState::interruptible : model::TaskState::running);
  return next;
}

std::uint32_t do_exit(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Kthread* const t = thing<EntityKind::kthread>(f, i);
  if (t == nullptr) return next;
  f.result = static_cast<std::int64_t>(value(f, i));
  model::kthread_exit(f.context, *t, static_cast<int>(f.result));
  *f.ended = true;
  return end_of_function;
}

constexpr VerbFamily family{EntityKind::kthread, "parking, affinity, signals, TASK_UNINTERRUPTIBLE, schedule_timeout()"};
constexpr std::string_view kthread_c = "kernel/kthread.c, v6.18", sched_c = "kernel/sched/core.c, v6.18", fork_c = "kernel/fork.c, v6.18";

void lay_out(model::Kthread& t, const ThingSetup& s) {
  t.function = &World::result_entry;
  t.argument = s.callback();
  model::init_kthread(s.kernel, t, s.unique, s.declared, s.task_name("kthread"), s.binding.binding.life);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::kthread>() { return things<EntityKind::kthread>(lay_out); }

std::vector<Verb> kthread_verbs() {
  const std::vector<KeySpec> declared{{"fn", KeyKind::function, true, "the thread's function"},
                                      {"else", KeyKind::otherwise, false, "where to go if it can't be had"}};
  Verb run = family.declares("kthread_run", do_create, declared, kthread_c, "declares a kernel thread and starts it");
  run.flags = wakes;
  return {
      family.declares("kthread_create", do_create, declared, kthread_c, "declares a kernel thread, which sleeps until it is woken"),
      run,
      family.on_thing("wake_up_process", on<EntityKind::kthread, model::wake_up_process>, {}, sched_c,
                      "starts a thread, or ends its sleep in schedule(), or keeps it from that"),
      family.on_thing(
          "set_current_state", do_set_state,
          {{"state", KeyKind::words, true, "TASK_RUNNING or TASK_INTERRUPTIBLE", EntityKind::none, "TASK_RUNNING TASK_INTERRUPTIBLE"}},
          "include/linux/sched.h, v6.18", "in the thread: whether the schedule() that follows sleeps"),
      family.on_thing("schedule", on<EntityKind::kthread, model::schedule>, {}, sched_c,
                      "in the thread: sleeps until it is woken, if its state is not TASK_RUNNING (any more)"),
      family.on_thing("kthread_should_stop", on<EntityKind::kthread, model::kthread_should_stop>,
                      {{"to", KeyKind::to, true, "local that receives 1 or 0"}}, kthread_c, "in the thread: whether it is to return"),
      family.on_thing("kthread_exit", do_exit, {{"value", KeyKind::value, true, "what kthread_stop() then answers"}}, kthread_c,
                      "in the thread: ends it from wherever it is"),
      family.on_thing("get_task_struct", on<EntityKind::kthread, model::kthread_get>, {}, fork_c, "its task_struct outlives the thread"),
      family.on_thing("put_task_struct", on<EntityKind::kthread, model::kthread_put>, {}, fork_c, "drops that reference"),
      family.on_thing("kthread_stop", on<EntityKind::kthread, model::kthread_stop>,
                      {{"to", KeyKind::to, false, "local that receives what its function returned, or -4 (-EINTR): it never ran"}},
                      kthread_c, "tells the thread to return, wakes it, and waits until it has returned"),
  };
}

}  // namespace unplug::scenarios
