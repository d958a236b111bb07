// DMA: what the device may reach, by the name of the memory; and the engine that reaches it.
#include "unplug/model/kernel/hw/dma.hpp"
#include "unplug/model/kernel/irq/irq.hpp"
#include "unplug/scenarios/language/function_compiler.hpp"
#include "unplug/scenarios/verbs/families.hpp"
#include "unplug/scenarios/verbs/resolve.hpp"

namespace unplug::scenarios {
namespace {

constexpr auto buffer = EntityKind::dma_buffer, engine = EntityKind::dma_engine;
constexpr std::string_view mapping_c = "kernel/dma/mapping.c, v6.18";

// The mapping of a piece of memory is a thing embedded in it, under this name, made for whoever maps it (compile).
constexpr std::string_view part = "dma";

model::DmaBuffer* mapped(Frame& f, const Operand& memory) {
  const Handle h =
      memory.kind == Operand::Kind::local ? f.locals[memory.local] : World::declared_allocation(owner(f, memory), memory.index);
  const Target t = target_of(f, h);
  const auto n = number_of(f, t, buffer, part);
  if (!n) f.world.report_null(f.context, memory);
  return n ? &t.things->get<buffer>(*n) : nullptr;
}

model::DmaEngine& the_engine(Frame& f, const Instruction& i) {
  return owner(f, i.operand).device->first->things.get<engine>(i.operand.index);
}

template <auto function> std::uint32_t on_buffer(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::DmaBuffer* const b = mapped(f, i.operand)) function(f.context, *b);
  return next;
}

std::uint32_t do_alloc(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::DmaBuffer* const b = mapped(f, i.operand)) model::dma_alloc_coherent(f.context, *b, static_cast<model::Gfp>(i.amount));
  return next;
}

std::uint32_t do_start(Frame& f, const Instruction& i, std::uint32_t next) {
  if (model::DmaBuffer* const b = mapped(f, i.second)) model::dma_start(f.context, the_engine(f, i), *b);
  return next;
}

template <auto function> std::uint32_t on_engine(Frame& f, const Instruction& i, std::uint32_t next) {
  function(f.context, the_engine(f, i));
  return next;
}

// Every piece of memory that somebody maps has a DmaBuffer; a pointer may lead to any that has fields in common with them.
void need_buffer(FunctionCompiler& c, const Operand& memory) {
  auto& specs = c.entities().specs;
  auto& buffers = specs[static_cast<std::size_t>(buffer)];
  const auto& allocations = specs[static_cast<std::size_t>(EntityKind::allocation)];
  for (std::uint32_t a = 0; a < allocations.size(); ++a) {
    if (memory.kind == Operand::Kind::entity && memory.index != a) continue;
    if (std::ranges::find(buffers, a, &EntitySpec::allocation) != buffers.end()) continue;
    EntitySpec spec;
    spec.name = allocations[a].name + ".dma";
    spec.member = std::string(part);
    spec.allocation = a;
    buffers.push_back(std::move(spec));
  }
}

void compile_buffer(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  need_buffer(c, c.at(c.here() - 1).operand);
}

void compile_start(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  Instruction i;
  i.execute = verb.execute;
  i.acts = true;
  if (const auto e = c.entity(operand, engine)) i.operand = *e;
  if (const Node memory = step.find("buffer")) {
    if (const auto m = c.memory(memory)) {
      i.second = *m;
      need_buffer(c, *m);
    }
  }
  c.emit(std::move(i));
}

// What the hardware programs its engine with is the mapping that the declaration names.
void compile_engine(FunctionCompiler& c, const Verb& verb, Node step, Node operand) {
  c.generic(verb, step, operand);
  if (const Node memory = step.find("buffer"))
    if (const auto m = c.entity(memory, EntityKind::allocation)) need_buffer(c, *m);
}

void lay_out_buffer(model::DmaBuffer& b, const ThingSetup& s) {
  const EntitySpec& memory = s.world.program().of(EntityKind::allocation)[s.spec.allocation];
  model::init_dma_buffer(s.kernel, b, *s.world.allocation(s.self), s.unique, s.kernel.intern(memory.name), s.binding.binding.life);
}

