#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

// Which declared memory a pointer points to.
struct Target {
  BindingInstance* binding = nullptr;
  std::uint32_t allocation = 0;
};

Target target_of(Frame& f, Handle h) {
  const std::size_t declared = f.world.program().of(EntityKind::allocation).size();
  if (h == 0 || declared == 0 || h > declared * f.world.program().bindings) return {};
  return {&f.world.binding(static_cast<std::uint32_t>((h - 1) / declared)), static_cast<std::uint32_t>((h - 1) % declared)};
}

template <class T> T* resolve(Frame& f, const Instruction& i, EntityKind kind, std::deque<T> BindingInstance::*list) {
  if (i.operand.kind == Operand::Kind::entity) return &(f.binding->*list)[i.operand.index];
  const Target t = target_of(f, f.locals[i.operand.local]);
  if (t.binding != nullptr) {
    const auto& specs = f.world.program().of(kind);
    for (std::size_t k = 0; k < specs.size(); ++k)
      if (specs[k].allocation == t.allocation && specs[k].member == i.operand.name) return &(t.binding->*list)[k];
  }
  f.world.report_null(i);
  return nullptr;
}

}  // namespace

model::Mutex* mutex(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::mutex, &BindingInstance::mutexes); }
model::Rwsem* rwsem(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::rwsem, &BindingInstance::rwsems); }
model::Srcu* srcu(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::srcu, &BindingInstance::srcus); }
model::Waiter* completion(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::completion, &BindingInstance::completions); }
model::Waiter* fence(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::fence, &BindingInstance::fences); }
model::Spinlock* spinlock(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::spinlock, &BindingInstance::spinlocks); }
model::DelayedWork* delayed_work(Frame& f, const Instruction& i) {
  return resolve(f, i, EntityKind::delayed_work, &BindingInstance::delayed_works);
}
model::Timer* timer(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::timer, &BindingInstance::timers); }
model::Timer* hrtimer(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::hrtimer, &BindingInstance::hrtimers); }
model::SysfsAttribute* attribute(Frame& f, const Instruction& i) {
  return resolve(f, i, EntityKind::attribute, &BindingInstance::attributes);
}
model::Kthread* kthread(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::kthread, &BindingInstance::kthreads); }
model::Work* work(Frame& f, const Instruction& i) { return resolve(f, i, EntityKind::work, &BindingInstance::works); }

FieldRef field(Frame& f, const Instruction& i) {
  switch (i.operand.kind) {
    case Operand::Kind::file:
      if (f.file != nullptr) return {&f.file->memory, f.file->private_data};
      break;
    case Operand::Kind::entity: {
      const model::Allocation& a = *f.world.allocation(f.world.declared_allocation(*f.binding, i.operand.index));
      return {&a, a.fields[i.operand.field].second};
    }
    case Operand::Kind::member:
      if (const model::Allocation* a = f.world.allocation(f.locals[i.operand.local])) {
        const sim::ObjectId o = a->field(f.world.kernel().intern(i.operand.name));
        if (o) return {a, o};
      }
      break;
    case Operand::Kind::none: break;
  }
  f.world.report_null(i);
  return {};
}

std::uint64_t value(const Frame& f, const Instruction& i) {
  switch (i.value.kind) {
    case Value::Kind::constant: return i.value.constant;
    case Value::Kind::local: return f.locals[i.value.local];
    case Value::Kind::pointer: return f.world.declared_allocation(*f.binding, static_cast<std::uint32_t>(i.value.constant));
  }
  return 0;
}

}  // namespace unplug::scenarios
