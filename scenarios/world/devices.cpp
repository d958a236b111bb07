#include "unplug/scenarios/world/devices.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "unplug/model/kernel/hw/dma.hpp"
#include "unplug/scenarios/world/resize.hpp"
#include "unplug/scenarios/world/world.hpp"

namespace unplug::scenarios {
namespace {

bool takes(const scenarios::Program& p, RemovalStage::Kind k) {
  return std::ranges::find(p.removal, k, &RemovalStage::kind) != p.removal.end();
}

NodeOf node_of(const EntitySpec& e) { return static_cast<NodeOf>(e.flags); }

}  // namespace

model::IrqLine& DeviceInstance::irq_line(std::uint32_t i) { return irq_lines[world->devices().irq_root(i)]; }

model::AddressSpace* DeviceInstance::address_space(EntityKind kind, std::uint32_t i) {
  if (address_spaces.empty()) return nullptr;
  return &address_spaces[kind == EntityKind::chardev ? i : chardevs.size() + i];
}

Devices::Devices(World& world) : world_(world), program_(world.program()), kernel_(world.kernel()) {
  const scenarios::Program& p = program_;
  const auto& irqs = p.of(EntityKind::irq);
  for (std::uint32_t i = 0; i < irqs.size(); ++i) {
    irq_roots_.push_back(i);
    for (const Operand* o = irqs[i].thing(irq_key::shares); o != nullptr; o = irqs[o->index].thing(irq_key::shares))
      irq_roots_.back() = o->index;
  }
  std::uint64_t others = 0;
  for (const EntitySpec& e : irqs) others += e.number(irq_key::other_drivers);
  const bool maps = std::ranges::any_of(p.fops, [](const FopsSpec& f) { return f.of(FileOp::mmap) != UINT32_MAX; });
  resize(list_, p.devices.size());
  const auto alone = static_cast<std::uint32_t>(std::ranges::count(p.devices, false, &DeviceSpec::real));
  for (std::uint32_t i = 0; i < list_.size(); ++i) {
    DeviceInstance& d = list_[i];
    d.world = &world;
    d.spec = &p.devices[i];
    d.number = i;
    d.label = i < alone ? static_cast<std::uint32_t>(list_.size()) - alone + i : i - alone;
    resize(d.chardevs, p.of(EntityKind::chardev).size());
    resize(d.irq_lines, irqs.size());
    resize(d.other_actions, others);
    resize(d.regions, p.of(EntityKind::mapping).size());
    resize(d.other_claims, d.regions.size());
    resize(d.device_numbers, p.of(EntityKind::cdev).size());
    resize(d.device_nodes, d.device_numbers.size());
    resize(d.address_spaces, maps ? d.chardevs.size() + d.device_numbers.size() : 0);
  }
}

sim::NameId Devices::unique(const DeviceInstance& d, const std::string& name) {
  static constexpr std::string_view part = "device";
  const sim::NameId n = kernel_.intern(name);
  return d.label == 0 ? n : kernel_.engine().names().child(n, part, d.label + 1);
}

std::string Devices::name_of(const DeviceInstance& d) const {
  if (!d.spec->real) return d.spec->name + " module";
  return d.spec->name.empty() ? program_.modules[d.spec->module].name + " device" : d.spec->name;
}

void Devices::setup() {
  const scenarios::Program& p = program_;
  if (!p.of(EntityKind::cdev).empty()) model::init_cdev_map(kernel_, cdev_map_);
  const auto registered_by = [&p](NodeOf who) {
    return std::ranges::any_of(p.of(EntityKind::chardev), [who](const EntitySpec& e) { return node_of(e) == who; });
  };
  if (registered_by(NodeOf::misc)) {
    static const model::StaticName misc{"misc_mtx"};
    model::init_mutex(kernel_, misc_mtx_, kernel_.intern(misc), kernel_.intern(misc), {});
  }
  if (registered_by(NodeOf::usb)) {
    static const model::StaticName minor{"minor_rwsem"};
    model::init_rwsem(kernel_, minor_rwsem_, kernel_.intern(minor), kernel_.intern(minor), {});
  }
  if (takes(p, RemovalStage::Kind::pci_remove)) {
    static const model::StaticName lock{"pci_rescan_remove_lock"};
    model::init_mutex(kernel_, rescan_remove_, kernel_.intern(lock), kernel_.intern(lock), {});
  }
  if (p.several()) {
    static const model::StaticName probed{"devices probed"};
    probed_ = kernel_.engine().new_object(kernel_.intern(probed), 0);
  }
  for (DeviceInstance& d : list_) setup(d);
  setup_links();
}

void Devices::setup(DeviceInstance& d) {
  const sim::NameId name = kernel_.intern(name_of(d));
  model::init_device(kernel_, d.device, name, name);
  setup_nodes(d);
  setup_lines(d);
  setup_regions(d);
  setup_hardware(d);
}

void Devices::setup_nodes(DeviceInstance& d) {
  const auto& chardevs = program_.of(EntityKind::chardev);
  for (std::size_t i = 0; i < chardevs.size(); ++i)
    model::init_char_device(kernel_, d.chardevs[i], unique(d, chardevs[i].name), kernel_.intern(chardevs[i].name),
                            node_of(chardevs[i]) == NodeOf::misc ? &misc_mtx_ : nullptr,
                            node_of(chardevs[i]) == NodeOf::usb ? &minor_rwsem_ : nullptr);
  const auto& cdevs = program_.of(EntityKind::cdev);
  for (std::size_t i = 0; i < cdevs.size(); ++i) {
    const sim::NameId n = unique(d, cdevs[i].name);
    static constexpr std::string_view number = "number", node = "node";
    model::init_device_number(kernel_, cdev_map_, d.device_numbers[i], kernel_.engine().names().child(n, number, 1));
    model::init_device_node(kernel_, d.device_numbers[i], d.device_nodes[i], kernel_.engine().names().child(n, node, 1),
                            kernel_.intern(cdevs[i].name), (cdevs[i].flags & cdev_flag::has_node) == 0);
  }
  for (std::size_t i = 0; i < d.address_spaces.size(); ++i) {
    static constexpr std::string_view mapping = "i_mapping";
    const auto& specs = i < chardevs.size() ? chardevs : cdevs;
    const sim::NameId n = unique(d, specs[i < chardevs.size() ? i : i - chardevs.size()].name);
    model::init_address_space(kernel_, d.address_spaces[i], kernel_.engine().names().child(n, mapping, 1));
  }
}

void Devices::setup_lines(DeviceInstance& d) {
  static constexpr std::string_view other = "another driver";
  const auto& irqs = program_.of(EntityKind::irq);
  for (std::size_t i = 0; i < irqs.size(); ++i) {
    model::init_irq_line(kernel_, d.irq_lines[i], unique(d, irqs[i].name), kernel_.intern(irqs[i].name));
    d.irq_lines[i].level = (irqs[i].number(irq_key::flags) & irq_flag::level) != 0;
  }
  std::size_t others = 0;
  for (std::uint32_t i = 0; i < irqs.size(); ++i) {
    for (std::uint64_t k = 0; k < irqs[i].number(irq_key::other_drivers); ++k) {
      model::IrqAction& a = d.other_actions[others++];
      a = {};
      a.handler = [](model::Context&, void*) {};
      a.shared = true;
      a.oneshot = (irqs[i].number(irq_key::flags) & irq_flag::oneshot) != 0;
      a.line = &d.irq_line(i);
      model::init_irq_action(kernel_, *a.line, a,
                             kernel_.engine().names().child(unique(d, irqs[i].name), other, static_cast<std::uint32_t>(k + 1)), {});
    }
  }
}

void Devices::setup_regions(DeviceInstance& d) {
  const auto& mappings = program_.of(EntityKind::mapping);
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const sim::NameId n = unique(d, mappings[i].name), declared = kernel_.intern(mappings[i].name);
    model::init_region(kernel_, d.regions[i], n, declared);
    static constexpr std::string_view other = "other driver";
    model::init_mapping(kernel_, d.other_claims[i], d.regions[i], kernel_.engine().names().child(n, other, 1), declared, {});
  }
}

