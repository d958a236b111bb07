// Work items.
#include "unplug/model/kernel/work/workqueue_struct.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_queue(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Work* const w = thing<EntityKind::work>(f, i);
  model::Workqueue* const q = i.second.kind == Operand::Kind::none ? f.world.keventd() : thing<EntityKind::workqueue>(f, i.second);
  if (w == nullptr || (q == nullptr && i.second.kind != Operand::Kind::none)) return next;
  const bool queued = q == nullptr ? model::queue_work(f.context, *w) : model::queue_work(f.context, *q, *w);
  set_local(f, i, queued ? 1 : 0);
  return queued ? next : otherwise(f, i, next);
}

std::uint32_t do_current(Frame& f, const Instruction& i, std::uint32_t next) {
  if (const model::Work* const w = thing<EntityKind::work>(f, i)) set_local(f, i, model::current_work(f.context) == w ? 1 : 0);
  return next;
}

constexpr KeySpec was{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"};

constexpr VerbFamily family{EntityKind::work, "CPU locality (queue_work_on()), BH queues"};
constexpr std::string_view workqueue_c = "kernel/workqueue.c, v6.18";

void lay_out(model::Work& w, const ThingSetup& s) {
  w.function = &World::callback_entry;
  w.argument = s.callback();
  model::init_work(s.kernel, w, s.unique, s.declared, s.home, s.task_name("kworker"));
  if (s.is_source()) s.binding.sources.works.push_back(&w);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::work>() { return things<EntityKind::work>(lay_out); }

std::vector<Verb> work_verbs() {
  Verb current = family.on_thing("current_work", do_current, {{"to", KeyKind::to, true, "local that receives 1 if it is, else 0"}},
                                 workqueue_c, "whether this is called from the item's function");
  current.acts = false;
  return {
      family.sets_up("INIT_WORK", {{"fn", KeyKind::function, true, "the work function"}}, "INIT_WORK, v6.18", "declares a work item",
                     set_up_again<EntityKind::work>),
      family.on_thing("queue_work", do_queue,
                      {{"wq", KeyKind::thing, false, "the queue; without, the system's (system_wq)", EntityKind::workqueue},
                       was,
                       {"at_most", KeyKind::at_most, false, "how often a task queues it here"},
                       {"else", KeyKind::otherwise, false, "where to go if it was pending or disabled"}},
                      workqueue_c, "queues a work item"),
      alias("schedule_work", "queue_work"),
      family.on_thing("cancel_work", on<EntityKind::work, model::cancel_work>, {was}, workqueue_c,
                      "takes a pending instance back; does not wait"),
      family.on_thing("cancel_work_sync", on<EntityKind::work, model::cancel_work_sync>, {was}, workqueue_c,
                      "takes it back and waits for the running one; later queueing is allowed"),
      family.on_thing("flush_work", on<EntityKind::work, model::flush_work>, {was}, workqueue_c,
                      "waits for the last instance queued so far"),
      family.on_thing("disable_work", on<EntityKind::work, model::disable_work>, {was}, workqueue_c,
                      "takes a pending instance back and refuses later ones; does not wait; nests"),
      family.on_thing("disable_work_sync", on<EntityKind::work, model::disable_work_sync>, {was}, workqueue_c,
                      "as cancel_work_sync, and queueing is refused from then on; nests"),
      family.on_thing("enable_work", on<EntityKind::work, model::enable_work>, {}, workqueue_c, "undoes one disable"),
      current,
  };
}

}  // namespace unplug::scenarios
