// Spinlocks, and what else keeps interrupts off a CPU.
#include "unplug/model/kernel/locking/spinlock.hpp"
#include "unplug/model/kernel/irq/cpu_irq.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto spin = EntityKind::spinlock;
using enum model::SpinlockOff;

template <model::SpinlockOff off> std::uint32_t do_lock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = thing<spin>(f, i)) model::spin_lock(f.context, *s, off);
  return next;
}
template <model::SpinlockOff off> std::uint32_t do_trylock(Frame& f, const Instruction& i, std::uint32_t next) {
  model::Spinlock* const s = thing<spin>(f, i);
  if (s == nullptr) return next;
  const bool got = model::spin_trylock(f.context, *s, off);
  set_local(f, i, got ? 1 : 0);
  return got ? next : otherwise(f, i, next);
}
template <model::SpinlockOff off> std::uint32_t do_unlock(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::Spinlock* s = thing<spin>(f, i)) model::spin_unlock(f.context, *s, off);
  return next;
}

template <auto function> std::uint32_t on_cpu(Frame& f, const Instruction&, std::uint32_t next) {
  function(f.context);
  return next;
}

std::uint32_t do_irq_save(Frame& f, const Instruction& i, std::uint32_t next) {
  set_local(f, i, model::local_irq_save(f.context) ? 1 : 0);
  return next;
}

std::uint32_t do_irq_restore(Frame& f, const Instruction& i, std::uint32_t next) {
  if (i.other != no_local) model::local_irq_restore(f.context, f.locals[i.other] != 0);
  return next;
}

std::uint32_t do_preempt_disable(Frame& f, const Instruction&, std::uint32_t next) {
  ++f.context.preempt_off;
  return next;
}

std::uint32_t do_preempt_enable(Frame& f, const Instruction&, std::uint32_t next) {
  static const model::StaticName name{"preempt_enable"};
  if (f.context.preempt_off > 0) {
    --f.context.preempt_off;
  } else {
    model::Kernel& k = f.world.kernel();
    k.report(model::ViolationClass::api_misuse, k.intern(name), "preempt_enable() without preempt_disable()");
  }
  return next;
}

constexpr VerbFamily family{
    spin, "ticket order, raw spinlocks, nesting annotations, PREEMPT_RT; spin_unlock_irq() leaves interrupts off that were off before"};
constexpr std::string_view spinlock_c = "kernel/locking/spinlock.c, v6.18";

Verb lock(std::string_view name, Execute execute, std::string_view summary) {
  Verb v = family.on_thing(name, execute, {}, spinlock_c, summary);
  v.acts = false;
  v.lock = lock_effect(name);
  return v;
}

Verb trylock(std::string_view name, Execute execute, std::string_view summary) {
  Verb v = lock(name, execute, summary);
  v.keys = {{"to", KeyKind::to, false, "local that receives 1 or 0"}, {"else", KeyKind::otherwise, false, "where to go if it is taken"}};
  return v;
}

// Concerns the CPU that the caller is on: no step, and nothing shared.
Verb cpu(std::string_view name, Execute execute, std::string_view models, std::string_view summary) {
  Verb v;
  v.name = name;
  v.execute = execute;
  v.acts = false;
  v.models = models;
  v.leaves_out = "tasks that share a CPU, PREEMPT_RT; interrupts come on the CPU of a task only where \"run\" says so (\"cpu\")";
  v.summary = summary;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<spin>() {
  return things<spin>([](model::Spinlock& l, const ThingSetup& s) { model::init_spinlock(s.kernel, l, s.unique, s.declared, s.home); });
}

std::vector<Verb> spinlock_verbs() {
  constexpr std::string_view irqflags_h = "include/linux/irqflags.h, v6.18", softirq_c = "kernel/softirq.c, v6.18",
                             preempt_h = "include/linux/preempt.h, v6.18";
  Verb save = cpu("local_irq_save", do_irq_save, irqflags_h, "switches interrupts off on this CPU");
  save.keys = {{"to", KeyKind::to, true, "local that receives whether they were on"}};
  Verb restore = cpu("local_irq_restore", do_irq_restore, irqflags_h, "as local_irq_save() found them");
  restore.operand = OperandKind::local;
  return {
      family.sets_up("spin_lock_init", {}, spinlock_c, "declares a spinlock"),
      lock("spin_lock", do_lock<nothing>, "takes a spinlock: no sleeping until it is released"),
      lock("spin_unlock", do_unlock<nothing>, "releases it"),
      lock("spin_lock_bh", do_lock<softirqs>, "takes it with softirqs off, as a lock needs that a timer takes too"),
      lock("spin_unlock_bh", do_unlock<softirqs>, "releases it"),
      lock("spin_lock_irq", do_lock<interrupts>, "takes it with interrupts off, as a lock needs that a handler takes too"),
      lock("spin_unlock_irq", do_unlock<interrupts>, "releases it"),
      lock("spin_lock_irqsave", do_lock<interrupts>, "the same where interrupts may be off already"),
      lock("spin_unlock_irqrestore", do_unlock<interrupts>, "releases it"),
      trylock("spin_trylock", do_trylock<nothing>, "takes it if it is free"),
      trylock("spin_trylock_bh", do_trylock<softirqs>, "the same with softirqs off"),
      trylock("spin_trylock_irqsave", do_trylock<interrupts>, "the same with interrupts off"),
      cpu("local_irq_disable", on_cpu<model::local_irq_disable>, irqflags_h, "switches interrupts off on this CPU"),
      cpu("local_irq_enable", on_cpu<model::local_irq_enable>, irqflags_h, "switches them on"),
      save,
      restore,
      cpu("local_bh_disable", on_cpu<model::local_bh_disable>, softirq_c, "keeps softirqs off this CPU; nests"),
      cpu("local_bh_enable", on_cpu<model::local_bh_enable>, softirq_c, "undoes one local_bh_disable()"),
      cpu("preempt_disable", do_preempt_disable, preempt_h, "no sleeping until it is undone; nests"),
      cpu("preempt_enable", do_preempt_enable, preempt_h, "undoes one preempt_disable()"),
  };
}

}  // namespace unplug::scenarios