void Devices::setup_hardware(DeviceInstance& d) {
  using enum RemovalStage::Kind;
  const HardwareSpec& spec = program_.hardware;
  Hardware& h = d.hardware;
  const bool pulled = takes(program_, pci_remove), unplugged = takes(program_, usb_disconnect), added = d.spec->added;
  h.watched = spec.presence;
  const sim::NameId name = kernel_.intern(name_of(d));
  static constexpr std::string_view presence = "hardware", bus = "bus", pci = "pci", port = "usb device";
  if (spec.presence) model::init_presence(kernel_, h.presence, kernel_.engine().names().child(name, presence, 1), name);
  if (spec.pci) model::init_pci_device(kernel_, h.pci, h.presence, kernel_.engine().names().child(name, pci, 1), name);
  if (!spec.registers.empty()) model::init_bus(kernel_, h.presence, kernel_.engine().names().child(name, bus, 1));
  resize(h.registers, spec.registers.size());
  for (std::size_t i = 0; i < spec.registers.size(); ++i) {
    const HardwareSpec::Register& r = spec.registers[i];
    model::DeviceRegister& made = h.registers[i];
    made.effect = nullptr;
    model::init_register(made, h.presence, unique(d, program_.of(EntityKind::mapping)[r.mapping].name + "." + r.name), r.initial);
  }
  if (pulled || unplugged || added || d.spec->counted) {
    model::init_device_core(kernel_, d.device, name, {}, !added);
    d.device.release = [](model::Context&) {};  // of the bus's, which is not looked at
  }
  if (unplugged) {
    const sim::NameId n = kernel_.engine().names().child(name, port, 1);
    model::init_device(kernel_, h.hub_port, n, name);
    model::init_device_core(kernel_, h.hub_port, n, {}, true);
    h.hub_port.release = [](model::Context&) {};
    model::set_parent(d.device, h.hub_port, true);
  }
  setup_ancestry(d, !unplugged);
}

