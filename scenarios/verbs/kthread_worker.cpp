// kthread workers.
#include "unplug/model/kernel/work/kthread_worker.hpp"
#include "unplug/model/kernel/lib/fault.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_run(Frame& f, const Instruction& i, std::uint32_t next) {
  model::KthreadWorker* const w = thing<EntityKind::kthread_worker>(f, i);
  if (w == nullptr) return next;
  if (model::should_fail(f.context)) return otherwise(f, i, next);
  if (!f.aborting()) model::kthread_run_worker(f.context, *w);
  return next;
}

std::uint32_t do_queue(Frame& f, const Instruction& i, std::uint32_t next) {
  model::KthreadWork* const w = thing<EntityKind::kthread_work>(f, i);
  if (w == nullptr) return next;
  const bool queued = model::kthread_queue_work(f.context, *w->worker, *w);
  set_local(f, i, queued ? 1 : 0);
  return queued ? next : otherwise(f, i, next);
}

using Arm = bool (*)(model::Context&, model::KthreadWorker&, model::KthreadDelayedWork&, sim::Duration);

template <Arm function> std::uint32_t arm(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::KthreadDelayedWork* const w = thing<EntityKind::kthread_delayed_work>(f, i))
    set_local(f, i, function(f.context, *w->work.worker, *w, drawn_duration(f, i)) ? 1 : 0);
  return next;
}

constexpr VerbFamily workers{EntityKind::kthread_worker, "kthread_init_worker(), freezing, binding to a CPU"},
    works{EntityKind::kthread_work, "a work used with several workers"},
    delayed{EntityKind::kthread_delayed_work, "a work used with several workers"};
constexpr std::string_view kthread_c = "kernel/kthread.c, v6.18";

void lay_out_worker(model::KthreadWorker& w, const ThingSetup& s) {
  model::init_kthread_worker(s.kernel, w, s.unique, s.declared, {}, s.binding.binding.life, s.task_name("kthread"));
}

void lay_out_work(model::KthreadWork& w, const ThingSetup& s) {
  w.function = &World::callback_entry;
  w.argument = s.callback();
  model::init_kthread_work(w, *s.referred<EntityKind::kthread_worker>("worker"), s.declared, s.home);
}

void lay_out_delayed(model::KthreadDelayedWork& w, const ThingSetup& s) {
  w.work.function = &World::callback_entry;
  w.work.argument = s.callback();
  model::init_kthread_delayed_work(s.kernel, w, *s.referred<EntityKind::kthread_worker>("worker"), s.declared, s.home, s.part("timer"),
                                   s.task_name("softirq"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::kthread_worker>() {
  return things<EntityKind::kthread_worker>(lay_out_worker);
}
template <> std::unique_ptr<ThingList> make_things<EntityKind::kthread_work>() { return things<EntityKind::kthread_work>(lay_out_work); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::kthread_delayed_work>() {
  return things<EntityKind::kthread_delayed_work>(lay_out_delayed);
}

std::vector<Verb> kthread_worker_verbs() {
  constexpr KeySpec fn{"fn", KeyKind::function, true, "the work function"},
      worker{"worker", KeyKind::thing, true, "the worker that it is queued on", EntityKind::kthread_worker},
      was{"to", KeyKind::to, false, "local that receives 1 or 0, as the kernel function returns"},
      delay{"delay", KeyKind::duration, true, "after how long it is put on the list: \"10ms\", \"1ms..5ms\""},
      at_most{"at_most", KeyKind::at_most, false, "how often a task queues it here"};
  return {
      workers.declares("kthread_run_worker", do_run, {{"else", KeyKind::otherwise, false, "where to go if it can't be had"}}, kthread_c,
                       "makes a worker and starts its thread"),
      alias("kthread_create_worker", "kthread_run_worker"),
      workers.on_thing("kthread_flush_worker", on<EntityKind::kthread_worker, model::kthread_flush_worker>, {}, kthread_c,
                       "waits for what was queued before"),
      workers.on_thing("kthread_destroy_worker", on<EntityKind::kthread_worker, model::kthread_destroy_worker>, {}, kthread_c,
                       "flushes it, stops its thread and frees it"),
      works.sets_up("kthread_init_work", {fn, worker}, kthread_c, "declares a work for a worker"),
      works.on_thing("kthread_queue_work", do_queue,
                     {was, at_most, {"else", KeyKind::otherwise, false, "where to go if it was not queued"}}, kthread_c,
                     "queues it; 0 if it is queued, or being cancelled"),
      works.on_thing("kthread_flush_work", on<EntityKind::kthread_work, model::kthread_flush_work>, {}, kthread_c,
                     "waits for the instance that is queued or runs"),
      works.on_thing("kthread_cancel_work_sync", on<EntityKind::kthread_work, model::kthread_cancel_work_sync>, {was}, kthread_c,
                     "takes it off the list and waits for the running one; later queueing is allowed"),
      delayed.sets_up("kthread_init_delayed_work", {fn, worker}, kthread_c, "declares a delayed work for a worker"),
      delayed.on_thing("kthread_queue_delayed_work", arm<model::kthread_queue_delayed_work>, {delay, was, at_most}, kthread_c,
                       "a timer puts it on the list after the delay"),
      delayed.on_thing("kthread_mod_delayed_work", arm<model::kthread_mod_delayed_work>, {delay, was, at_most}, kthread_c,
                       "the same, wherever it was before"),
      delayed.on_thing("kthread_cancel_delayed_work_sync", on<EntityKind::kthread_delayed_work, model::kthread_cancel_delayed_work_sync>,
                       {was}, kthread_c, "takes it from the timer or the list and waits for the running one; later queueing is allowed"),
  };
}

}  // namespace unplug::scenarios
