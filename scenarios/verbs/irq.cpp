// Interrupts.
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

std::uint32_t do_request(Frame& f, const Instruction& i, std::uint32_t next) {
  static const model::StaticName release{"devm free_irq"};
  model::IrqLine& line = f.world.irq_line(i.operand.index);
  model::IrqAction& action = f.binding->things.get<EntityKind::irq>(i.operand.index);
  if (!model::request_irq(f.context, line, action)) return otherwise(f, i, next);
  if (model::Devres* list = i.flags != 0 && !f.aborting() ? devres_of(f, i) : nullptr)
    model::devres_add(f.context, *list,
                      {&release, action.name, [&line, &action](model::Context& c) { model::free_irq(c, line, action); }, &action});
  return next;
}

std::uint32_t do_free(Frame& f, const Instruction& i, std::uint32_t next) {
  model::IrqLine& line = f.world.irq_line(i.operand.index);
  model::IrqAction& action = f.binding->things.get<EntityKind::irq>(i.operand.index);
  // devm_free_irq() warns and returns if the node is gone.
  if (i.flags != 0) {
    model::Devres* list = devres_of(f, i);
    if (list == nullptr || !model::devres_remove(f.context, *list, &action)) return next;
  }
  model::free_irq(f.context, line, action);
  return next;
}

Verb verb(std::string_view name, bool declares, Execute execute, std::uint8_t managed, std::string_view summary) {
  Verb v;
  v.name = name;
  v.operand = declares ? OperandKind::declaration : OperandKind::entity;
  v.entity = EntityKind::irq;
  v.execute = execute;
  if (declares)
    v.keys = {{"fn", KeyKind::function, true, "the handler"}, {"else", KeyKind::otherwise, false, "where to go if the line is taken"}};
  if (managed != 0) v.keys.push_back(other_device);
  v.flags = managed;
  v.models = managed != 0 ? "kernel/irq/devres.c, v6.18" : "kernel/irq/manage.c, v6.18";
  v.leaves_out = "shared lines, threaded handlers, masking, DEBUG_SHIRQ";
  v.summary = summary;
  return v;
}

void lay_out(model::IrqAction& a, const ThingSetup& s) {
  model::IrqLine& line = s.world.irq_line(s.index);
  a.handler = &World::callback_entry;
  a.argument = s.callback();
  model::init_irq_action(s.kernel, line, a, s.unique, s.binding.binding.life);
  s.binding.sources.irqs.push_back({&line, &a});
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<EntityKind::irq>() { return things<EntityKind::irq>(lay_out); }

std::vector<Verb> irq_verbs() {
  return {
      verb("devm_request_irq", true, do_request, 1, "installs a handler that devres frees after remove(); it may run at once"),
      verb("request_irq", true, do_request, 0, "installs a handler; it may run at once"),
      verb("devm_free_irq", false, do_free, 1, "frees a managed interrupt now: no handler starts, running ones are waited for"),
      verb("free_irq", false, do_free, 0, "no handler starts, running ones are waited for; not the work they queued"),
  };
}

}  // namespace unplug::scenarios
