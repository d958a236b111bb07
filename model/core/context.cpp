#include "unplug/model/core/context.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace unplug::model {

sim::Step Context::make(const Operation& operation, LifetimeId home) {
  if (interrupts != nullptr) [[unlikely]]
    interrupts->before_step(*this);
  sim::Step s;
  s.operation = &operation;
  s.uses.add(text_).add(binding_).add(home);
  return s;
}

std::uint32_t Context::choose_end(const sim::Step& s, const WaitInfo& info) {
  const TaskId me = engine().current();
  if (!aborting()) kernel_.set_waiting(me, &info);
  const std::uint32_t chosen = engine().choose(s);
  if (!aborting()) kernel_.set_waiting(me, nullptr);
  return chosen;
}

void Context::sleep(const Operation& operation, sim::Duration duration) {
  sim::Step s = make(operation);
  leave_cpu(operation.name);
  s.sleep = duration;
  engine().step(s);
  back_on_cpu();
}

void Context::compute(const Operation& operation, sim::Duration duration) {
  sim::Step s = make(operation);
  s.cost = duration;
  engine().step(s);
}

void Context::might_sleep(std::string_view what) {
  leave_cpu(what);
  back_on_cpu();
}

void Context::leave_cpu(std::string_view what) {
  if (kind_ != ContextKind::process) {
    kernel_.report(ViolationClass::sleep_in_atomic, kernel_.intern(what),
                   fmt::format("{} may sleep, in {} context", what, kind_ == ContextKind::hardirq ? "hard interrupt" : "softirq"),
                   Shown::next);
  } else if (!spinlocks.empty()) {
    kernel_.report(ViolationClass::sleep_in_atomic, kernel_.intern(what), fmt::format("{} may sleep, under a spinlock", what), Shown::next);
  } else if (irqs_off || softirqs_off > 0) {
    kernel_.report(ViolationClass::sleep_in_atomic, kernel_.intern(what),
                   fmt::format("{} may sleep, with {} off", what, irqs_off ? "interrupts" : "softirqs"), Shown::next);
  } else if (preempt_off > 0) {
    kernel_.report(ViolationClass::sleep_in_atomic, kernel_.intern(what), fmt::format("{} may sleep, with preemption off", what),
                   Shown::next);
  } else if (rcu_nesting > 0) {
    kernel_.report(ViolationClass::sleep_in_atomic, kernel_.intern(what),
                   fmt::format("{} may sleep, inside an RCU read-side section", what), Shown::next);
    if (!kernel_.config().preempt_rcu) rcu->note_context_switch(*this);
  }
}

void Context::back_on_cpu() {
  if (rcu_nesting > 0 && !aborting()) rcu->note_resume(*this);
}

void Context::begin_wait(const WaitInfo& info) {
  if (aborting()) return;
  if (info.sleeps) leave_cpu(info.what);
  const TaskId me = engine().current();
  kernel_.set_waiting(me, &info);
  if (me == kernel_.remover && kernel_.removal_phase != RemovalPhase::none)
    kernel_.removal_waits.push_back({kernel_.removal_phase, info.what, info.object, info.owner, UINT32_MAX, me});
}

void Context::end_wait() {
  if (aborting()) return;  // a task that is being unwound is still waiting, as far as the checker is concerned
  const TaskId me = engine().current();
  kernel_.set_waiting(me, nullptr);
  if (me == kernel_.remover && kernel_.removal_phase != RemovalPhase::none && !kernel_.removal_waits.empty())
    kernel_.removal_waits.back().event = static_cast<std::uint32_t>(engine().trace().events.size() - 1);
  back_on_cpu();
}

Context::Function::Function(Context& context, NameId function, LifetimeId text, LifetimeId binding)
    : context_(context), frame_(context.frame_), site_(context.site_), text_(context.text_), binding_(context.binding_) {
  context.frame_ = context.kernel_.frame(context.frame_, function);
  context.text_ = text;
  context.binding_ = binding;
}

Context::Call::Call(Context& context, std::string_view what) : context_(context), what_(what) {
  for (const HeldLock& h : context.held) held_.push_back(h.object);
}

Context::Function::~Function() {
  context_.frame_ = frame_;
  context_.text_ = text_;
  context_.binding_ = binding_;
  context_.at(site_);
}

Context::Call::~Call() {
  if (context_.aborting()) return;
  Kernel& k = context_.kernel_;
  for (HeldLock& h : context_.held) {
    const bool before = std::ranges::find(held_, h.object) != held_.end();
    if (before || h.told || (h.map && !h.section)) continue;
    k.report(ViolationClass::leak, h.name,
             h.map ? fmt::format("{} returns in an SRCU read-side section of '{}'", what_, k.text(h.name))
                   : fmt::format("{} returns with lock '{}' held", what_, k.text(h.name)));
    h.told = true;
  }
}

void Context::at(SiteId site) {
  site_ = site;
  engine().set_site(site, frame_);
}

void Context::lock_acquire(ObjectId object, NameId name, LockUse use) {
  if (aborting()) return;
  const auto position = static_cast<std::uint32_t>(engine().trace().events.size());
  for (const HeldLock& h : held)
    if (!h.unchecked) kernel_.note_lock_order({h, {object, name, use}, engine().current(), site_, frame_, position});
}

bool Context::lock_release(ObjectId object) {
  const auto last = std::ranges::find(held.rbegin(), held.rend(), object, &HeldLock::object);
  if (last == held.rend()) return false;
  held.erase(std::next(last).base());
  return true;
}

void Context::finish() {
  if (aborting()) return;
  for (HeldLock& h : held) {
    if (h.told || (h.map && !h.section)) continue;
    kernel_.report(ViolationClass::leak, h.name,
                   h.map ? fmt::format("it ends in an SRCU read-side section of '{}' that it began", kernel_.text(h.name))
                         : fmt::format("lock '{}' is still held", kernel_.text(h.name)));
    h.told = true;
  }
  static const StaticName irqs{"local_irq_disable"}, softirqs{"local_bh_disable"};
  if (irqs_off) kernel_.report(ViolationClass::leak, kernel_.intern(irqs), "interrupts are still off");
  if (softirqs_off > 0) kernel_.report(ViolationClass::leak, kernel_.intern(softirqs), "softirqs are still off");
  if (rcu_nesting > 0) kernel_.report(ViolationClass::leak, rcu->name, "an RCU read-side section is still open");
  if (hazptr.target != nullptr) kernel_.report(ViolationClass::leak, hazptr.name, "a hazard pointer is still set");
}

}  // namespace unplug::model