void Devices::setup_ancestry(DeviceInstance& d, bool set_parent) {
  if (d.spec->parent == UINT32_MAX) return;
  if (set_parent) model::set_parent(d.device, list_[d.spec->parent].device);
  // Steps of drivers may name it.
  const sim::NameId device = kernel_.intern(name_of(d));
  static constexpr std::string_view devres = "devres of its own";
  d.device.devres = &world_.new_devres();
  model::init_devres(kernel_, *d.device.devres, kernel_.engine().names().child(device, devres, 1), device, {});
}

void Devices::setup_links() {
  if (std::ranges::all_of(program_.devices, [](const DeviceSpec& d) { return d.suppliers.empty(); })) return;
  static const model::StaticName name{"device_links"};
  model::init_device_links(kernel_, links_, kernel_.intern(name));
  for (DeviceInstance& d : list_)
    for (const std::uint32_t s : d.spec->suppliers) model::add_device_link(links_, list_[s].device, d.device);
}

void Devices::setup_effects() {
  for (DeviceInstance& d : list_) {
    resize(d.register_effects, d.hardware.registers.size());
    for (std::size_t i = 0; i < d.register_effects.size(); ++i) {
      const HardwareSpec::Register& r = program_.hardware.registers[i];
      if (r.doorbell.kind == Operand::Kind::none && !r.masks) continue;
      d.register_effects[i] = {&d, &r};
      d.hardware.registers[i].effect = &Devices::register_written;
      d.hardware.registers[i].argument = &d.register_effects[i];
    }
  }
}

void Devices::register_written(model::Context& context, std::uint64_t value, void* argument) {
  const auto& [device, r] = *static_cast<DeviceInstance::RegisterEffect*>(argument);
  if (r->masks) device->world->switch_interrupts(context, *device, *r->masks, value != 0);
  if (r->doorbell.kind == Operand::Kind::none || context.aborting()) return;
  model::dma_doorbell(context, value, &device->first->things.get<EntityKind::dma_engine>(r->doorbell.index));
}

}  // namespace unplug::scenarios
