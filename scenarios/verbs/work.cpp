// Work items.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_init(Frame&, const Instruction&, std::uint32_t next) { return next; }

std::uint32_t do_queue(Frame& f, const Instruction& i, std::uint32_t next) {
  if (!f.world.within_limit(i)) return next;
  model::Work* w = work(f, i);
  if (w == nullptr) return next;
  const bool queued = model::queue_work(f.context, *w);
  set_local(f, i, queued ? 1 : 0);
  return queued ? next : otherwise(f, i, next);
}

constexpr KeySpec was{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"};

Verb verb(std::string_view name, Execute execute, std::vector<KeySpec> keys, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = OperandKind::entity;
  v.entity = EntityKind::work;
  v.execute = execute;
  v.keys = std::move(keys);
  v.models = models;
  v.leaves_out = "ordered and bounded queues, CPU locality";
  v.summary = summary;
  return v;
}

}  // namespace

std::vector<Verb> work_verbs() {
  Verb init =
      verb("INIT_WORK", do_init, {{"fn", KeyKind::function, true, "the work function"}}, "INIT_WORK, v6.18", "declares a work item");
  init.operand = OperandKind::declaration;
  init.acts = false;
  return {
      init,
      verb("queue_work", do_queue,
           {was,
            {"at_most", KeyKind::at_most, false, "how often a task queues it here"},
            {"else", KeyKind::otherwise, false, "where to go if it was pending or disabled"}},
           "queue_work, v6.18", "queues a work item on the system queue"),
      alias("schedule_work", "queue_work"),
      verb("cancel_work", on<work, model::cancel_work>, {was}, "cancel_work, v6.18", "takes a pending instance back; does not wait"),
      verb("cancel_work_sync", on<work, model::cancel_work_sync>, {was}, "cancel_work_sync, v6.18",
           "takes it back and waits for the running one; later queueing is allowed"),
      verb("flush_work", on<work, model::flush_work>, {}, "flush_work, v6.18", "waits for the last instance queued so far"),
      verb("disable_work", on<work, model::disable_work>, {was}, "disable_work, v6.18",
           "takes a pending instance back and refuses later ones; does not wait"),
      verb("disable_work_sync", on<work, model::disable_work_sync>, {was}, "disable_work_sync, v6.18",
           "as cancel_work_sync, and queueing is refused from then on"),
      verb("enable_work", on<work, model::enable_work>, {}, "enable_work, v6.18", "undoes one disable"),
  };
}

}  // namespace unplug::scenarios
