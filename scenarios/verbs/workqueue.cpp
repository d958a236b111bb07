// Queues of the driver's own, and the system's as a whole.
#include "unplug/model/kernel/lib/fault.hpp"
#include "unplug/model/kernel/work/workqueue_struct.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr std::uint8_t ordered = 1;
// More workers than that are as good as no limit.
constexpr std::uint64_t most_workers = 64;

std::uint32_t do_alloc(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Workqueue* const q = thing<EntityKind::workqueue>(f, i);
  if (q == nullptr) return next;
  if (model::should_fail(f.context)) return otherwise(f, i, next);
  if (!f.aborting()) model::alloc_workqueue(f.context, *q);
  return next;
}

std::uint32_t do_flush_scheduled(Frame& f, const Instruction&, std::uint32_t next) {
  if (model::Workqueue* const q = f.world.keventd()) {
    model::flush_workqueue(f.context, *q);
  } else {
    model::flush_scheduled_work(f.context);
  }
  return next;
}

constexpr VerbFamily family{EntityKind::workqueue, "pools shared by queues, order per CPU, rescuers, freezing, attributes"};
constexpr std::string_view workqueue_c = "kernel/workqueue.c, v6.18";

void lay_out(model::Workqueue& q, const ThingSetup& s) {
  const std::uint64_t n = s.spec.flags == ordered ? 1 : s.spec.number("max_active");
  model::init_workqueue(s.kernel, q, s.unique, s.declared, s.binding.binding.life, s.task_name("kworker"),
                        n > most_workers ? 0 : static_cast<unsigned>(n), false);
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::workqueue>() { return things<EntityKind::workqueue>(lay_out); }

std::vector<Verb> workqueue_verbs() {
  constexpr KeySpec failed{"else", KeyKind::otherwise, false, "where to go if it can't be had"};
  Verb alloc_ordered = family.declares("alloc_ordered_workqueue", do_alloc, {failed}, workqueue_c,
                                       "makes a queue that runs one item at a time, in the order of their queueing");
  alloc_ordered.flags = ordered;
  Verb flush_scheduled;
  flush_scheduled.name = "flush_scheduled_work";
  flush_scheduled.execute = do_flush_scheduled;
  flush_scheduled.models = workqueue_c;
  flush_scheduled.leaves_out = "the warning that nobody should call it";
  flush_scheduled.summary = "waits for all that is on the system's queue, whoever it belongs to";
  return {
      family.declares(
          "alloc_workqueue", do_alloc,
          {{"max_active", KeyKind::number, true, "how many items it runs at once, 0 for the kernel's 1024; above 64: no limit"}, failed},
          workqueue_c, "makes a queue"),
      alloc_ordered,
      family.on_thing("destroy_workqueue", on<EntityKind::workqueue, model::destroy_workqueue>, {}, workqueue_c,
                      "drains it and frees it; timers of delayed work stay armed"),
      family.on_thing("drain_workqueue", on<EntityKind::workqueue, model::drain_workqueue>, {}, workqueue_c,
                      "flushes until it is empty; takes nothing meanwhile but from its own items"),
      family.on_thing("flush_workqueue", on<EntityKind::workqueue, model::flush_workqueue>, {}, workqueue_c,
                      "waits for what was queued before"),
      flush_scheduled,
  };
}

}  // namespace unplug::scenarios
