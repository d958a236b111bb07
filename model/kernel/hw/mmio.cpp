#include "unplug/model/kernel/hw/mmio.hpp"

#include <array>

#include "unplug/model/kernel/hw/clock.hpp"
#include "unplug/model/kernel/hw/presence.hpp"
#include "unplug/sim/invariant.hpp"

namespace unplug::model {
namespace {

const Operation request_op{.name = "request_mem_region", .sync = sim::Sync::acquire},
    release_op{.name = "release_mem_region", .sync = sim::Sync::release},
    request_port_op{.name = "request_region", .sync = sim::Sync::acquire},
    release_port_op{.name = "release_region", .sync = sim::Sync::release}, map_op{.name = "ioremap"}, unmap_op{.name = "iounmap"},
    value_op{.name = "value of the register"};
// By width.
constexpr std::size_t widths = 4;
const std::array<Operation, widths> read_ops{{{.name = "readb"}, {.name = "readw"}, {.name = "readl"}, {.name = "readq"}}},
    write_ops{{{.name = "writeb"}, {.name = "writew"}, {.name = "writel"}, {.name = "writeq"}}};
const std::array<Operation, widths - 1> in_ops{{{.name = "inb"}, {.name = "inw"}, {.name = "inl"}}},
    out_ops{{{.name = "outb"}, {.name = "outw"}, {.name = "outl"}}};

constexpr sim::Duration mmio_cost = sim::microsecond;  // a non-posted read over PCIe takes about this long

bool is_port(const Mapping& m) { return m.region->kind == RegionKind::port; }

sim::Step access(Context& context, const Mapping& m, const Operation& operation) {
  sim::Step s = context.make(operation, m.map);
  s.uses.add(m.claim);
  s.cost = mmio_cost;
  return s;
}

void look_at_gates(Context& context, const Mapping& m, const Operation& operation) {
  for (const Gate* gate : m.gates) look_at_gate(context, *gate, operation.name, m.name);
}

std::uint64_t choose_value(Context& context, sim::Step s, std::span<const std::uint64_t> values) {
  if (values.empty()) return 0;
  if (values.size() == 1) return values[0];
  s.alternatives = static_cast<std::uint32_t>(values.size());
  const std::uint32_t c = context.engine().choose(s);
  return values[c < values.size() ? c : 0];
}

bool read_from(Context& context, const Mapping& m, const Presence& device, const Operation& operation, const std::function<void()>& found) {
  sim::Step s = access(context, m, operation);
  s.access = {device.object, sim::AccessKind::read};
  const auto effect = [&](std::uint64_t& word) {
    const bool answered = presence_word::answers(word);
    if (answered && found) found();
    return answered;
  };
  if (device.bus == nullptr) return context.engine().step(s, effect);
  s.guard = sim::Guard::equal(0, presence_word::posted_mask | presence_word::delivering);
  return context.wait(s, {.what = operation.name, .object = device.name, .owner = Owner::hardware, .sleeps = false}, effect);
}

std::uint64_t read_any(Context& context, const Mapping& m, const Operation& operation, Width width, std::span<const std::uint64_t> values) {
  look_at_gates(context, m, operation);
  if (m.device == nullptr) {
    const sim::Step s = access(context, m, operation);
    if (values.size() < 2) context.engine().step(s);
    return choose_value(context, s, values);
  }
  if (!read_from(context, m, *m.device, operation, {})) return all_ones(width);
  return choose_value(context, context.make(value_op), values);
}

void write_any(Context& context, const Mapping& m, const Operation& operation) {
  look_at_gates(context, m, operation);
  context.engine().step(access(context, m, operation));
}

const Operation& port_operation(const std::array<Operation, widths - 1>& operations, Width width) {
  sim::invariant(width != Width::q, "a port has no access of 64 bits: there is no inq()");
  return operations[static_cast<std::size_t>(width)];
}

}  // namespace

void init_region(Kernel& kernel, Region& region, NameId unique_name, NameId declared, RegionKind kind) {
  region = {kernel.engine().new_object(unique_name, 0), declared, 0, kind};
}

void init_mapping(Kernel& kernel, Mapping& m, Region& region, NameId unique_name, NameId declared, LifetimeId owner) {
  static constexpr std::string_view claim = "claim", map = "map";
  sim::NameTable& names = kernel.engine().names();
  m.region = &region;
  m.name = declared;
  m.number = ++region.claims;
  m.device = nullptr;
  m.gates.clear();
  m.map = {};
  const LifetimeKind kind = is_port(m) ? LifetimeKind::port : LifetimeKind::region;
  m.claim = kernel.new_lifetime(names.child(unique_name, claim, 1), kind, declared, owner, false);
  if (!is_port(m)) m.map = kernel.new_lifetime(names.child(unique_name, map, 1), LifetimeKind::mapping, declared, owner, false);
}

bool request_mem_region(Context& context, Mapping& m) {
  sim::Step s = context.make(is_port(m) ? request_port_op : request_op);
  s.access = {m.region->object, sim::AccessKind::write};
  return context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0) return false;
    word = m.number;
    context.engine().begins(m.claim);
    return true;
  });
}

void release_mem_region(Context& context, Mapping& m) {
  sim::Step s = context.make(is_port(m) ? release_port_op : release_op);
  s.access = {m.region->object, sim::AccessKind::write};
  s.ends = m.claim;
  context.engine().step(s, [&](std::uint64_t& word) {
    if (word == m.number) word = 0;
  });
}

void ioremap(Context& context, Mapping& m) {
  sim::Step s = context.make(map_op, m.claim);
  s.begins = m.map;
  context.engine().step(s);
}

void iounmap(Context& context, Mapping& m) {
  sim::Step s = context.make(unmap_op);
  s.ends = m.map;
  context.engine().step(s);
}

std::uint64_t mmio_read(Context& context, const Mapping& m, Width width, std::span<const std::uint64_t> values) {
  return read_any(context, m, read_ops[static_cast<std::size_t>(width)], width, values);
}

void mmio_write(Context& context, const Mapping& m, Width width) { write_any(context, m, write_ops[static_cast<std::size_t>(width)]); }

std::uint64_t port_read(Context& context, const Mapping& m, Width width, std::span<const std::uint64_t> values) {
  return read_any(context, m, port_operation(in_ops, width), width, values);
}

void port_write(Context& context, const Mapping& m, Width width) { write_any(context, m, port_operation(out_ops, width)); }

bool read_device(Context& context, const Mapping& m, const Presence& device, Width width, const std::function<void()>& found) {
  const Operation& operation = read_ops[static_cast<std::size_t>(width)];
  look_at_gates(context, m, operation);
  return read_from(context, m, device, operation, found);
}

void write_device(Context& context, const Mapping& m, const Presence& device, Width width,
                  const std::function<void(std::uint64_t&)>& post) {
  const Operation& operation = write_ops[static_cast<std::size_t>(width)];
  look_at_gates(context, m, operation);
  sim::Step s = access(context, m, operation);
  s.access = {device.object, sim::AccessKind::write};
  context.engine().step(s, [&](std::uint64_t& word) {
    if (presence_word::answers(word)) post(word);
  });
}

}  // namespace unplug::model