void lay_out_engine(model::DmaEngine& e, const ThingSetup& s) {
  if (&s.binding != s.binding.device->first) return;  // it is hardware: there is one of each device, whoever is bound
  const Program& p = s.world.program();
  e.device = s.binding.device->hardware.device();
  e.pci = p.hardware.pci;
  e.transfers = s.spec.number("transfers", 1);
  e.programmed = nullptr;
  if (const Operand* memory = s.spec.thing("buffer")) {
    const auto& buffers = p.of(buffer);
    const auto found = std::ranges::find(buffers, memory->index, &EntitySpec::allocation);
    e.programmed = &s.binding.things.get<buffer>(static_cast<std::size_t>(found - buffers.begin()));
  }
  e.finished = nullptr;
  if (const Operand* irq = s.spec.thing("irq")) {
    e.argument = &s.binding.device->irq_line(irq->index);
    e.finished = [](model::Context& c, void* line) { model::raise_irq(c.kernel(), *static_cast<model::IrqLine*>(line)); };
  }
  model::init_dma_engine(s.kernel, e, s.unique, s.declared, s.task_name("DMA"));
}

constexpr VerbFamily buffers{buffer,
                             "directions, ownership between dma_sync_*() calls, masks, scatter lists, bounce buffers, failure to map"},
    engines{engine, "what is transferred; descriptors"};

Verb on_memory(std::string_view name, Execute execute, std::string_view summary) {
  Verb v = buffers.on_thing(name, execute, {}, mapping_c, summary);
  v.operand = OperandKind::memory;
  v.compile = compile_buffer;
  return v;
}

}  // namespace

template <> std::unique_ptr<ThingList> make_things<buffer>() { return things<buffer>(lay_out_buffer); }
template <> std::unique_ptr<ThingList> make_things<engine>() { return things<engine>(lay_out_engine); }

std::vector<Verb> dma_verbs() {
  Verb coherent = buffers.declares("dma_alloc_coherent", do_alloc,
                                   {{"fields", KeyKind::fields, false, "names and initial values of its fields"},
                                    {"flags", KeyKind::words, false, "GFP_ATOMIC: it does not sleep", EntityKind::none, "GFP_ATOMIC"}},
                                   mapping_c, "memory that the device may reach from the start");
  coherent.entity = EntityKind::allocation;
  coherent.compile = compile_buffer;
  Verb declares = engines.sets_up("dma_engine",
                                  {{"buffer", KeyKind::thing, false,
                                    "memory whose mapping a write to its register (\"doorbell\") starts it on", EntityKind::allocation},
                                   {"transfers", KeyKind::number, false, "how many it makes after a start, before it stops by itself"},
                                   {"irq", KeyKind::thing, false, "the interrupt that it raises after each", EntityKind::irq}},
                                  "hardware", "what the device does DMA with: in probe(), where the driver finds it");
  declares.compile = compile_engine;
  Verb start = engines.on_thing("dma_start", do_start, {{"buffer", KeyKind::custom, true, "the memory, as it is mapped"}}, "hardware",
                                "the device begins transfers: it owns the mapping until it is stopped and idle");
  start.compile = compile_start;
  return {
      coherent,
      on_memory("dma_free_coherent", on_buffer<model::dma_free_coherent>, "takes the right away and frees the memory"),
      on_memory("dma_map_single", on_buffer<model::dma_map_single>, "the device may reach memory of the driver's"),
      on_memory("dma_unmap_single", on_buffer<model::dma_unmap_single>, "it may not any more; the memory has to be there still"),
      declares,
      start,
      engines.on_thing("dma_stop", on_engine<model::dma_stop>, {}, "hardware",
                       "no further transfer begins; one in flight is not waited for"),
      engines.on_thing("dma_wait_idle", on_engine<model::dma_wait_idle>, {}, "hardware", "waits until no transfer is in flight"),
  };
}

}  // namespace unplug::scenarios
