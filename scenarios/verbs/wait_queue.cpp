// Wait queues.
#include "unplug/model/kernel/locking/wait_queue.hpp"
#include "unplug/model/core/errno.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

enum class Way : std::uint8_t { plain, interruptible, killable, timeout, interruptible_timeout };

template <Way way> std::uint32_t do_wait(Frame& f, const Instruction& i, std::uint32_t next) {
  model::WaitQueue* const q = thing<EntityKind::wait_queue>(f, i);
  if (q == nullptr) return i.number;
  const model::Condition condition = [&](model::Context& c) {
    const model::SiteId here = c.site();
    f.world.run(f, next, i.number);
    c.at(here);
    return holds(f, i.condition);
  };
  std::int64_t answer = 0;
  bool done = true;
  if constexpr (way == Way::plain) {
    model::wait_event(f.context, *q, condition);
  } else if constexpr (way == Way::interruptible || way == Way::killable) {
    done = way == Way::killable ? model::wait_event_killable(f.context, *q, condition)
                                : model::wait_event_interruptible(f.context, *q, condition);
    answer = done ? 0 : model::erestartsys;
  } else if constexpr (way == Way::timeout) {
    done = model::wait_event_timeout(f.context, *q, condition, drawn_duration(f, i));
    answer = done ? 1 : 0;
  } else {
    const model::WaitEnd how = model::wait_event_interruptible_timeout(f.context, *q, condition, drawn_duration(f, i));
    done = how == model::WaitEnd::done;
    answer = done ? 1 : how == model::WaitEnd::expired ? 0 : model::erestartsys;
  }
  set_local(f, i, static_cast<std::uint64_t>(answer));
  return done ? i.number : otherwise(f, i, i.number);
}

// The steps of the condition stand behind the wait, which runs them as often as it looks; `number` is where they end.
void compile_wait(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.acts = verb.acts;
  if (const auto o = c.entity(operand, EntityKind::wait_queue)) i.operand = *o;
  if (const Node n = step.find("timeout"))
    if (const auto d = c.reader().duration_range(n)) {
      i.duration = d->first;
      i.spread = d->second;
    }
  if (const Node to = step.find("to")) i.to = c.local(to, true);
  const std::uint32_t index = c.emit(std::move(i));
  c.enter_condition();
  c.steps(step.find("do"));
  c.leave_condition();
  if (const Node until = step.find("until"))
    if (const auto condition = c.condition(until)) c.at(index).condition = *condition;
  c.at(index).number = c.here();
  if (const Node other = step.find("else")) c.otherwise(index, other);
}

constexpr VerbFamily family{EntityKind::wait_queue,
                            "exclusive waiters, prepare_to_wait() by hand, wake_up_process() of who sleeps on a queue"};
constexpr std::string_view wait_h = "include/linux/wait.h, v6.18", wait_c = "kernel/sched/wait.c, v6.18";

Verb wait(std::string_view name, Execute execute, std::string_view answers, bool timeout, std::string_view summary) {
  Verb v = family.on_thing(name, execute,
                           {{"do", KeyKind::custom, true, "steps that look at the condition, each time anew"},
                            {"until", KeyKind::custom, true, "a condition on locals that they set"}},
                           wait_h, summary);
  if (timeout) v.keys.push_back({"timeout", KeyKind::custom, true, "how long it waits: \"10ms\", \"1ms..5ms\""});
  if (!answers.empty()) {
    v.keys.push_back({"to", KeyKind::custom, false, answers});
    v.keys.push_back({"else", KeyKind::custom, false, "where to go if the condition does not hold"});
  }
  v.compile = compile_wait;
  return v;
}

Verb anywhere(Verb v) {
  v.place = Where::anywhere;
  return v;
}

void lay_out(model::WaitQueue& q, const ThingSetup& s) { model::init_wait_queue(s.kernel, q, s.unique, s.declared, s.home, s.spec.owner); }

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::wait_queue>() { return things<EntityKind::wait_queue>(lay_out); }

std::vector<Verb> wait_queue_verbs() {
  constexpr std::string_view left = "local that receives 1 where the kernel says how much time was left, or 0: expired",
                             error = "local that receives 0, or -512 (-ERESTARTSYS)",
                             both = "local that receives 1, 0: expired, or -512 (-ERESTARTSYS)";
  return {
      family.sets_up("init_waitqueue_head", {{"owner", KeyKind::owner, true, "who wakes: driver, core, other driver, hardware or user"}},
                     wait_h, "declares a wait queue"),
      anywhere(family.on_thing("wake_up", on<EntityKind::wait_queue, model::wake_up>, {}, wait_c, "says that it is worth looking again")),
      anywhere(
          family.on_thing("wake_up_all", on<EntityKind::wait_queue, model::wake_up>, {}, wait_c, "the same: no waiter here is exclusive")),
      anywhere(family.on_thing("wake_up_interruptible", on<EntityKind::wait_queue, model::wake_up_interruptible>, {}, wait_c,
                               "the same, to who sleeps interruptibly")),
      wait("wait_event", do_wait<Way::plain>, {}, false, "sleeps until a condition holds; looks at it when it is woken"),
      wait("wait_event_interruptible", do_wait<Way::interruptible>, error, false, "the same, or until a signal comes"),
      wait("wait_event_killable", do_wait<Way::killable>, error, false, "the same, or until a fatal signal comes"),
      wait("wait_event_timeout", do_wait<Way::timeout>, left, true, "the same, no longer than that"),
      wait("wait_event_interruptible_timeout", do_wait<Way::interruptible_timeout>, both, true, "the same, or until a signal comes"),
  };
}

}  // namespace unplug::scenarios
