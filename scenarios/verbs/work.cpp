// Work items.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_queue(Frame& f, const Instruction& i, std::uint32_t next) {
  if (!f.world.within_limit(i)) return next;
  model::Work* w = thing<EntityKind::work>(f, i);
  if (w == nullptr) return next;
  const bool queued = model::queue_work(f.context, *w);
  set_local(f, i, queued ? 1 : 0);
  return queued ? next : otherwise(f, i, next);
}

constexpr KeySpec was{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"};

constexpr VerbFamily family{EntityKind::work, "ordered and bounded queues, CPU locality"};

void lay_out(model::Work& w, const ThingSetup& s) {
  w.function = &World::callback_entry;
  w.argument = s.callback();
  model::init_work(s.kernel, w, s.unique, s.declared, s.home, s.task_name("kworker"));
  if (s.is_source()) s.binding.sources.works.push_back(&w);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::work>() { return things<EntityKind::work>(lay_out); }

std::vector<Verb> work_verbs() {
  return {
      family.sets_up("INIT_WORK", {{"fn", KeyKind::function, true, "the work function"}}, "INIT_WORK, v6.18", "declares a work item"),
      family.on_thing("queue_work", do_queue,
                      {was,
                       {"at_most", KeyKind::at_most, false, "how often a task queues it here"},
                       {"else", KeyKind::otherwise, false, "where to go if it was pending or disabled"}},
                      "queue_work, v6.18", "queues a work item on the system queue"),
      alias("schedule_work", "queue_work"),
      family.on_thing("cancel_work", on<EntityKind::work, model::cancel_work>, {was}, "cancel_work, v6.18",
                      "takes a pending instance back; does not wait"),
      family.on_thing("cancel_work_sync", on<EntityKind::work, model::cancel_work_sync>, {was}, "cancel_work_sync, v6.18",
                      "takes it back and waits for the running one; later queueing is allowed"),
      family.on_thing("flush_work", on<EntityKind::work, model::flush_work>, {}, "flush_work, v6.18",
                      "waits for the last instance queued so far"),
      family.on_thing("disable_work", on<EntityKind::work, model::disable_work>, {was}, "disable_work, v6.18",
                      "takes a pending instance back and refuses later ones; does not wait"),
      family.on_thing("disable_work_sync", on<EntityKind::work, model::disable_work_sync>, {was}, "disable_work_sync, v6.18",
                      "as cancel_work_sync, and queueing is refused from then on"),
      family.on_thing("enable_work", on<EntityKind::work, model::enable_work>, {}, "enable_work, v6.18", "undoes one disable"),
  };
}

}  // namespace unplug::scenarios
