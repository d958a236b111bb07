#include "unplug/model/kernel/mmio.hpp"

namespace unplug::model {
namespace {

const Operation request_op{.name = "request_mem_region", .sync = sim::Sync::acquire},
    release_op{.name = "release_mem_region", .sync = sim::Sync::release}, map_op{.name = "ioremap"}, unmap_op{.name = "iounmap"},
    read_op{.name = "readl"}, write_op{.name = "writel"};

constexpr sim::Duration mmio_cost = sim::microsecond;  // a non-posted read over PCIe takes about this long

}  // namespace

void init_region(Kernel& kernel, Region& region, NameId unique_name, NameId declared) {
  region = {kernel.engine().new_object(unique_name, 0), declared, 0};
}

void init_mapping(Kernel& kernel, Mapping& m, Region& region, NameId unique_name, NameId declared, LifetimeId owner) {
  static constexpr std::string_view claim = "claim", map = "map";
  sim::NameTable& names = kernel.engine().names();
  m.region = &region;
  m.name = declared;
  m.number = ++region.claims;
  m.claim = kernel.new_lifetime(names.child(unique_name, claim, 1), LifetimeKind::region, declared, owner, false);
  m.map = kernel.new_lifetime(names.child(unique_name, map, 1), LifetimeKind::mapping, declared, owner, false);
}

bool request_mem_region(Context& context, Mapping& m) {
  sim::Step s = context.make(request_op);
  s.access = {m.region->object, sim::AccessKind::write};
  s.begins = m.claim;
  return context.engine().step(s, [&](std::uint64_t& word) {
    if (word != 0) {
      context.engine().begin_nothing();
      return false;
    }
    word = m.number;
    return true;
  });
}

void release_mem_region(Context& context, Mapping& m) {
  sim::Step s = context.make(release_op);
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

std::uint64_t readl(Context& context, const Mapping& m, std::span<const std::uint64_t> values) {
  sim::Step s = context.make(read_op, m.map);
  s.uses.add(m.claim);
  s.cost = mmio_cost;
  if (values.size() < 2) {
    context.engine().step(s);
    return values.empty() ? 0 : values[0];
  }
  s.alternatives = static_cast<std::uint32_t>(values.size());
  const std::uint32_t c = context.engine().choose(s);
  return values[c < values.size() ? c : 0];
}

void writel(Context& context, const Mapping& m) {
  sim::Step s = context.make(write_op, m.map);
  s.uses.add(m.claim);
  s.cost = mmio_cost;
  context.engine().step(s);
}

}  // namespace unplug::model
