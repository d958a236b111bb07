#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {

Target target_of(Frame& f, Handle h) {
  World& w = f.world;
  const std::size_t declared = w.program().of(EntityKind::allocation).size();
  if (h == 0) return {};
  if (h <= declared * w.program().bindings.size()) {
    BindingInstance& b = w.binding(static_cast<std::uint32_t>((h - 1) / declared));
    return {&b, &b.things, static_cast<std::uint32_t>((h - 1) % declared), true};
  }
  if (Instance* const made = w.instance(h)) return {made->binding, &made->things, made->allocation, false};
  return {};
}

std::optional<std::size_t> number_of(Frame& f, const Target& target, EntityKind kind, std::string_view member) {
  if (target.binding == nullptr) return {};
  std::size_t n = 0;
  const auto& specs = f.world.program().of(kind);
  for (std::size_t k = 0; k < specs.size(); ++k) {
    if (specs[k].allocation != target.allocation) continue;
    if (specs[k].member == member) return target.declared ? k : n;
    ++n;
  }
  return {};
}

Handle container_of(Frame& f, const Operand& o) {
  if (o.kind == Operand::Kind::member) return f.locals[o.local];
  const std::uint32_t in = f.world.program().of(o.entity)[o.index].allocation;
  return in == UINT32_MAX ? 0 : World::declared_allocation(owner(f, o), in);
}

model::Devres* devres_of(Frame& f, const Instruction& i) {
  if (i.second.kind == Operand::Kind::none) return &f.binding->binding.devres;
  const model::Device* const d = thing<EntityKind::device>(f, i.second);
  return d == nullptr ? nullptr : d->devres;
}

int call_back(Frame& f, std::uint32_t function, Handle self) {
  if (f.aborting()) return 0;
  return f.world.call(f.context, function, {.binding = f.binding, .self = self, .runs_for = f.context.binding()});
}

model::Allocation* memory(Frame& f, const Operand& o) {
  if (o.kind == Operand::Kind::local) return f.world.allocation(f.locals[o.local]);
  return f.world.allocation(World::declared_allocation(owner(f, o), o.index));
}

FieldRef field(Frame& f, const Instruction& i) {
  switch (i.operand.kind) {
    case Operand::Kind::file:
      if (f.file != nullptr) return {&f.file->memory, f.file->private_data};
      break;
    case Operand::Kind::entity: {
      const model::Allocation& a = *f.world.allocation(World::declared_allocation(owner(f, i.operand), i.operand.index));
      return {&a, a.fields[i.operand.field].second};
    }
    case Operand::Kind::member:
      if (const model::Allocation* a = f.world.allocation(f.locals[i.operand.local])) {
        const sim::ObjectId o = a->field(f.world.kernel().intern(i.operand.name));
        if (o) return {a, o};
      }
      break;
    case Operand::Kind::element: {
      const std::uint64_t n = f.locals[i.operand.local];
      const model::Allocation& a = *f.world.allocation(World::declared_allocation(owner(f, i.operand), i.operand.index));
      if (n < i.operand.count) return {&a, a.fields[i.operand.field + n].second};
      break;
    }
    case Operand::Kind::local:
    case Operand::Kind::none: break;
  }
  f.world.report_null(f.context, i.operand);
  return {};
}

namespace {

std::uint64_t value(const Frame& f, const Term& t) {
  switch (t.kind) {
    case Term::Kind::constant: return t.constant;
    case Term::Kind::local: return f.locals[t.local];
    case Term::Kind::file: return f.file != nullptr ? f.world.file_handle(*f.file) : 0;
    case Term::Kind::pointer: return f.world.declared_for(*f.binding, t);
  }
  return 0;
}

}  // namespace

std::uint64_t value(const Frame& f, const Value& v) {
  const std::uint64_t left = value(f, v.left);
  switch (v.op) {
    case Value::Op::none: break;
    case Value::Op::plus: return left + value(f, v.right);
    case Value::Op::minus: return left - value(f, v.right);
    case Value::Op::bits_and: return left & value(f, v.right);
    case Value::Op::bits_or: return left | value(f, v.right);
  }
  return left;
}

bool holds(const Frame& f, const Condition& c) { return holds(c.op, f.locals[c.local], value(f, c.right)); }

}  // namespace unplug::scenarios
