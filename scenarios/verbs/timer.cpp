// Timers and hrtimers.
#include "unplug/model/kernel/irq/timer.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_mod_timer(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Timer* t = thing<EntityKind::timer>(f, i)) set_local(f, i, model::mod_timer(f.context, *t, drawn_duration(f, i)) ? 1 : 0);
  return next;
}

std::uint32_t do_start(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Timer* t = thing<EntityKind::hrtimer>(f, i)) model::hrtimer_start(f.context, *t, drawn_duration(f, i));
  return next;
}

std::uint32_t do_try_to_cancel(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Timer* t = thing<EntityKind::hrtimer>(f, i);
  if (t == nullptr) return next;
  const int r = model::hrtimer_try_to_cancel(f.context, *t);
  set_local(f, i, static_cast<std::uint64_t>(std::int64_t{r}));
  return r < 0 ? otherwise(f, i, next) : next;
}

constexpr KeySpec was{"to", KeyKind::to, false, "local that receives 1 if it was pending, else 0"},
    delay{"delay", KeyKind::duration, true, "when it expires, from now: \"10ms\", \"1ms..5ms\""},
    at_most{"at_most", KeyKind::at_most, false, "how often a task arms it here"};

constexpr VerbFamily timers{EntityKind::timer,
                            "migration between CPUs, deferrable timers, slack, TIMER_IRQSAFE, PREEMPT_RT (where deleting sleeps)"},
    hrtimers{EntityKind::hrtimer, "hrtimers in softirq, other clocks than CLOCK_MONOTONIC"};

void lay_out_timer(model::Timer& t, const ThingSetup& s) {
  t.function = &World::callback_entry;
  t.argument = s.callback();
  model::init_timer(s.kernel, t, s.unique, s.declared, s.home, s.task_name("softirq"));
}

void lay_out_hrtimer(model::Timer& t, const ThingSetup& s) {
  t.hr_function = &World::restart_entry;
  t.argument = s.callback();
  model::init_timer(s.kernel, t, s.unique, s.declared, s.home, s.task_name("hardirq"));
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::timer>() { return things<EntityKind::timer>(lay_out_timer); }
template <> std::unique_ptr<ThingList> make_things<EntityKind::hrtimer>() { return things<EntityKind::hrtimer>(lay_out_hrtimer); }

std::vector<Verb> timer_verbs() {
  return {
      timers.sets_up("timer_setup", {{"fn", KeyKind::function, true, "the timer's function, in softirq"}}, "timer_setup, v6.18",
                     "declares a timer", set_up_again<EntityKind::timer>),
      timers.on_thing("mod_timer", do_mod_timer, {delay, was, at_most}, "mod_timer, v6.18",
                      "arms a timer, or moves it; ignored after a shutdown"),
      timers.on_thing("timer_delete", on<EntityKind::timer, model::timer_delete>, {was}, "timer_delete, v6.18",
                      "takes a pending timer off the wheel; does not wait for its function"),
      alias("del_timer", "timer_delete"),
      timers.on_thing("timer_delete_sync", on<EntityKind::timer, model::timer_delete_sync>, {was}, "timer_delete_sync, v6.18",
                      "waits for its function and takes it off; arming it later is allowed"),
      alias("del_timer_sync", "timer_delete_sync"),
      timers.on_thing("timer_shutdown", on<EntityKind::timer, model::timer_shutdown>, {was}, "timer_shutdown, v6.18",
                      "as timer_delete, and arming is ignored from then on"),
      timers.on_thing("timer_shutdown_sync", on<EntityKind::timer, model::timer_shutdown_sync>, {was}, "timer_shutdown_sync, v6.18",
                      "as timer_delete_sync, and arming is ignored from then on"),
      hrtimers.sets_up(
          "hrtimer_setup",
          {{"fn", KeyKind::function, true, "its function, in hard interrupt context; result 1 (HRTIMER_RESTART) queues it again"}},
          "hrtimer_setup, v6.18", "declares an hrtimer", set_up_again<EntityKind::hrtimer>),
      hrtimers.on_thing("hrtimer_start", do_start, {delay, at_most}, "hrtimer_start_range_ns, v6.18", "arms an hrtimer, or moves it"),
      hrtimers.on_thing("hrtimer_cancel", on<EntityKind::hrtimer, model::hrtimer_cancel>, {was}, "hrtimer_cancel, v6.18",
                        "waits for its function and takes it off, restarted or not"),
      hrtimers.on_thing("hrtimer_try_to_cancel", do_try_to_cancel,
                        {{"to", KeyKind::to, false, "local that receives 1, 0, or -1: its function runs"},
                         {"else", KeyKind::otherwise, false, "where to go if its function runs"}},
                        "hrtimer_try_to_cancel, v6.18", "takes it off unless its function runs"),
  };
}

}  // namespace unplug::scenarios
